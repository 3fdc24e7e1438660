/** One proposed job, from claim to settled. */
import { cancelClaimed } from '../spool/cancel.ts';
import { claim, putBack } from '../spool/claim.ts';
import { decide, type Move } from '../spool/decide.ts';
import { mayPass } from '../spool/errors.ts';
import { iso } from '../spool/iso.ts';
import { type AttemptSpan, attemptNumber, type End, type Job, jobOf } from '../spool/job.ts';
import { type Ledger, ledgerLine } from '../spool/ledger.ts';
import { clearCancel } from '../spool/marker.ts';
import { platform } from '../spool/platform.ts';
import type { Policy } from '../spool/policy.ts';
import { clearAway } from '../spool/reject.ts';
import { finishMoves, settle } from '../spool/settle.ts';
import type { Spool } from '../spool/spool.ts';
import { type Board, sharedClock } from './board.ts';
import type { CancelRequests } from './cancel-requests.ts';
import { jobLogger } from './capture.ts';
import type { Chunk } from './chunk.ts';
import { type Company, type Desk, ownDesk, sharedDesk } from './desk.ts';
import type { EventLog } from './event-log.ts';
import { execute, type Surroundings } from './execute.ts';
import { JobLog } from './job-log.ts';
import { keepTrying } from './keep-trying.ts';
import type { Allowlist, Permitted } from './load-allowlist.ts';
import { jobFields, logMove } from './log-move.ts';
import type { RunnerSettings, Settlement } from './messages.ts';
import type { Place, Places } from './places.ts';
import { stopError, timeoutError } from './stop.ts';
import type { WarmCommands } from './warm-commands.ts';
import type { RunningAttempt } from './whose.ts';

/** A runner's process as its attempts see it. */
export type Bench = {
  spool: Spool;
  settings: RunnerSettings;
  slot: string;
  allowlist: Allowlist;
  ledger: Ledger;
  board: Board;
  log: EventLog;
  cancelRequests: CancelRequests;
  /** Descriptor of the process's own output file. */
  outputFd: number;
  /** Attempts that this process has run. */
  attempts: number;
  /** Names of jobs that could not be read: each is logged once. */
  unread: Set<string>;
  /** The attempt that has the runner to itself now. */
  current: RunningAttempt | undefined;
  /** Those that share it. */
  company: Company | undefined;
  /** The lines of a batch that it works through now, one after the other. */
  chunk: Chunk | undefined;
  places: Places;
  /** How many outcomes are kept because the disk does not take them: nothing new is taken meanwhile. */
  keeping: number;
  /** A job that shared the runner was stopped, and left processes behind that might be another's. */
  mustEndOffspring: boolean;
  /** Commands of the protocol "lines" that it keeps. */
  warm: WarmCommands;
};

/** `retire`: why this process must serve no other job. */
export type RanAttempt = Settlement & { retire?: string | undefined };

/** An attempt that has begun beside others: the next may begin while it runs. */
export type BegunAttempt = { name: string; ended: Promise<RanAttempt> };

export function runAttempt(bench: Bench, name: string): Promise<RanAttempt | BegunAttempt> {
  return atPlace(bench, name, (place) => runClaimed(bench, name, place));
}

/** Claims and runs where the runner has room: in a place of its own beside others, or with the runner to itself. */
export async function atPlace(
  bench: Bench,
  name: string,
  run: (place: Place | undefined) => Promise<RanAttempt | BegunAttempt>,
): Promise<RanAttempt | BegunAttempt> {
  if (!bench.company) return run(undefined);
  // Before the claim: the watchdog must not kill in the middle of it.
  const place = bench.places.take();
  const ran = bench.board.isClosing ? ({ name, to: 'missing' } as const) : await run(place);
  if (!('ended' in ran)) bench.places.giveBack(place);
  return ran;
}

async function runClaimed(bench: Bench, name: string, place: Place | undefined): Promise<RanAttempt | BegunAttempt> {
  const { spool, slot, ledger } = bench;
  const claimed = await claimSafely(() => claim(spool, slot, name, Date.now(), ledger.isUncleared(name)));
  if (claimed.kind === 'missing' || claimed.kind === 'early') return { name, to: claimed.kind };
  if (claimed.kind === 'spoilt') return rejectSpoilt(bench, name, claimed.reason);
  if (claimed.kind === 'unread') return putBackUnread(bench, name, claimed.reason);
  const { job, writtenAt } = claimed;
  return runHeld(bench, job, writtenAt, place, bench.cancelRequests.has(job.id));
}

/** Runs a job that is in the slot. */
export async function runHeld(
  bench: Bench,
  job: Job,
  writtenAt: number,
  place: Place | undefined,
  isCancelled: boolean,
): Promise<RanAttempt | BegunAttempt> {
  const { slot, log } = bench;
  if (isCancelled) return cancelUnrun(bench, job);
  const checked = bench.allowlist.check(job.request, job);
  const now = Date.now();
  const span = { startedAt: now, finishedAt: now, runner: slot };
  const put = (end: End) => settleAndLog(bench, job, end, span, writtenAt);
  if (!checked.ok) return put({ kind: 'refused', reason: checked.reason });
  const sharing = bench.allowlist.sharingOf(job.request.class, job.request.method);
  // Another method's job, or one that wants a runner to itself: it was another one when its dispatcher looked.
  if (bench.company && bench.company.key !== sharing?.key) return put({ kind: 'released' });
  if (checked.policy.isolation === 'fresh' && bench.attempts > 0)
    return { ...(await put({ kind: 'released' })), retire: 'a job wants a process of its own' };
  const waitMs = Math.round(Math.max(0, now - Math.max(job.runAt, writtenAt)));
  log.event('running', { ...jobFields(job), priority: job.priority, attempt: attemptNumber(job), waitMs, runner: slot }, 'running');
  if (!sharing) return runPermitted(bench, job, checked, writtenAt, ownDesk(bench));
  const desk = sharedDesk(bench, sharing, place ?? bench.places.take());
  return { name: job.name, ended: runPermitted(bench, job, checked, writtenAt, desk) };
}

/** A disk that cannot be written on just now is no reason to end: what was to be claimed waits where it is, and is proposed again. */
export async function claimSafely<Claimed>(claim: () => Claimed): Promise<Claimed | { kind: 'missing' }> {
  try {
    return claim();
  } catch (error) {
    if (!mayPass(error)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return { kind: 'missing' };
  }
}

// It is found again at the next scan, and not proposed before that: one that cannot be read for a while must not keep the runners busy.
async function putBackUnread(bench: Bench, name: string, reason: string): Promise<Settlement> {
  const job = jobOf(name, { class: '', method: '', params: [] });
  await recorded(bench, job, { to: 'pending' }, () => putBack(bench.spool, bench.slot, name));
  if (!bench.unread.has(name)) bench.log.error(`read ${job.id}: ${reason}; it waits, and is tried again at each scan`, { id: job.id });
  bench.unread.add(name);
  return { name, to: 'unread' };
}

async function runPermitted(bench: Bench, job: Job, permitted: Permitted, writtenAt: number, desk: Desk): Promise<RanAttempt> {
  const { spool, slot, settings } = bench;
  const { board } = desk;
  const policy = bench.allowlist.policyOf(job.request, settings.policy);
  const startedAt = Date.now();
  const began = performance.now();
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
  const attempt: RunningAttempt = {
    id: job.id,
    name: job.name,
    place: desk.place,
    log: jobLog,
    stop: (reason) => stopping.abort(stopError(reason)),
    breakWith,
    isOver: false,
  };
  const progress = desk.sit(attempt);
  bench.attempts += 1;
  board.post({ name: job.name, startedAt, startedClock: sharedClock(), writtenAt, policy: watchdogPolicy(job, policy) });
  // What a command prints goes past us.
  const trimming = writesFiles(permitted) ? setInterval(() => jobLog.trim(false), 1_000) : undefined;
  const around: Surroundings = {
    allowlist: bench.allowlist,
    policy,
    signal: stopping.signal,
    hear: () => {
      const reason = board.askedToStop;
      if (reason) stopping.abort(stopError(reason));
    },
    broken: whenBroken,
    log: jobLogger(jobLog),
    progress: progress.report,
    output: () => logDescriptor(bench, jobLog),
    print: (bytes) => jobLog.write(bytes),
    outputTail: () => jobLog.tail(2_048),
    files: { result: spool.result(slot), progress: spool.progress(slot) },
    clear: (file) => clearAway(spool, file, `a command made it, that of the job ${job.id}`),
    killGraceMs: settings.killGraceMs,
    warm: bench.warm,
  };
  const ended = await desk.within(attempt, () => execute(job, permitted, around));
  // A command has ended its own already.
  if (stopping.signal.aborted && !('command' in permitted.entry)) {
    // They are among what this process has started, and would be taken for the handler's.
    await bench.warm.end();
    await desk.endStragglers();
  }
  clearInterval(trimming);
  // While the watchdog still looks: what was returned may be code of the handler's too (toJSON, a getter), and never end.
  const end = ended.kind === 'completed' ? { ...ended, result: keptResult(bench, job, ended.result) } : ended;
  // The watchdog was first: it has settled the attempt and is killing this process.
  if (!board.finish()) return new Promise(() => undefined);
  progress.clear(writesFiles(permitted));
  desk.rise(attempt);
  const span = { startedAt, finishedAt: Date.now(), runner: slot, ranMs: performance.now() - began };
  const settlement = await settleAndLog(bench, job, end, span, writtenAt);
  desk.leave();
  return { ...settlement, retire: reasonToRetire(bench, permitted, stopping.signal.aborted, broken) };
}

// A command that runs once appends to the job's log by itself, and writes its own progress; one that is kept says both to its runner.
const writesFiles = ({ entry }: Permitted): boolean => 'command' in entry && entry.protocol !== 'lines';

// A command's output needs a descriptor: where the log cannot be opened, it goes where prints past the log go.
function logDescriptor({ outputFd }: Bench, jobLog: JobLog): number {
  try {
    return jobLog.open();
  } catch {
    return outputFd;
  }
}

function reasonToRetire(bench: Bench, { policy }: Permitted, stopped: boolean, broken: boolean): string | undefined {
  if (broken) return 'an error that no promise held left it in an unknown state';
  if (policy.isolation === 'fresh') return 'its job had it to itself';
  return stopped && (bench.mustEndOffspring || !platform.findsStragglers)
    ? 'a job was stopped, and what it started can only be ended with the process'
    : undefined;
}

async function settleAndLog(bench: Bench, job: Job, end: End, span: AttemptSpan, writtenAt: number): Promise<Settlement> {
  const policy = bench.allowlist.policyOf(job.request, bench.settings.policy);
  const move = decide(job, end, policy, span.finishedAt, Math.random);
  const settlement =
    move.to === 'completed'
      ? await complete(bench, job, { move, span, writtenAt })
      : await moveOn(bench, job, { end, move, span, writtenAt });
  if (!settlement) return discard(bench, job, move);
  const log = () => logMove(bench.log, job, end, move, span);
  // The next job's first line takes it along; until then the ledger knows.
  if (move.to === 'completed') bench.log.holding(log);
  else log();
  return settlement;
}

type Ended<M extends Move> = { move: M; span: AttemptSpan; writtenAt: number };

function complete(bench: Bench, job: Job, { move, span, writtenAt }: Ended<Move & { to: 'completed' }>): Promise<Settlement | undefined> {
  const { spool, slot, ledger } = bench;
  const line = ledgerLine(job, span, iso(writtenAt), move.result);
  const { chunk } = bench;
  const record = () => {
    ledger.append(line, chunk ? undefined : job.name);
    return { name: job.name, to: move.to };
  };
  // Another host may have taken this one for dead: then the outcome is not ours to record.
  const isOurs = () => (chunk ? chunk.isOurs() : spool.disk.exists(spool.claimed(slot, job.name)));
  return recorded<Settlement | undefined>(bench, job, move, record, isOurs);
}

type Moving = Exclude<Move, { to: 'completed' }>;

async function moveOn(
  bench: Bench,
  job: Job,
  { end, move, span, writtenAt }: Ended<Moving> & { end: End },
): Promise<Settlement | undefined> {
  const { spool, slot } = bench;
  const settlement = await recorded(bench, job, move, (isAgain) => {
    // A try that failed half-way may have left the new text on its way.
    const name = (isAgain ? finishedName(bench, job, move) : undefined) ?? settle(spool, slot, job, end, move, span, writtenAt)?.name;
    return name === undefined ? undefined : { name: job.name, to: move.to, next: name };
  });
  if (settlement && move.to === 'cancelled') await recorded(bench, job, move, () => clearCancel(spool, job.id));
  return settlement;
}

const finishedName = ({ spool, slot }: Bench, { id }: Job, move: Move): string | undefined =>
  finishMoves(spool, slot, id).find(({ folder }) => folder === move.to)?.name;

// The handler is done and must not run again for want of room: the outcome is kept here until the disk takes it.
export async function recorded<T>(
  bench: Bench,
  job: Job,
  { to }: Pick<Move, 'to'>,
  record: (isAgain: boolean) => T,
  isOurs?: () => boolean,
): Promise<T> {
  let waits = false;
  try {
    const whenItWaits = (why: string) => {
      waits = true;
      bench.keeping += 1;
      const what = `record ${job.id} as ${to}: ${why}; the runner keeps the outcome, and takes no other job, until it can be written`;
      bench.log.error(what, jobFields(job));
    };
    return await keepTrying(bench.spool, record, whenItWaits, isOurs);
  } finally {
    if (waits) bench.keeping -= 1;
  }
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
function keptResult({ log }: Bench, job: Job, result: unknown): unknown {
  try {
    const text = JSON.stringify(result);
    if (text === undefined) return undefined;
    // What was looked at is what is kept: a value may say something else of itself the next time (toJSON, a getter), or throw.
    if (text.length <= MAX_RESULT) return JSON.parse(text);
    log.warn(`the result of ${job.id} is left out: expected at most ${MAX_RESULT} characters of JSON, got ${text.length}`, jobFields(job));
  } catch (error) {
    log.warn(`the result of ${job.id} is left out: expected a value that JSON can hold: ${(error as Error).message}`, jobFields(job));
  }
  return undefined;
}

export async function rejectSpoilt(bench: Bench, name: string, reason: string): Promise<Settlement> {
  const job = jobOf(name, { class: '', method: '', params: [] });
  const now = Date.now();
  const span = { startedAt: now, finishedAt: now, runner: bench.slot };
  const settled = await recorded(bench, job, { to: 'rejected' }, () =>
    settle(bench.spool, bench.slot, job, { kind: 'refused', reason }, { to: 'rejected', reason }, span, now),
  );
  bench.log.event('rejected', { id: job.id, file: settled?.name ?? name, reason }, `rejected: ${reason}`);
  return { name, to: 'rejected' };
}

export async function cancelUnrun(bench: Bench, job: Job): Promise<Settlement> {
  await recorded(bench, job, { to: 'cancelled' }, () => {
    cancelClaimed(bench.spool, bench.slot, job.name);
    clearCancel(bench.spool, job.id);
  });
  bench.log.event('cancelled', jobFields(job), 'cancelled before it ran');
  return { name: job.name, to: 'cancelled' };
}
