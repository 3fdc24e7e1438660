import { readJob } from './claim.ts';
import type { Job } from './job.ts';
import type { Request } from './request.ts';
import { withoutBudget } from './settle.ts';
import { replaceFile, type Spool } from './spool.ts';

/**
 * Cancels a job that waits, by its canonical name; the job as it was, or undefined when it no longer waits
 * (a runner may have claimed it in this moment; then the runner sees the marker).
 */
export function cancelWaiting(spool: Spool, name: string): Job | undefined {
  return cancelFile(spool, `${spool.pending}/${name}`, name) ?? cancelFile(spool, `${spool.retrying}/${name}`, name);
}

/** Cancels a job that this process has claimed and not yet run. */
export function cancelClaimed(spool: Spool, slot: string, name: string): Job | undefined {
  return cancelFile(spool, spool.claimed(slot, name), name);
}

function cancelFile(spool: Spool, file: string, name: string): Job | undefined {
  const target = `${spool.cancelled}/${name}`;
  if (!spool.disk.rename(file, target)) return undefined;
  const read = readJob(spool, target, name);
  if (read.kind !== 'claimed') return undefined;
  // Written anew, so that the file's time says when, and a later retry has its whole budget.
  replaceFile(spool, target, `${JSON.stringify(ended(read.job, read.writtenAt))}\n`);
  return read.job;
}

function ended({ request, runAt }: Job, writtenAt: number): Request {
  const acceptedAt = request.acceptedAt ?? new Date(writtenAt).toISOString();
  return { ...withoutBudget(request), acceptedAt, runAt: request.runAt ?? new Date(runAt).toISOString() };
}
