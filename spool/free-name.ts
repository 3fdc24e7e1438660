import { jobFileName, MAX_RUN_AT, parseJobName } from './filename.ts';
import type { Spool } from './spool.ts';

/**
 * The name under which a job may be moved into a folder: its own, or, where an earlier job of the same id has that, one that is some
 * milliseconds later. A rename replaces what stands there, and that would be the only record of the earlier job.
 */
export function freeName(spool: Spool, folder: string, name: string): string {
  const job = parseJobName(name);
  if (!job) return name;
  let free = name;
  for (let runAt = job.runAt + 1; runAt <= MAX_RUN_AT && spool.disk.facts(`${folder}/${free}`)?.isFile; runAt++)
    free = jobFileName({ ...job, runAt });
  return free;
}
