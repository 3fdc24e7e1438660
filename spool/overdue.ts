import { isBatchFile } from './drop-name.ts';
import type { Spool } from './spool.ts';

/**
 * For how many milliseconds the job of a file has been waiting since it was due; undefined when the file is gone. What came to its folder later than its
 * run-at, such as a job that was retried by hand, has waited since then. `runAt` and `now` in milliseconds since the epoch.
 */
export function overdueMs({ disk }: Spool, file: string, runAt: number, now: number): number | undefined {
  const facts = disk.facts(file);
  // The lines of a batch have one file: with each claim its name changes, and its time with that.
  const cameAt = isBatchFile(file) ? facts?.mtimeMs : facts?.ctimeMs;
  return cameAt === undefined ? undefined : Math.max(0, Math.round(now - Math.max(runAt, cameAt)));
}
