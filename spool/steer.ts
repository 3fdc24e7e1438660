/** What a person may do to a job by moving its file, as functions. The shell command for each stands beside it. */
import path from 'node:path';
import { SpoolError } from './errors.ts';
import { jobFileName, parseJobName } from './filename.ts';
import { findCompleted, locate, type Place } from './query.ts';
import type { Spool } from './spool.ts';
import { type Action, allows, type State } from './state.ts';

/** What was done, or why nothing was: the job is unknown, or in a state that does not allow it. */
export type Steered = { kind: 'done'; from: State } | { kind: 'unknown' } | { kind: 'conflict'; state: State };

/**
 * Runs a job again. Failed, cancelled and rejected ones: `mv failed/<name> incoming/`, with their history and a whole new budget.
 * Retrying and scheduled ones: the same file with a run-at of now.
 */
export function retry(spool: Spool, id: string, now = Date.now()): Steered {
  return steer(spool, id, 'retry', now, (place) =>
    place.state === 'retrying' || place.state === 'scheduled' ? bringForward(spool, place, now) : resubmit(spool, place),
  );
}

/** Deletes a job that does not run: `rm pending/<name>`. Completed ones leave the ledger by age alone. */
export function remove(spool: Spool, id: string, now = Date.now()): Steered {
  return steer(spool, id, 'remove', now, (place) => {
    const removed = spool.disk.remove(place.file);
    if (place.state === 'rejected') spool.disk.remove(spool.reason(place.name));
    if (removed) for (const file of [spool.jobLog(id), spool.cancelMarker(id)]) spool.disk.remove(file);
    return removed;
  });
}

function steer(spool: Spool, id: string, action: Action, now: number, act: (place: Place) => boolean): Steered {
  for (let tries = 0; tries < 5; tries++) {
    const place = locate(spool, id, now);
    if (!place) return findCompleted(spool, id) ? { kind: 'conflict', state: 'completed' } : { kind: 'unknown' };
    if (!allows(place.state, action)) return { kind: 'conflict', state: place.state };
    if (act(place)) return { kind: 'done', from: place.state };
    // It moved on in this moment: look again.
  }
  throw new SpoolError('CONFLICT', `${action} ${id}: the job moved each time it was reached for; nothing was done`);
}

function bringForward(spool: Spool, { name, file }: Place, now: number): boolean {
  const job = parseJobName(name);
  if (!job) return false;
  return spool.disk.rename(file, path.join(path.dirname(file), jobFileName({ ...job, runAt: now })));
}

function resubmit(spool: Spool, { state, name, file }: Place): boolean {
  const moved = spool.disk.rename(file, `${spool.incoming}/${name}`);
  if (moved && state === 'rejected') spool.disk.remove(spool.reason(name));
  return moved;
}
