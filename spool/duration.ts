import { SpoolError } from './errors.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const FORM = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/;

/** A length of time as users write it: a number of seconds, or text such as `500ms 5s 2m 1h 7d`. */
export type Duration = number | string;

/** Milliseconds, or undefined when `value` is not a duration. Negative and infinite values are not. */
export function durationMs(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.round(value * 1_000) : undefined;
  const match = typeof value === 'string' ? FORM.exec(value.trim()) : null;
  if (!match) return undefined;
  const ms = Math.round(Number(match[1]) * (UNITS[match[2] ?? 's'] as number));
  return Number.isFinite(ms) ? ms : undefined;
}

/** Milliseconds; throws SpoolError `INVALID_DURATION` that names `what` when `value` is not a duration. */
export function parseDuration(value: unknown, what: string): number {
  const ms = durationMs(value);
  if (ms !== undefined) return ms;
  throw new SpoolError(
    'INVALID_DURATION',
    `${what}: expected a number of seconds or a text such as 500ms, 5s, 2m, 1h or 7d, got ${JSON.stringify(value)}`,
  );
}

/** `800ms`, `1.3s`, `30s`, `1m 30s`, `2h`: for people, two units at most. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1).replace('.0', '')}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return twoUnits(Math.floor(seconds / 60), 'm', seconds % 60, 's');
  if (seconds < 86_400) return twoUnits(Math.floor(seconds / 3_600), 'h', Math.floor((seconds % 3_600) / 60), 'm');
  return twoUnits(Math.floor(seconds / 86_400), 'd', Math.floor((seconds % 86_400) / 3_600), 'h');
}

function twoUnits(large: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${unit}` : `${large}${unit} ${small}${smallUnit}`;
}
