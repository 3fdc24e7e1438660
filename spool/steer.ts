/** What a person may do to a job by moving its file, as functions. `by-hand.ts` has the shell command for each. */
import path from 'node:path';
import { batchFileName, isBatchId, parseBatchName } from './batch-name.ts';
import { cancelWaiting } from './cancel.ts';
import type { FileFacts } from './disk.ts';
import { isBatchFile, parseDropName } from './drop-name.ts';
import { atBest, errnoOf, SpoolError } from './errors.ts';
import { type JobName, jobFileName, MAX_PRIORITY, parseJobName } from './filename.ts';
import type { Job } from './job.ts';
import { clearCancel, requestCancel } from './marker.ts';
import { findCompleted, isLiveOnDisk, locate, type Place } from './query.ts';
import { type Spool, syncNames, temporaryFile } from './spool.ts';
import { type Action, allows, isFinal, type State } from './state.ts';
import { cancelOut, isLine, type LineRefused, type Run, takeOut, waits } from './steer-line.ts';

/** Where to look for a job, and when. */
export type SteerOptions = {
  /** Milliseconds since the epoch; default: the clock's. */
  now?: number | undefined;
  /** Where the job was seen last: when it is still there, no folder is listed to find it. */
  place?: Place | undefined;
  /** Only at `place`: a job that is no longer there is `moved`, and not looked for. For many jobs at once. */
  only?: boolean | undefined;
  /** One that the caller holds for this moment: the line of a batch is taken out in it. Without one, `slot` is what is answered (see `ToolSlot`). */
  slot?: string | undefined;
};

/** Why nothing was done. */
export type Refused =
  | { kind: 'unknown' }
  /** Its state does not allow it. */
  | { kind: 'conflict'; state: State }
  /** It is no longer where it was seen, and was not to be looked for. */
  | { kind: 'moved' }
  /** Another file has the name that it would get, which is `name`. */
  | { kind: 'taken'; name: string }
  /** Somebody dropped a folder, which was rejected: what is in it is not ours to delete. */
  | { kind: 'folder' }
  | LineRefused;

/** Why nothing was done, in words that go on after "retry <id>: ". */
export function refusal(why: Refused): string {
  switch (why.kind) {
    case 'unknown':
      return 'no job of that id is known';
    case 'conflict':
      return `it is ${why.state}, which does not allow it`;
    case 'moved':
      return 'it has moved on meanwhile';
    case 'taken':
      return `another job has the file name ${why.name} there already`;
    case 'folder':
      return 'it is a folder, which a person has to remove by hand';
    case 'batch':
      return `it is a line of the batch ${why.id}, which is steered as a whole until it is accepted`;
    case 'slot':
      return 'it is a line of a batch, and nobody holds a slot to take it out in';
  }
}

/** What was done, or why nothing was. */
export type Steered = { kind: 'done'; from: State } | Refused;

/** `cancelled`: at once (`job` is undefined when a dispatcher did it first). `asked`: whoever has it in hand stops it; `slot` is where it runs, if it does. */
export type Cancelled =
  | { kind: 'cancelled'; from: State; job: Job | undefined }
  | { kind: 'asked'; from: State; slot: string | undefined }
  | Refused;

/** Cancels a job: one that waits at once; one that runs, or is not accepted yet, by its marker: `touch cancel/<id>`. */
export function cancel(spool: Spool, id: string, options: SteerOptions = {}): Cancelled {
  let done: Cancelled | undefined;
  const steered = steer(spool, id, 'cancel', options, (place) => {
    if (isLine(place) && waits(spool, place)) {
      const jobs = cancelOut(spool, { place }, options.slot);
      if (!Array.isArray(jobs)) return jobs;
      atBest(() => clearCancel(spool, id));
      done = { kind: 'cancelled', from: place.state, job: jobs[0] };
    } else done = options.only ? cancelAt(spool, id, place) : cancelWherever(spool, id, place, options.now);
    return done !== undefined;
  });
  // What is left of a batch goes by the batch's own id, also where that was once the id of a job that is over.
  const isOver = steered.kind === 'unknown' || (steered.kind === 'conflict' && !options.only);
  if (isOver && isBatchId(id) && isLiveOnDisk(spool, id)) {
    requestCancel(spool, id);
    done = { kind: 'asked', from: 'pending', slot: undefined };
  }
  if (done?.kind === 'asked') syncNames(spool, spool.cancel);
  return done ?? (steered as Refused);
}

/** Runs a job again that is over, with its history and a whole new budget: `mv failed/<name> incoming/`. */
export function retry(spool: Spool, id: string, options: SteerOptions = {}): Steered {
  const steered = steer(spool, id, 'retry', options, (place) =>
    isLine(place)
      ? isTaken(takeOut(spool, { place }, options.slot, ({ name }) => name))
      : place.state === 'rejected'
        ? handInAgain(spool, place)
        : moveIn(spool, place),
  );
  // It is acknowledged as a submitted one is.
  if (steered.kind === 'done') syncNames(spool, spool.incoming);
  return steered;
}

/** Runs a job now that waits for its time: the same file with a run-at of now. */
export function runNow(spool: Spool, id: string, options: SteerOptions = {}): Steered {
  const { now = Date.now() } = options;
  return steer(spool, id, 'run-now', options, (place) => become(spool, place, { runAt: now }, options));
}

/** Gives a job that waits another priority, 1 to 10: the same file with another name. Throws SpoolError `INVALID_REQUEST` for any other number. */
export function setPriority(spool: Spool, id: string, priority: number, options: SteerOptions = {}): Steered {
  if (!Number.isInteger(priority) || priority < 1 || priority > MAX_PRIORITY) {
    const message = `priority of ${id}: expected a whole number from 1 to ${MAX_PRIORITY}, got ${JSON.stringify(priority)}; nothing was changed`;
    throw new SpoolError('INVALID_REQUEST', message);
  }
  return steer(spool, id, 'priority', options, (place) => become(spool, place, { priority }, options));
}

/** Deletes a job that does not run: `rm pending/<name>`. Completed ones leave the ledger by age alone. */
export function remove(spool: Spool, id: string, options: SteerOptions = {}): Steered {
  return steer(spool, id, 'remove', options, (place) => {
    if (isLine(place)) return removeLine(spool, id, isTaken(takeOut(spool, { place }, options.slot, () => undefined)), place.state);
    const facts = spool.disk.facts(place.file);
    if (facts?.isFolder) return { kind: 'folder' };
    if (!facts || !spool.disk.remove(place.file)) return false;
    // The job itself is gone, and that is what is said.
    atBest(() => {
      if (place.state === 'rejected') spool.disk.remove(spool.reason(place.name));
      else removeTraces(spool, id, place.state, facts.mtimeMs);
      syncNames(spool, path.dirname(place.file));
    });
    return true;
  });
}

/** What is done to lines of a batch that wait one behind the other, as to one of them: each costs a file, and not all that lies before it. */
export type RunAction = Extract<Action, 'cancel' | 'run-now' | 'priority' | 'remove'>;

/** Steers lines that follow each other, exactly where they were seen; the jobs as they were, undefined when they are no longer there together. */
export function steerRun(spool: Spool, action: RunAction, run: Run, slot: string, change: Change): Job[] | undefined {
  if (!allows(run.place.state, action) || !waits(spool, run.place)) return undefined;
  const taken =
    action === 'cancel' ? cancelOut(spool, run, slot) : takeOut(spool, run, slot, action === 'remove' ? () => undefined : renamed(change));
  if (!Array.isArray(taken)) return undefined;
  for (const { id } of taken)
    atBest(() => (action === 'remove' ? removeTraces(spool, id, run.place.state, 0) : clearTaken(spool, action, id)));
  return taken;
}

function clearTaken(spool: Spool, action: RunAction, id: string): void {
  if (action === 'cancel') clearCancel(spool, id);
}

function removeLine(spool: Spool, id: string, taken: Acted, state: State): Acted {
  // The job itself is gone, and that is what is said.
  if (taken === true) atBest(() => removeTraces(spool, id, state, 0));
  return taken;
}

/** What an act made of the file at a place: done, gone (false), or why it was left alone. */
type Acted = boolean | Extract<Refused, { kind: 'taken' | 'folder' }> | LineRefused;

function steer(spool: Spool, id: string, action: Action, options: SteerOptions, act: (place: Place) => Acted): Steered {
  const seen = options.place ? actAt(options.place, action, act) : ({ kind: 'moved' } as const);
  if (options.only || (seen.kind !== 'moved' && seen.kind !== 'conflict')) return seen;
  for (let tries = 0; tries < 5; tries++) {
    const place = locate(spool, id, options.now);
    if (!place) return findCompleted(spool, id) ? { kind: 'conflict', state: 'completed' } : { kind: 'unknown' };
    const acted = actAt(place, action, act);
    if (acted.kind !== 'moved') return acted;
    // It moved on in this moment: look again.
  }
  throw new SpoolError('CONFLICT', `${action} ${id}: the job moved each time it was reached for; nothing was done`);
}

function actAt(place: Place, action: Action, act: (place: Place) => Acted): Steered {
  if (!allows(place.state, action)) return { kind: 'conflict', state: place.state };
  const acted = act(place);
  if (typeof acted === 'object') return acted;
  return acted ? { kind: 'done', from: place.state } : { kind: 'moved' };
}

// Exactly where it was seen: no marker is left for a job that has moved on.
function cancelAt(spool: Spool, id: string, { state, name, file, slot }: Place): Cancelled | undefined {
  if (!spool.disk.exists(file)) return undefined;
  // A line that was claimed and has not begun is in a runner's hand as one that runs.
  if (state !== 'running' && slot === undefined && path.dirname(file) !== spool.incoming) {
    const job = cancelWaiting(spool, name);
    return job && { kind: 'cancelled', from: state, job };
  }
  requestCancel(spool, id);
  return { kind: 'asked', from: state, slot };
}

function cancelWherever(spool: Spool, id: string, { state, name, file, slot }: Place, now: number | undefined): Cancelled | undefined {
  if (!spool.disk.exists(file)) return undefined;
  // The marker first: should a runner claim the job in this moment, it sees that.
  const unmarked = failureOf(() => requestCancel(spool, id));
  const job = cancelWaiting(spool, name);
  // A full disk has no room for a marker; a job that waits is cancelled without.
  if (!job && unmarked) throw unmarked;
  const place = job ? undefined : locate(spool, id, now);
  // Nowhere: it is being moved just now, from where it was seen.
  if (!job && (place === undefined || !isFinal(place.state))) return { kind: 'asked', from: state, slot: place ? place.slot : slot };
  atBest(() => clearCancel(spool, id));
  // It came to its end in this moment: there is nothing left to stop. Or a dispatcher that saw the marker was faster.
  return job || place?.state === 'cancelled' ? { kind: 'cancelled', from: state, job } : undefined;
}

function failureOf(act: () => void): Error | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return error as Error;
  }
}

type Change = { runAt?: number; priority?: number };

const become = (spool: Spool, place: Place, change: Change, { slot }: SteerOptions): Acted =>
  isLine(place) ? isTaken(takeOut(spool, { place }, slot, renamed(change))) : renameTo(spool, place, change);

const renamed =
  (change: Change) =>
  (job: Job): string =>
    jobFileName({ ...job, ...change });

const isTaken = (taken: ReturnType<typeof takeOut>): Acted => (Array.isArray(taken) ? true : taken);

function renameTo(spool: Spool, { name, file }: Place, change: Change): Acted {
  const job = parseJobName(name) ?? requestOf(name);
  if (!job) return false;
  const to = nameAs(name, { ...job, ...change });
  const marker = spool.cancelMarker(job.id);
  const isForIt = isAsNew(spool, marker, file);
  const moved = move(spool, file, path.join(path.dirname(file), to));
  // A request that is renamed looks newer than it is, and a marker older than its request is meant for an earlier one.
  if (moved === true && isForIt && path.dirname(file) === spool.incoming) atBest(() => spool.disk.setTimes(marker, Date.now()));
  return moved;
}

function isAsNew({ disk }: Spool, one: string, other: string): boolean {
  const [a, b] = [disk.facts(one), disk.facts(other)];
  return a !== undefined && b !== undefined && a.ctimeMs >= b.ctimeMs;
}

// A request that is not accepted yet may have another form of name; one without an id has none to be known by.
function requestOf(name: string): { priority: number; runAt: number; id: string } | undefined {
  const parsed = parseDropName(name);
  if (parsed.kind !== 'request' || parsed.id === undefined) return undefined;
  return { priority: parsed.priority, runAt: parsed.runAt === 'now' ? Date.now() : parsed.runAt, id: parsed.id };
}

// A batch, or a part of one, stays one.
function nameAs(name: string, job: JobName): string {
  if (!isBatchFile(name)) return jobFileName(job);
  const part = parseBatchName(name);
  return part ? batchFileName({ ...part, ...job }) : jobFileName(job).replace(/\.json$/, '.ndjson');
}

const moveIn = (spool: Spool, { name, file }: Place): Acted => move(spool, file, `${spool.incoming}/${name}`);

// Its reason goes after it: a crash in between leaves a reason without its file, which prune removes, and never a file without its reason.
function handInAgain(spool: Spool, place: Place): Acted {
  const reason = spool.disk.facts(spool.reason(place.name));
  const moved = moveIn(spool, place);
  if (moved === true && reason) atBest(() => removeReason(spool, place.name, reason));
  return moved;
}

// A dispatcher may have rejected the file anew meanwhile: the reason for that is another file, and stays.
function removeReason(spool: Spool, name: string, known: FileFacts): void {
  const aside = temporaryFile(spool, 'reason');
  if (!spool.disk.rename(spool.reason(name), aside)) return;
  const found = spool.disk.facts(aside);
  if (found && (found.ino !== known.ino || found.mtimeMs !== known.mtimeMs)) spool.disk.link(aside, spool.reason(name));
  spool.disk.remove(aside);
}

// One rename, so that of two who move a job one wins; but a rename replaces what is there, and that may be another job of the same id.
function move(spool: Spool, from: string, to: string): Acted {
  if (from === to) return spool.disk.exists(from);
  if (spool.disk.facts(to)) return { kind: 'taken', name: path.basename(to) };
  return spool.disk.rename(from, to);
}

// The id of a job that is over may be in use again: then the log and the marker are the live job's. A log that was written to after the job
// ended is not its own. What was rejected has none: a log of its id is another job's.
function removeTraces(spool: Spool, id: string, state: State, writtenAt: number): void {
  const log = spool.disk.facts(spool.jobLog(id));
  const waited = state === 'scheduled' || state === 'pending' || state === 'retrying';
  if (log?.isFile && (waited || log.mtimeMs <= writtenAt + LOG_SLACK_MS)) spool.disk.remove(spool.jobLog(id));
  if (waited) clearCancel(spool, id);
}

const LOG_SLACK_MS = 5_000;
