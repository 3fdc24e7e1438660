import type { Lines } from './batch-place.ts';
import { readJob } from './claim.ts';
import { atBest, errnoOf } from './errors.ts';
import { freeName } from './free-name.ts';
import { type Job, jobOf } from './job.ts';
import { moveTo } from './reject.ts';
import type { Request } from './request.ts';
import { type FinishedMove, withoutBudget } from './settle.ts';
import { replaceFile, type Spool, syncNames } from './spool.ts';
import { takeLines } from './take-line.ts';

/**
 * Cancels a job that waits, by its canonical name; the job as it was, or undefined when it no longer waits
 * (a runner may have claimed it in this moment; then the runner sees the marker).
 */
export function cancelWaiting(spool: Spool, name: string): Job | undefined {
  return cancelFile(spool, `${spool.pending}/${name}`, name) ?? cancelFile(spool, `${spool.retrying}/${name}`, name);
}

/**
 * Cancels lines of a part that waits; the jobs as they were, and where all of it is now, or undefined when the part no longer waits. `slot`: as for `takeLines`.
 */
export function cancelLines(spool: Spool, slot: string, name: string, lines: Lines): { jobs: Job[]; moved: FinishedMove[] } | undefined {
  const taken = takeLines(spool, slot, name, lines, (line, { writtenAt }) => ({
    folder: 'cancelled',
    name: line.job.name,
    // What somebody edited to nonsense is cancelled all the same, as it stands.
    text: line.spoilt === undefined ? `${JSON.stringify(ended(line.job, writtenAt))}\n` : line.text,
  }));
  return taken && { jobs: taken.jobs.map(({ job }) => job), moved: taken.moved };
}

/** Cancels a job that this process has claimed and not yet run. */
export function cancelClaimed(spool: Spool, slot: string, name: string): Job | undefined {
  return cancelFile(spool, spool.claimed(slot, name), name);
}

function cancelFile(spool: Spool, file: string, name: string): Job | undefined {
  const target = `${spool.cancelled}/${freeName(spool, spool.cancelled, name)}`;
  if (!moveTo(spool, file, target)) return undefined;
  const read = readJob(spool, target, name);
  // Somebody edited it to nonsense, or the disk cannot read it just now: it is cancelled all the same, as it stands.
  if (read.kind !== 'claimed') return jobOf(name, { class: '', method: '', params: [] });
  // Written anew, so that the file's time says when, and a later retry has its whole budget.
  try {
    replaceFile(spool, target, `${JSON.stringify(ended(read.job, read.writtenAt))}\n`);
  } catch (error) {
    // The rename has cancelled it: on a full disk the old text must do, with the time at least.
    if (errnoOf(error) === undefined) throw error;
    atBest(() => spool.disk.setTimes(target, Date.now()));
  }
  syncNames(spool, spool.cancelled);
  return read.job;
}

function ended({ request, runAt }: Job, writtenAt: number): Request {
  const acceptedAt = request.acceptedAt ?? new Date(writtenAt).toISOString();
  return { ...withoutBudget(request), acceptedAt, runAt: request.runAt ?? new Date(runAt).toISOString() };
}
