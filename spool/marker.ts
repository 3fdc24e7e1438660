import { readJob } from './claim.ts';
import { SpoolError } from './errors.ts';
import { ID_RULE, isId } from './filename.ts';
import type { Job } from './job.ts';
import { withoutBudget } from './settle.ts';
import { replaceFile, type Spool } from './spool.ts';

/** Asks for a job's cancellation, as `touch cancel/<id>` does. Throws SpoolError `INVALID_ID` for what cannot be an id. */
export function requestCancel(spool: Spool, id: string): void {
  if (!isId(id)) throw new SpoolError('INVALID_ID', `cancel: ${ID_RULE}; got ${JSON.stringify(id)}`);
  try {
    spool.disk.create(spool.cancelMarker(id), '', false);
  } catch (error) {
    if (!spool.disk.exists(spool.cancelMarker(id))) throw error;
  }
}

export const isCancelRequested = (spool: Spool, id: string): boolean => spool.disk.exists(spool.cancelMarker(id));

export const clearCancel = (spool: Spool, id: string): boolean => spool.disk.remove(spool.cancelMarker(id));

/** The ids whose cancellation is asked for. Files of other names in `cancel/` are left alone. */
export const cancelRequests = (spool: Spool): string[] => spool.disk.names(spool.cancel).filter(isId);

/** Claim nothing new until `resume`; what runs goes on. */
export function pause(spool: Spool): void {
  if (!isPaused(spool)) spool.disk.create(spool.paused, '', false);
}

export const resume = (spool: Spool): boolean => spool.disk.remove(spool.paused);

export const isPaused = (spool: Spool): boolean => spool.disk.exists(spool.paused);

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
  replaceFile(spool, target, `${JSON.stringify(withoutBudget(read.job.request))}\n`);
  return read.job;
}
