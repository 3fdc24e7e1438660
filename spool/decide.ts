import type { Outcome } from './attempt.ts';
import { backoffMs } from './backoff.ts';
import type { End, Job } from './job.ts';
import type { Policy } from './policy.ts';

/** A job whose runner died this often in one budget is not run again: it would take the runners down for ever. */
export const MAX_CRASHES = 3;
/** The wait before the retry of a crashed attempt: a crash says nothing about the job, so no backoff is due. */
export const CRASH_DELAY_MS = 1_000;

/** Where an ended attempt sends its job. `runAt` in milliseconds since the epoch; none: the name stays as it is. */
export type Move =
  | { to: 'completed'; outcome: 'completed'; result?: unknown }
  | { to: 'retrying'; outcome: Outcome; runAt: number; crashed: boolean }
  | { to: 'failed'; outcome: Outcome; why: string }
  | { to: 'cancelled'; outcome: 'cancelled' }
  | { to: 'pending'; runAt?: number }
  | { to: 'rejected'; reason: string };

/** What the end of an attempt means for its job. `now` in milliseconds since the epoch; `random` gives 0 to 1. */
export function decide(job: Job, end: End, policy: Policy, now: number, random: () => number): Move {
  switch (end.kind) {
    case 'completed':
      return { to: 'completed', outcome: 'completed', ...('result' in end ? { result: end.result } : {}) };
    case 'cancelled':
      return { to: 'cancelled', outcome: 'cancelled' };
    case 'released':
      return { to: 'pending' };
    case 'snoozed':
      return { to: 'pending', runAt: now + (end.delayMs ?? policy.retryDelayMs) };
    case 'refused':
      return { to: 'rejected', reason: end.reason };
    case 'crashed':
    case 'lost':
      return afterCrash(job, end.kind, policy, now);
    case 'failed':
    case 'timed-out':
      return afterFailure(job, end, policy, now, random);
  }
}

function afterCrash(job: Job, outcome: Outcome, policy: Policy, now: number): Move {
  const crashes = (job.request.crashes ?? 0) + 1;
  if (crashes >= MAX_CRASHES) return { to: 'failed', outcome, why: `its runner died in ${crashes} attempts` };
  if (isSpent(job, policy)) return { to: 'failed', outcome, why: spentWords(policy) };
  return { to: 'retrying', outcome, runAt: now + CRASH_DELAY_MS, crashed: true };
}

function afterFailure(job: Job, end: End & { kind: 'failed' | 'timed-out' }, policy: Policy, now: number, random: () => number): Move {
  const outcome = end.kind;
  if (end.kind === 'failed' && end.permanent) return { to: 'failed', outcome, why: 'the failure is permanent' };
  const excluded = exclusion(end.kind === 'failed' ? end.names : [end.error.name], policy);
  if (excluded) return { to: 'failed', outcome, why: excluded };
  if (isSpent(job, policy)) return { to: 'failed', outcome, why: spentWords(policy) };
  const retry = (job.request.spent ?? 0) + 1;
  return { to: 'retrying', outcome, runAt: now + backoffMs(policy, retry, random), crashed: false };
}

function exclusion(names: readonly string[], policy: Policy): string | undefined {
  const hit = policy.noRetryOn?.find((name) => names.includes(name));
  if (hit) return `${hit} is in the method's noRetryOn`;
  if (policy.retryOn && !policy.retryOn.some((name) => names.includes(name)))
    return `${names[0] ?? 'the error'} is not in the method's retryOn`;
  return undefined;
}

const isSpent = (job: Job, policy: Policy): boolean => (job.request.spent ?? 0) >= policy.retries;

const spentWords = (policy: Policy): string =>
  policy.retries === 0 ? 'it has no retries' : `its ${policy.retries} ${policy.retries === 1 ? 'retry is' : 'retries are'} spent`;
