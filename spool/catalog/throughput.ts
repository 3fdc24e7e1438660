import type { Columns } from './columns.ts';
import type { Entry } from './job-folder.ts';

/** Jobs that ended in one stretch of time that began at `from` (milliseconds since the epoch). */
export type Bucket = { from: number; completed: number; failed: number };

/** What ended in `count` stretches of `stepMs` each, the last of which holds `now`. `over` is newest first. */
export function throughput(columns: Columns, over: readonly Entry[], now: number, stepMs: number, count: number): Bucket[] {
  const first = (Math.floor(now / stepMs) - count + 1) * stepMs;
  const buckets = Array.from({ length: count }, (_, index) => ({ from: first + index * stepMs, completed: 0, failed: 0 }));
  const bucketAt = (ms: number) => buckets[Math.floor((ms - first) / stepMs)];
  const { order, finishedAt } = columns;
  for (let at = columns.since(first); at < order.length; at++) {
    const bucket = bucketAt(finishedAt[order[at] as number] as number);
    if (bucket) bucket.completed += 1;
  }
  for (const { folder, fact } of over) {
    if (!fact || fact.at < first) break;
    const bucket = folder === 'failed' ? bucketAt(fact.at) : undefined;
    if (bucket) bucket.failed += 1;
  }
  return buckets;
}
