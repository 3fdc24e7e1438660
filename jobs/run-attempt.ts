/** One proposed job, from claim to settled. */
import { cancelClaimed } from '../spool/cancel.ts';
import { claim } from '../spool/claim.ts';
import { decide, type Move } from '../spool/decide.ts';
import { type AttemptSpan, attemptNumber, type End, type Job, jobOf } from '../spool/job.ts';
import { type Ledger, ledgerLine } from '../spool/ledger.ts';
import { clearCancel, isCancelRequested } from '../spool/marker.ts';
import { platform } from '../spool/platform.ts';
import type { Policy } from '../spool/policy.ts';
import { settle } from '../spool/settle.ts';
import type { Spool } from '../spool/spool.ts';
import { type Board, sharedClock } from './board.ts';
import { beginCapture, endCapture, jobLogger } from './capture.ts';
import type { EventLog } from './event-log.ts';
import { execute } from './execute.ts';
import type { StopError } from './handler.ts';
import { JobLog } from './job-log.ts';
import type { Allowlist, Permitted } from './load-allowlist.ts';
import { jobFields, logMove } from './log-move.ts';
import type { RunnerSettings, Settlement } from './messages.ts';
import { progressWriter } from './progress.ts';
import { stopError, timeoutError } from './stop.ts';

/** A runner's process as its attempts see it. */
export type Bench = {
  spool: Spool;
  settings: RunnerSettings;
  slot: string;
  allowlist: Allowlist;
  ledger: Ledger;
  board: Board;
  log: EventLog;
  /** Descriptor of the process's own output file. */
  outputFd: number;
  /** Attempts that this process has run. */
  attempts: number;
  /** The attempt that runs now: tell it to stop, or that the process is broken. */
  current: { stop(reason: StopError['reason']): void; breakWith(error: unknown): void } | undefined;
};

/** `retire`: why this process must serve no other job. */
export type RanAttempt = Settlement & { retire?: string | undefined };

export async function runAttempt(bench: Bench, name: string): Promise<RanAttempt> {
  const { spool, slot, log } = bench;
  const claimed = claim(spool, slot, name, Date.now());
  if (claimed.kind === 'missing' || claimed.kind === 'early') return { name, to: claimed.kind };
  if (claimed.kind === 'spoilt') return rejectSpoilt(bench, name, claimed.reason);
  const { job, writtenAt } = claimed;
  if (isCancelRequested(spool, job.id)) return cancelUnrun(bench, job);
  const checked = bench.allowlist.check(job.request);
  const now = Date.now();
  const span = { startedAt: now, finishedAt: now, runner: slot };
  if (!checked.ok) return settleAndLog(bench, job, { kind: 'refused', reason: checked.reason }, span, writtenAt);
  if (checked.policy.isolation === 'fresh' && bench.attempts > 0) {
    return { ...settleAndLog(bench, job, { kind: 'released' }, span, writtenAt), retire: 'a job wants a process of its own' };
  }
  log.event('running', { ...jobFields(job), priority: job.priority, attempt: attemptNumber(job), runner: slot }, 'running');
  return runPermitted(bench, job, checked, writtenAt);
}

async function runPermitted(bench: Bench, job: Job, permitted: Permitted, writtenAt: number): Promise<RanAttempt> {
  const { spool, slot, board, settings } = bench;
  const policy = bench.allowlist.policyOf(job.request, settings.policy);
  const startedAt = Date.now();
  const jobLog = new JobLog(spool, job.id, { attempt: attemptNumber(job), startedAt, runner: slot });
  const stopping = new AbortController();
  let broken = false;
  let breakWith: (error: unknown) => void = () => undefined;
  const whenBroken = new Promise<never>((_, reject) => {
    breakWith = (error) => {
      broken = true;
      reject(error);
    };
  });
  whenBroken.catch(() => {
    // Only its race against the handler matters.
  });
  const progress = progressWriter(spool, slot);
  bench.current = { stop: (reason) => stopping.abort(stopError(reason)), breakWith };
  bench.attempts += 1;
  beginCapture(jobLog);
  board.post({ name: job.name, startedAt, startedClock: sharedClock(), writtenAt, policy: watchdogPolicy(job, policy) });
  const trimming = setInterval(() => jobLog.trim(false), 1_000);
  const end = await execute(job, permitted, {
    allowlist: bench.allowlist,
    policy,
    signal: stopping.signal,
    broken: whenBroken,
    log: jobLogger(jobLog),
    progress: progress.report,
    output: () => logDescriptor(bench, jobLog),
    outputTail: () => jobLog.tail(2_048),
    files: { result: spool.result(slot), progress: spool.progress(slot) },
    killGraceMs: settings.killGraceMs,
  });
  if (stopping.signal.aborted) await stopStragglers(bench);
  clearInterval(trimming);
  // The watchdog was first: it has settled the attempt and is killing this process.
  if (!board.finish()) return new Promise(() => undefined);
  progress.clear('command' in permitted.entry);
  endCapture(spool, jobLog, settings.output, bench.outputFd);
  bench.current = undefined;
  const span = { startedAt, finishedAt: Date.now(), runner: slot };
  return { ...settleAndLog(bench, job, end, span, writtenAt), retire: reasonToRetire(permitted, stopping.signal.aborted, broken) };
}

// A command's output needs a descriptor: where the log cannot be opened, it goes where prints past the log go.
function logDescriptor({ outputFd }: Bench, jobLog: JobLog): number {
  try {
    return jobLog.open();
  } catch {
    return outputFd;
  }
}

function reasonToRetire({ policy }: Permitted, stopped: boolean, broken: boolean): string | undefined {
  if (broken) return 'an error that no promise held left it in an unknown state';
  if (policy.isolation === 'fresh') return 'its job had it to itself';
  return stopped && !platform.findsStragglers ? 'a job was stopped, and what it started can only be ended with the process' : undefined;
}

function settleAndLog(bench: Bench, job: Job, end: End, span: AttemptSpan, writtenAt: number): Settlement {
  const { spool, slot, ledger, log } = bench;
  const policy = bench.allowlist.policyOf(job.request, bench.settings.policy);
  const move = decide(job, end, policy, span.finishedAt, Math.random);
  if (move.to === 'completed') {
    // Not ours any more: another host took this one for dead, and the outcome is not ours to record.
    if (!spool.disk.exists(spool.claimed(slot, job.name))) return discard(bench, job, move);
    ledger.append(ledgerLine(job, span, new Date(writtenAt).toISOString(), keptResult(bench, job, move)), job.name);
    logMove(log, job, end, move, span);
    return { name: job.name, to: 'completed' };
  }
  const settled = settle(spool, slot, job, end, move, span, writtenAt);
  if (!settled) return discard(bench, job, move);
  logMove(log, job, end, move, span);
  if (move.to === 'cancelled') clearCancel(spool, job.id);
  return { name: job.name, to: move.to, next: settled.name };
}

function discard({ log, slot }: Bench, job: Job, move: Move): Settlement {
  log.warn(`settle ${job.name} as ${move.to}: it is no longer in the slot ${slot}; the outcome is discarded`, jobFields(job));
  return { name: job.name, to: 'missing' };
}

// The watchdog knows no lists of errors: where a timeout is not retried, it is told of no retries.
function watchdogPolicy(job: Job, policy: Policy): Policy {
  if (!policy.retryOn && !policy.noRetryOn) return policy;
  const end: End = { kind: 'timed-out', error: timeoutError(policy.timeoutMs, true) };
  return decide(job, end, policy, 0, () => 0).to === 'failed' ? { ...policy, retries: 0 } : policy;
}

/** The largest result that the ledger keeps, as JSON text. */
const MAX_RESULT = 262_144;

// A job that did its work is completed, whatever it returned: what the ledger cannot hold is left out, and said.
function keptResult({ log }: Bench, job: Job, { result }: Move & { to: 'completed' }): unknown {
  try {
    const text = JSON.stringify(result);
    if (text === undefined) return undefined;
    if (text.length <= MAX_RESULT) return result;
    log.warn(`the result of ${job.id} is left out: expected at most ${MAX_RESULT} characters of JSON, got ${text.length}`, jobFields(job));
  } catch (error) {
    log.warn(`the result of ${job.id} is left out: expected a value that JSON can hold: ${(error as Error).message}`, jobFields(job));
  }
  return undefined;
}

function rejectSpoilt(bench: Bench, name: string, reason: string): Settlement {
  const job = jobOf(name, { class: '', method: '', params: [] });
  const now = Date.now();
  const settled = settle(
    bench.spool,
    bench.slot,
    job,
    { kind: 'refused', reason },
    { to: 'rejected', reason },
    { startedAt: now, finishedAt: now, runner: bench.slot },
    now,
  );
  bench.log.event('rejected', { id: job.id, file: settled?.name ?? name, reason }, `rejected: ${reason}`);
  return { name, to: 'rejected' };
}

function cancelUnrun(bench: Bench, job: Job): Settlement {
  cancelClaimed(bench.spool, bench.slot, job.name);
  clearCancel(bench.spool, job.id);
  bench.log.event('cancelled', jobFields(job), 'cancelled before it ran');
  return { name: job.name, to: 'cancelled' };
}

/** Ends what a stopped job started and left behind, in its process group or not: TERM, and KILL after the grace. */
async function stopStragglers({ slot, settings }: Bench): Promise<void> {
  const left = () => platform.processesWith('JOBSPOOL_SLOT', slot).filter((pid) => pid !== process.pid);
  let pids = left();
  for (const pid of pids) platform.signal(pid, 'SIGTERM');
  const deadline = performance.now() + settings.killGraceMs;
  while (pids.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 25));
    pids = left();
  }
  for (const pid of pids) platform.signal(pid, 'SIGKILL');
}
