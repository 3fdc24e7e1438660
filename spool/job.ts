import type { Attempt, ErrorRecord, Outcome } from './attempt.ts';
import { type JobName, parseJobName } from './filename.ts';
import { iso } from './iso.ts';
import type { Request } from './request.ts';

/** An accepted request. `name` is its canonical file name, `runAt` in milliseconds since the epoch. */
export type Job = JobName & { name: string; request: Request };

/** How an attempt ended, before it is decided what that means for the job. */
export type End =
  | { kind: 'completed'; result?: unknown }
  /** `names`: the error's class and those it extends, and its code; the policy's lists are matched against them. */
  | { kind: 'failed'; error: ErrorRecord; permanent: boolean; names: readonly string[] }
  | { kind: 'timed-out'; error: ErrorRecord }
  | { kind: 'crashed'; error: ErrorRecord }
  | { kind: 'lost'; error: ErrorRecord }
  | { kind: 'cancelled' }
  /** The job put itself off, by `delayMs` or by its policy's retry delay. Spends no attempt. */
  | { kind: 'snoozed'; delayMs: number | undefined }
  /** The service stops, or the job needs another runner. Spends no attempt. */
  | { kind: 'released' }
  /** The allow-list does not let it run. */
  | { kind: 'refused'; reason: string };

/** Where and when an attempt ran. Times in milliseconds since the epoch; `ranMs` by a clock that nobody sets, where it is known. */
export type AttemptSpan = { startedAt: number; finishedAt: number; runner: string; ranMs?: number };

/** How long an attempt took, in milliseconds. */
export const durationOf = ({ startedAt, finishedAt, ranMs }: AttemptSpan): number =>
  Math.round(ranMs ?? Math.max(0, finishedAt - startedAt));

/** A job of the canonical name `name`; throws when the name is not canonical, which is our own mistake. */
export function jobOf(name: string, request: Request): Job {
  const parsed = parseJobName(name);
  if (!parsed) throw new Error(`expected a canonical job name, got "${name}"`);
  return { ...parsed, name, request };
}

/** The number of the attempt that is running or comes next. It never starts again at 1. */
export const attemptNumber = (job: Job): number => (job.request.attempts?.length ?? 0) + 1;

/** The record of an attempt of `job` that ended with `end`. */
export function attemptOf(job: Job, outcome: Outcome, end: End, span: AttemptSpan): Attempt {
  return {
    number: attemptNumber(job),
    outcome,
    startedAt: iso(span.startedAt),
    finishedAt: iso(span.finishedAt),
    runner: span.runner,
    ...('error' in end ? { error: end.error } : {}),
  };
}
