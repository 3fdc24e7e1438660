/**
 * One action on many jobs, as of a moment: those that had moved on by then, or move on meanwhile, are left alone and counted; those that came
 * later are not touched. What the dashboard and the API share.
 */
import { Breath } from '../spool/breath.ts';
import type { Match } from '../spool/catalog.ts';
import type { Filter } from '../spool/filter.ts';
import { maskJob } from '../spool/mask.ts';
import type { JobStatus } from '../spool/query.ts';
import { STATES, type State } from '../spool/state.ts';
import { ToolSlot } from '../spool/tool-slot.ts';
import type { Dashboard } from './dashboard.ts';
import { type Act, isDone, limitation, maySteer, runOf, type SteerAction, steerAt, steerRunAt } from './steering.ts';
import { figure } from './views/figures.ts';

/** A job that was picked, and the state in which it was seen; undefined: whatever it is in. */
export type Picked = { id: string; seen: State | undefined };

/** Which jobs: those picked, or all that match a filter. */
export type Selection = { kind: 'picked'; jobs: readonly Picked[] } | { kind: 'filter'; filter: Filter };

/** What is to be done. `asOf` in milliseconds since the epoch; `expected`: how many it was to be, as whoever ordered it was told. */
export type BulkOrder = {
  action: SteerAction;
  priority: number | undefined;
  selection: Selection;
  asOf: number;
  expected: number;
  who: string;
};

/** What it would be done to. `picked`: those of the picked jobs, as they are now. `leftOut`: picked jobs that it cannot be done to, by the reason. */
export type BulkPlan = { count: number; byState: Partial<Record<State, number>>; picked: Picked[]; leftOut: Skipped };

/** How many jobs were skipped, by the reason in a few words. */
export type Skipped = Map<string, number>;

/** How far it is. `done` and `skipped` add up to `expected` in the end. */
export type BulkProgress = { done: number; skipped: Skipped };

/** So many are done while the request that asks for it waits; more go on in the background. */
export const AT_ONCE = 200;

/** Finds out how many jobs an order would be about, and changes nothing. */
export async function planBulk(
  dashboard: Dashboard,
  { action, selection, asOf }: Pick<BulkOrder, 'action' | 'selection' | 'asOf'>,
): Promise<BulkPlan> {
  if (selection.kind === 'filter') return countAll(dashboard, action, selection.filter, asOf);
  const { targets, skipped } = await pickedTargets(dashboard, action, selection.jobs, asOf);
  const byState: BulkPlan['byState'] = {};
  for (const { job } of targets) byState[job.state] = (byState[job.state] ?? 0) + 1;
  return { count: targets.length, byState, picked: targets.map(({ job }) => ({ id: job.id, seen: job.state })), leftOut: skipped };
}

/** Carries an order out, in portions that leave the process room for other work. `progress` is kept up to date meanwhile; an aborted `signal` ends it before the next job. */
export async function runBulk(dashboard: Dashboard, order: BulkOrder, progress: BulkProgress, signal?: AbortSignal): Promise<BulkProgress> {
  const { action, selection, asOf, expected, who, priority } = order;
  const { targets, skipped } = await targetsOf(dashboard, action, selection, asOf);
  for (const [reason, count] of skipped) skip(progress, reason, count);
  const gone = expected - targets.length - sum(skipped);
  if (gone > 0) skip(progress, MOVED, gone);
  const tool = new ToolSlot(dashboard.spool);
  await steerAll(dashboard, { action, who, priority }, targets, progress, tool, signal).finally(() => tool.release());
  await dashboard.catalog.refresh(0);
  return progress;
}

type What = Pick<BulkOrder, 'action' | 'who' | 'priority'>;

async function steerAll(
  dashboard: Dashboard,
  what: What,
  targets: readonly Match[],
  progress: BulkProgress,
  tool: ToolSlot,
  signal?: AbortSignal,
): Promise<void> {
  const breath = new Breath();
  for (let at = 0; at < targets.length && !signal?.aborted; ) {
    const done = await steerTogether(dashboard, what, targets, at, tool);
    progress.done += done;
    at += done;
    if (done === 0) await steerOne(dashboard, what, targets[at++] as Match, progress, tool);
    if (breath.isDue) await breath.take();
  }
}

/** Lines of a batch that wait one behind the other; how many there were, none where each is to be tried by itself. */
async function steerTogether(
  dashboard: Dashboard,
  { action, who, priority }: What,
  targets: readonly Match[],
  at: number,
  tool: ToolSlot,
): Promise<number> {
  const count = runOf(targets, at);
  if (count < 2) return 0;
  if (action === 'priority' && targets.slice(at, at + count).some(({ job }) => limitation(dashboard, job, priority) !== undefined))
    return 0;
  return steerRunAt(dashboard, action, targets[at] as Match, count, { slot: await tool.take(), who, priority }) ?? 0;
}

async function steerOne(
  dashboard: Dashboard,
  { action, who, priority }: What,
  match: Match,
  progress: BulkProgress,
  tool: ToolSlot,
): Promise<void> {
  const act = await tool.steer((slot) => steerAt(dashboard, action, match, who, { priority, only: true, slot }));
  if (isDone(act)) progress.done += 1;
  else skip(progress, await reasonOf(dashboard, match.job.id, act, progress), 1);
}

/** `retried 498 · skipped 2 (already running)`. */
export function progressText(action: SteerAction, { done, skipped }: BulkProgress): string {
  const reasons = [...skipped].map(([reason, count]) => (skipped.size > 1 ? `${count} ${reason}` : reason));
  return [`${DONE[action]} ${figure(done)}`, ...(skipped.size > 0 ? [`skipped ${figure(sum(skipped))} (${reasons.join(', ')})`] : [])].join(
    ' · ',
  );
}

const DONE: Record<SteerAction, string> = {
  cancel: 'Cancelled',
  retry: 'Retried',
  'run-now': 'Made due',
  delete: 'Deleted',
  priority: 'Changed the priority of',
};

export const sum = (skipped: Skipped): number => [...skipped.values()].reduce((total, count) => total + count, 0);

const MOVED = 'had moved on';

type Targets = { targets: Match[]; skipped: Skipped };

// All are found before the first is touched: what is done to one changes what would be found after it.
function targetsOf(dashboard: Dashboard, action: SteerAction, selection: Selection, asOf: number): Promise<Targets> {
  return selection.kind === 'picked'
    ? pickedTargets(dashboard, action, selection.jobs, asOf)
    : filterTargets(dashboard, action, selection.filter, asOf);
}

async function pickedTargets({ catalog }: Dashboard, action: SteerAction, picked: readonly Picked[], asOf: number): Promise<Targets> {
  const progress: BulkProgress = { done: 0, skipped: new Map() };
  const targets: Match[] = [];
  for (const { id, seen } of picked) {
    const match = await catalog.find(id, Date.now());
    const reason = leftOutBecause(match?.job, action, seen, asOf);
    if (match && reason === undefined) targets.push(light(match));
    else skip(progress, reason ?? 'no longer known', 1);
  }
  return { targets, skipped: progress.skipped };
}

function leftOutBecause(job: JobStatus | undefined, action: SteerAction, seen: State | undefined, asOf: number): string | undefined {
  if (!job) return 'no longer known';
  if (seen !== undefined && job.state !== seen) return `already ${job.state}`;
  if (!maySteer(job.state, action)) return job.state;
  // It was retried since, and has failed again: that is not what was seen.
  return job.finishedAt !== undefined && Date.parse(job.finishedAt) > asOf ? `${job.state} again` : undefined;
}

async function filterTargets({ catalog }: Dashboard, action: SteerAction, filter: Filter, asOf: number): Promise<Targets> {
  const targets: Match[] = [];
  const states = statesFor(action, filter);
  // A filter without states would mean all of them.
  if (states.length === 0) return { targets, skipped: new Map() };
  for await (const match of catalog.matching({ ...filter, states }, asOf, maskJob)) targets.push(light(match));
  return { targets, skipped: new Map() };
}

const statesFor = (action: SteerAction, { states }: Filter): State[] =>
  (states.length > 0 ? states : STATES).filter((state) => maySteer(state, action));

async function countAll(dashboard: Dashboard, action: SteerAction, filter: Filter, asOf: number): Promise<BulkPlan> {
  const byState: BulkPlan['byState'] = {};
  await dashboard.catalog.refresh(0);
  for (const state of statesFor(action, filter)) {
    const count = await countIn(dashboard, { ...filter, states: [state] }, asOf);
    if (count > 0) byState[state] = count;
  }
  const count = Object.values(byState).reduce((total, one) => total + one, 0);
  return { count, byState, picked: [], leftOut: new Map() };
}

/** As of a moment that is no longer ago, the numbers of now are good enough. */
const JUST_NOW_MS = 1_000;

// The catalog knows most numbers, as they are now, without reading a job; where it does not, all that may match are read.
async function countIn({ catalog }: Dashboard, filter: Filter, asOf: number): Promise<number> {
  const isNow = Date.now() - asOf < JUST_NOW_MS;
  const { total } = isNow ? await catalog.list({ filter, limit: 0, shown: maskJob }, asOf) : { total: undefined };
  if (total !== undefined) return total;
  let count = 0;
  for await (const _match of catalog.matching(filter, asOf, maskJob)) count += 1;
  return count;
}

// Fifty thousand of them are held at once: without what a job carries.
function light({ job, place }: Match): Match {
  const { id, state, class: name, method, submittedBy, priority, runAt } = job;
  return {
    place,
    job: {
      id,
      state,
      priority,
      runAt,
      attempts: [],
      submittedBy,
      ...(name === undefined ? {} : { class: name }),
      ...(method === undefined ? {} : { method }),
    },
  };
}

function skip({ skipped }: BulkProgress, reason: string, count: number): void {
  skipped.set(reason, (skipped.get(reason) ?? 0) + count);
}

/** Of so many it is found out where they went; of the others it is enough that they did. */
const MAX_ASKED = 100;

async function reasonOf(
  { catalog }: Dashboard,
  id: string,
  act: Exclude<Act, { kind: 'done' }>,
  { skipped }: BulkProgress,
): Promise<string> {
  if (act.kind === 'conflict') return `already ${act.state}`;
  if (act.kind === 'taken') return 'another job has the file name already';
  if (act.kind === 'folder') return 'a folder';
  if (act.kind === 'limited') return 'more than who submitted them may ask for';
  const found = sum(skipped) < MAX_ASKED ? await catalog.find(id, Date.now()) : undefined;
  return found ? `already ${found.job.state}` : MOVED;
}
