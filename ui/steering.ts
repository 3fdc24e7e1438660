/**
 * Steers one job on behalf of a person or a program: the spool's own functions, a sentence that says what came of it, and a line in the log
 * that says who asked.
 */
import type { Match } from '../spool/catalog.ts';
import { MAX_PRIORITY } from '../spool/filename.ts';
import { everything } from '../spool/filter.ts';
import type { JobStatus, Place } from '../spool/query.ts';
import { type Action, allows, type State } from '../spool/state.ts';
import {
  type Cancelled,
  cancel,
  type Refused,
  refusal,
  remove,
  retry,
  runNow,
  type Steered,
  setPriority,
  steerRun,
} from '../spool/steer.ts';
import { isLine } from '../spool/steer-line.ts';
import { withToolSlot } from '../spool/tool-slot.ts';
import type { Dashboard } from './dashboard.ts';

/** What can be asked of a job, by the words of addresses and buttons. */
export const STEER_ACTIONS = ['cancel', 'retry', 'run-now', 'delete', 'priority'] as const;
export type SteerAction = (typeof STEER_ACTIONS)[number];

/** What came of it, in a sentence. `conflict`: nothing was done, because of its state (where that is known) or because it moved in that moment. */
export type Steering =
  | { kind: 'done'; text: string }
  | { kind: 'unknown'; text: string }
  | { kind: 'conflict'; text: string; state: State | undefined };

/**
 * `priority`, 1 to 10, belongs to the action of that name. `seen`: the state in which whoever asks saw the job; nothing is done to one in another.
 * `now` in milliseconds since the epoch.
 */
export type SteeringOptions = { priority?: number | undefined; seen?: State | undefined; now?: number | undefined };

/** Does one thing to one job. Throws SpoolError `INVALID_REQUEST` for a priority that is none. */
export async function steer(
  dashboard: Dashboard,
  action: SteerAction,
  id: string,
  who: string,
  options: SteeringOptions = {},
): Promise<Steering> {
  const { seen, now = Date.now() } = options;
  const match = await findSeen(dashboard, id, seen, now);
  if (!match) return { kind: 'unknown', text: `${VERB[action]} ${id}: no job of that id is known; nothing was changed` };
  const { state } = match.job;
  if (seen !== undefined && state !== seen)
    return { kind: 'conflict', text: `${VERB[action]} ${id}: it is ${state}, and not ${seen} as it was seen; nothing was changed`, state };
  const act = await withToolSlot(dashboard.spool, (slot) =>
    steerAt(dashboard, action, match, who, { ...options, slot, only: seen !== undefined }),
  );
  // The next page shows what is, and not what was before.
  await dashboard.catalog.refresh(0);
  return isDone(act) ? { kind: 'done', text: doneText(action, id, act, options) } : refusedText(action, match.job, act);
}

/** The job of an id in the state in which it was `seen`: an id may be in use again. Where none is, the job that goes by it now. `now` in milliseconds since the epoch. */
export async function findSeen({ catalog }: Dashboard, id: string, seen: State | undefined, now: number): Promise<Match | undefined> {
  const match = await catalog.find(id, now);
  if (!match || seen === undefined || match.job.state === seen) return match;
  for await (const twin of catalog.matching({ ...everything(), states: [seen], ids: [id] }, now)) if (twin.job.id === id) return twin;
  return match;
}

/** Whether a state allows it. */
export const maySteer = (state: State, action: SteerAction): boolean => allows(state, ACTION[action]);

/** What came of steering a job that had been found. `limited`: with that priority it would be rejected, as who submitted it may not ask for it; `reason` is the sentence. */
export type Act = Steered | Cancelled | Limited;
type Limited = { kind: 'limited'; reason: string };

/** Does one thing to a job that was found, and writes the log; with `only`, nowhere but where it was found. `slot`: as `SteerOptions` has it. The catalog is not told. */
export function steerAt(
  dashboard: Dashboard,
  action: SteerAction,
  { job, place }: Match,
  who: string,
  { priority = Number.NaN, now, only = false, slot }: SteeringOptions & { only?: boolean; slot?: string | undefined } = {},
): Act {
  if (place === undefined) return { kind: 'conflict', state: job.state };
  const limited = action === 'priority' ? limitation(dashboard, job, priority) : undefined;
  if (limited !== undefined) return { kind: 'limited', reason: limited };
  const at = { now, place, only, slot };
  const act = action === 'priority' ? setPriority(dashboard.spool, job.id, priority, at) : STEER[action](dashboard.spool, job.id, at);
  if (isDone(act)) writeLog(dashboard, action, job, act, action === 'priority' ? { who, priority } : { who });
  return act;
}

/** Why a job may not have this priority, as a sentence. What is no priority is no question of who asked for it. */
export function limitation(dashboard: Dashboard, { class: name, method, submittedBy }: JobStatus, priority?: number): string | undefined {
  if (name === undefined || method === undefined || !isPriority(priority)) return undefined;
  return dashboard.limitation({ class: name, method, submittedBy }, priority);
}

/** How often jobs that wait one behind the other in a batch are steered together at most. */
const MAX_RUN = 200;

/** The lines of a batch that wait one behind the other, from the first of the matches on: what is done to one can be done to all of them at once. */
export function runOf(matches: readonly Match[], first: number): number {
  const place = matches[first]?.place;
  if (!place || !isLine(place) || place.slot !== undefined) return 0;
  let count = 1;
  while (count < MAX_RUN && follows(place, matches[first + count]?.place, count)) count += 1;
  return count;
}

const follows = (place: Place, next: Place | undefined, by: number): boolean =>
  next?.file === place.file && next.state === place.state && next.slot === undefined && next.line === (place.line ?? 0) + by;

/** As `steerAt` with `only`, for `count` lines of a batch; how many were done, or undefined when each is to be tried by itself. */
export function steerRunAt(
  { spool, log }: Dashboard,
  action: SteerAction,
  { place }: Match,
  count: number,
  { slot, who, priority, now = Date.now() }: { slot: string; who: string; priority: number | undefined; now?: number },
): number | undefined {
  const act = ACTION[action];
  if (!place || !isLine(place) || act === 'retry' || (act === 'priority' && !isPriority(priority))) return undefined;
  const change = act === 'run-now' ? { runAt: now } : { priority: priority ?? 0 };
  const jobs = steerRun(spool, act, { place, count }, slot, change);
  for (const { id, request } of jobs ?? []) {
    const named = { id, class: request.class, method: request.method };
    if (act === 'cancel') log.cancelled(named);
    log.info(`${LOGGED[action]} by hand, it was ${place.state}`, { ...named, who, ...(priority === undefined ? {} : { priority }) });
  }
  return jobs?.length;
}

const isPriority = (number: number | undefined): number is number =>
  Number.isInteger(number) && Number(number) >= 1 && Number(number) <= MAX_PRIORITY;

export type Done = Exclude<Act, Refused | Limited>;

export const isDone = (act: Act): act is Done => act.kind === 'done' || act.kind === 'cancelled' || act.kind === 'asked';

/** The words of the spool for the actions: a person deletes what a program removes. */
const ACTION: Record<SteerAction, Action> = {
  cancel: 'cancel',
  retry: 'retry',
  'run-now': 'run-now',
  delete: 'remove',
  priority: 'priority',
};

const STEER = { cancel, retry, 'run-now': runNow, delete: remove };

const VERB: Record<SteerAction, string> = {
  cancel: 'cancel',
  retry: 'retry',
  'run-now': 'run now',
  delete: 'delete',
  priority: 'change the priority of',
};

function writeLog({ log }: Dashboard, action: SteerAction, { id, class: name, method }: JobStatus, act: Done, by: object): void {
  const named = { id, ...(name === undefined ? {} : { class: name, method }) };
  // Its end is an event of the job, as when a dispatcher cancels it.
  if (act.kind === 'cancelled' && act.job) log.cancelled(named);
  const what = act.kind === 'asked' ? 'cancellation asked for' : LOGGED[action];
  log.info(`${what} by hand, it was ${act.from}`, { ...named, ...by });
}

const LOGGED: Record<SteerAction, string> = {
  cancel: 'cancelled',
  retry: 'retried',
  'run-now': 'made due at once',
  delete: 'removed',
  priority: 'given another priority',
};

function doneText(action: SteerAction, id: string, act: Done, { priority }: SteeringOptions): string {
  switch (action) {
    case 'cancel':
      return act.kind === 'asked' ? `${id}: cancellation asked for; ${whoStops(act.slot)}` : `${id} is cancelled; it was ${act.from}`;
    case 'retry':
      return act.from === 'rejected'
        ? `${id} is handed in again, to be accepted or rejected anew; it was rejected`
        : `${id} runs again, with all its retries; it was ${act.from}`;
    case 'run-now':
      return `${id} is due now; it was ${act.from}`;
    case 'delete':
      return `${id} is deleted${act.from === 'rejected' ? '' : ', with its log'}; it was ${act.from}`;
    case 'priority':
      return `${id} has the priority ${priority} now`;
  }
}

const whoStops = (slot: string | undefined): string =>
  slot === undefined
    ? 'it is not accepted yet, and is cancelled when a dispatcher comes to it'
    : `its runner in ${slot} tells it to stop, then sends TERM, then KILL`;

function refusedText(action: SteerAction, { id, state }: JobStatus, why: Refused | Limited): Steering {
  const words = why.kind === 'limited' ? `it would be rejected: ${why.reason}` : refusal(why);
  const text = `${VERB[action]} ${id}: ${words}; nothing was changed`;
  if (why.kind === 'unknown') return { kind: 'unknown', text };
  return { kind: 'conflict', text, state: why.kind === 'conflict' ? why.state : state };
}
