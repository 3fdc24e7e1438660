import { setTimeout as sleep } from 'node:timers/promises';
import { type Duration, formatDuration, parseDuration } from './duration.ts';
import { SpoolError } from './errors.ts';
import { type JobStatus, jobStatus } from './query.ts';
import type { Spool } from './spool.ts';
import { isFinal } from './state.ts';

export type WaitOptions = {
  /** Give up after this long; default: never. */
  timeout?: Duration;
  /** Called with each status that was read. */
  onStatus?(status: JobStatus): void;
  signal?: AbortSignal | undefined;
};

/**
 * Waits until a job is completed, failed, cancelled or rejected, and returns its status. Throws SpoolError `NOT_FOUND` for an id
 * that the spool does not know, `WAIT_TIMEOUT` when it is not over in time (the job goes on). Looks at the spool
 * alone, more seldom the longer a look takes.
 */
export async function waitForJob(spool: Spool, id: string, { timeout, onStatus, signal }: WaitOptions = {}): Promise<JobStatus> {
  const limit = limitOf(timeout);
  const began = performance.now();
  let misses = 0;
  for (;;) {
    const looked = performance.now();
    const status = jobStatus(spool, id);
    if (status) onStatus?.(status);
    if (status && isFinal(status.state)) return status;
    misses = status ? 0 : misses + 1;
    if (misses > MAX_MISSES) throw new SpoolError('NOT_FOUND', `wait for ${id}: ${spool.root} knows no job of that id`);
    const left = limit - (performance.now() - began);
    if (left <= 0) throw timedOut(id, limit, status);
    await sleep(Math.min(left, pauseAfter(performance.now() - looked)), undefined, { signal });
  }
}

// In the moment of a move between folders a job may be seen in neither.
const MAX_MISSES = 1;

const limitOf = (timeout: Duration | undefined): number =>
  timeout === undefined ? Number.POSITIVE_INFINITY : parseDuration(timeout, 'timeout');

const pauseAfter = (lookMs: number): number => Math.min(2_000, Math.max(25, lookMs * 10));

function timedOut(id: string, limit: number, status: JobStatus | undefined): SpoolError {
  return new SpoolError(
    'WAIT_TIMEOUT',
    `wait for ${id}: not over after ${formatDuration(limit)}, it is ${status?.state ?? 'unknown'}; the job goes on`,
  );
}
