import { type Columns, UNKNOWN } from './columns.ts';

/** Median and 95th percentile in milliseconds; undefined when nothing was measured. */
export type Percentiles = { count: number; p50: number | undefined; p95: number | undefined };

/** How long jobs that completed since `since` (milliseconds since the epoch) waited, and how long they ran. */
export function timings(columns: Columns, since: number): { wait: Percentiles; run: Percentiles } {
  const { order, waitMs, durationMs } = columns;
  const rows = order.subarray(columns.since(since));
  return { wait: percentiles(rows, waitMs), run: percentiles(rows, durationMs) };
}

// Of many, every so manieth is enough to tell.
function percentiles(rows: Uint32Array, column: Uint32Array): Percentiles {
  const step = Math.max(1, Math.floor(rows.length / MAX_SAMPLE));
  const sample = new Uint32Array(Math.ceil(rows.length / step));
  let measured = 0;
  for (let at = 0; at < rows.length; at += step) {
    const ms = column[rows[at] as number] as number;
    if (ms !== UNKNOWN) sample[measured++] = ms;
  }
  const sorted = sample.subarray(0, measured).sort();
  const at = (share: number) => sorted[Math.max(0, Math.ceil(measured * share) - 1)];
  return { count: rows.length, p50: at(0.5), p95: at(0.95) };
}

const MAX_SAMPLE = 20_000;
