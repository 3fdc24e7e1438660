import { batchFileName, parseBatchName } from './batch-name.ts';
import { jobFileName, MAX_RUN_AT, parseJobName } from './filename.ts';
import type { Spool } from './spool.ts';

/**
 * The name under which a job, or a part of a batch, may be moved into a folder: its own, or, where an earlier job of the same id has that, one that is some
 * milliseconds later. A rename replaces what stands there, and that would be the only record of the earlier job.
 */
export function freeName(spool: Spool, folder: string, name: string): string {
  const job = parseJobName(name);
  if (job) return freeOf(spool, folder, name, job.runAt, (runAt) => jobFileName({ ...job, runAt }));
  const part = parseBatchName(name);
  return part ? freeOf(spool, folder, name, part.runAt, (runAt) => batchFileName({ ...part, runAt })) : name;
}

function freeOf(spool: Spool, folder: string, name: string, taken: number, at: (runAt: number) => string): string {
  let free = name;
  for (let runAt = taken + 1; runAt <= MAX_RUN_AT && spool.disk.facts(`${folder}/${free}`)?.isFile; runAt++) free = at(runAt);
  return free;
}
