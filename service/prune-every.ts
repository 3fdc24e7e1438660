import type { Retention } from '../spool/prune.ts';

const RARELY_MS = 3_600_000;
/** To look for what is old means to list folders. */
const OFTEN_MS = 5_000;

/** How often to look for what is older than its retention, in milliseconds: every hour, and more often where less than four hours are kept. */
export function pruneEvery({ keepCompletedMs, keepFailedMs, keepLogsMs }: Retention): number {
  return Math.min(RARELY_MS, Math.max(OFTEN_MS, Math.min(keepCompletedMs, keepFailedMs, keepLogsMs) / 4));
}
