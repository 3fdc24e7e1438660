/** Whether jobs started in the order that their priorities ask for, judged from background_jobs.log. */
import type { Checks } from './checks.ts';
import type { Enqueued } from './plan.ts';
import { nameParts, type SpoolView } from './spool-view.ts';

/** The first start of a job; times in milliseconds. */
export type Start = { id: string; priority: number; runAt: number; startedAt: number; tookMs: number; isScheduled: boolean };

/** What was enqueued while the service was paused, and the names that waited when it was let go. */
export type Phase = { enqueued: Enqueued[]; waiting: string[] };

/** Work is proposed to a runner about this far ahead (DESIGN 4). */
const AHEAD_MS = 10;
/** What a runner that got stuck on a long job has in hand besides is taken back within twice that, and looked for as often. */
const TAKEN_BACK_MS = 4 * AHEAD_MS;

/** The starts of a phase's jobs, in the order of the log. Those that never started are left out. */
export function startsOf(spool: SpoolView, { enqueued, waiting }: Phase): Start[] {
  const parts = new Map(waiting.map((name) => [nameParts(name).id, nameParts(name)]));
  const scheduled = new Set(enqueued.filter(({ delay }) => delay > 0).map(({ id }) => id));
  const lines = spool.log('background_jobs').filter(({ id, attempt }) => attempt === 1 && parts.has(id as string));
  const took = new Map(lines.filter(({ durationMs }) => durationMs !== undefined).map(({ id, durationMs }) => [id, durationMs]));
  return lines
    .filter(({ event }) => event === 'running')
    .map(({ time, ...line }) => {
      const id = line.id as string;
      const { priority, runAt } = parts.get(id) as ReturnType<typeof nameParts>;
      return { id, priority, runAt, startedAt: Date.parse(time), tookMs: took.get(id) ?? 0, isScheduled: scheduled.has(id) };
    });
}

/** One runner, everything accepted before the first start: the order of those that were due is exact, and the others fall in as they come due. */
export function verifyExactOrder(checks: Checks, starts: Start[]): void {
  const due = starts.filter(({ isScheduled }) => !isScheduled);
  const sorted = due.toSorted(inOrder);
  const wrong = due.flatMap((start, at) =>
    start.id === sorted[at]?.id ? [] : [`start ${at + 1} was ${start.id}, expected ${sorted[at]?.id}`],
  );
  checks.none(`on one runner ${due.length} jobs start exactly in the order of priority, run-at and id`, wrong);
  verifyOrder(checks, starts);
}

/**
 * Several runners, or jobs that come due meanwhile. A runner may start what it was proposed before a better job came due, and what its
 * neighbour was proposed that is now busy with a long job: so no job may wait while worse ones start for longer than work is proposed ahead,
 * plus the time until proposals are taken back, plus the longest job, behind which a runner cannot start anything.
 */
export function verifyOrder(checks: Checks, starts: Start[]): void {
  const longestMs = Math.max(...starts.map(({ tookMs }) => tookMs));
  const allowedMs = AHEAD_MS + TAKEN_BACK_MS + longestMs;
  const waits = starts.map((start) => ({ start, waitedMs: overtakenFor(start, starts) }));
  const most = Math.max(...waits.map(({ waitedMs }) => waitedMs));
  checks.none(
    `none of ${starts.length} jobs waits more than ${allowedMs} ms while worse ones start (the longest job took ${longestMs} ms, the most was ${most} ms)`,
    waits
      .filter(({ waitedMs }) => waitedMs > allowedMs)
      .map(({ start, waitedMs }) => `${start.id} (priority ${start.priority}): ${waitedMs} ms`),
  );
  const early = starts
    .filter(({ startedAt, runAt }) => startedAt < runAt)
    .map(({ id, startedAt, runAt }) => `${id}: ${runAt - startedAt} ms`);
  checks.none('none starts before its run-at', early);
}

/** How long before its own start the first worse job started while this one was due. */
function overtakenFor(job: Start, starts: Start[]): number {
  const overtaking = starts.filter((other) => other.startedAt >= job.runAt && other.startedAt < job.startedAt && inOrder(job, other) < 0);
  return overtaking.length === 0 ? 0 : job.startedAt - Math.min(...overtaking.map(({ startedAt }) => startedAt));
}

function inOrder(a: Start, b: Start): number {
  return b.priority - a.priority || a.runAt - b.runAt || (a.id < b.id ? -1 : 1);
}
