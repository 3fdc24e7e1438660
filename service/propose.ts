import type { Sharing } from '../jobs/load-allowlist.ts';
import type { Settlement } from '../jobs/messages.ts';

/** Work in the hands of one runner is kept to about this long, so that a better job which arrives meanwhile does not wait longer. */
export const AHEAD_MS = 10;
/** However short the jobs are, no runner is proposed more at once. */
export const MAX_BATCH = 64;
/** However short the jobs of a batch's part are, no runner takes more of them at once. */
export const MAX_CHUNK = 256;

/** A runner that is busy with one job is told of the next so long before that should end, or it would be idle until it has reported. */
export const EARLY_MS = 3;

/**
 * A runner as the proposals see it. Times in milliseconds, `lastReport` on the monotonic clock; so is `endsAt`, when the one job that it has in hand should
 * be over, where its jobs take longer than what it is given at once.
 */
export type RunnerView = { slot: string; proposed: number; averageMs: number; lastReport: number; endsAt?: number | undefined };

/** How many jobs a runner should have in hand, `most` at most: one while nothing is known of its jobs, more the shorter they are. */
export function countAhead(averageMs: number | undefined, most: number): number {
  if (averageMs === undefined) return 1;
  return averageMs <= 0 ? most : Math.max(1, Math.min(most, Math.floor(AHEAD_MS / averageMs)));
}

/**
 * How many of the `ready` due jobs each runner is to be proposed now, in the order in which the best are dealt out. A runner is served
 * again when half of its batch is done; what is scarce is spread, so that runners start equally good jobs at the same time. One that still has
 * work is not told of a few more at a time, while they come in one by one: each message costs more than a short job.
 */
export function shares(runners: readonly RunnerView[], ready: number, clock: number): Map<string, number> {
  const room = runners
    .map(({ slot, proposed, averageMs, endsAt }) => ({
      slot,
      proposed,
      batch: isNearly(endsAt, clock) ? 2 : countAhead(averageMs, MAX_BATCH),
    }))
    .filter(({ proposed, batch }) => proposed <= batch / 2)
    .map(({ slot, proposed, batch }) => ({ slot, room: batch - proposed, least: proposed === 0 ? 1 : Math.ceil(batch / 4) }));
  const fair = Math.max(1, Math.ceil(ready / Math.max(1, room.length)));
  let left = ready;
  const dealt = new Map<string, number>();
  for (const { slot, room: free, least } of room) {
    const share = Math.min(free, fair, left);
    if (share < least) continue;
    dealt.set(slot, share);
    left -= share;
  }
  return dealt;
}

// Not for one that is late: how long that will be is unknown, and a better job may come meanwhile.
const isNearly = (endsAt: number | undefined, clock: number): boolean => endsAt !== undefined && Math.abs(endsAt - clock) <= EARLY_MS;

/** Deals the best-first `names` round by round, so that every runner gets jobs as good as its neighbour's. */
export function deal(names: readonly string[], dealt: ReadonlyMap<string, number>): Map<string, string[]> {
  const hands = new Map<string, string[]>([...dealt.keys()].map((slot) => [slot, []]));
  let next = 0;
  while (next < names.length) {
    const before = next;
    for (const [slot, hand] of hands) {
      if (next < names.length && hand.length < (dealt.get(slot) ?? 0)) hand.push(names[next++] as string);
    }
    if (next === before) break;
  }
  return hands;
}

/**
 * Whether a runner is stuck on a job while others that were proposed to it wait: then those are proposed to somebody else. Where its jobs take long, the
 * next was proposed in the midst of one, which has its time.
 */
export function isStuck({ proposed, lastReport, averageMs }: Omit<RunnerView, 'slot'>, clock: number): boolean {
  return proposed > 1 && clock - lastReport > 2 * AHEAD_MS + (averageMs > AHEAD_MS ? averageMs : 0);
}

/**
 * The running average of a runner's job times after a report that covers `tookMs`. Of proposals that came too late it learns nothing: another
 * dispatcher's runners have those jobs, and to be told so takes no time.
 */
export function paceOf(before: number | undefined, tookMs: number, settled: readonly Settlement[]): number | undefined {
  const ran = settled.reduce((sum, { to, jobs = 1 }) => sum + (to === 'missing' || to === 'early' ? 0 : jobs), 0);
  return ran === 0 ? before : average(before, tookMs, ran);
}

/** The running average of job times. `tookMs` covers `jobs` jobs. */
export function average(before: number | undefined, tookMs: number, jobs: number): number {
  const each = tookMs / Math.max(1, jobs);
  return before === undefined ? each : before * 0.7 + each * 0.3;
}

/** How many jobs of a shared method a runner should have in hand: as many as it runs at once, and what begins there within `AHEAD_MS`. */
export function batchForShared(concurrency: number, averageMs: number | undefined): number {
  if (averageMs === undefined) return concurrency;
  return concurrency + Math.min(concurrency, Math.floor((concurrency * AHEAD_MS) / Math.max(AHEAD_MS, averageMs)));
}

/** For how many more jobs such a runner has room: none until half of what waits in its hand has begun, for each proposal is a message. */
export function roomShared(concurrency: number, averageMs: number | undefined, proposed: number): number {
  const batch = batchForShared(concurrency, averageMs);
  return proposed > (concurrency + batch) / 2 ? 0 : batch - proposed;
}

/** Whether a runner of shared jobs is stuck: all of them may be in the midst of their time, so it must have reported nothing for longer than one takes. */
export function isStuckShared({ proposed, lastReport, averageMs }: RunnerView, concurrency: number, clock: number): boolean {
  return proposed > concurrency && clock - lastReport > 2 * AHEAD_MS + averageMs;
}

/** A runner as it is proposed to where some methods are shared. `sharing`: the method whose jobs it runs, `room`: for how many more. */
export type Seat = { slot: string; isFree: boolean; share: number; sharing?: string | undefined; room: number };

/**
 * Who is proposed a job of the shared method `sharing`, or, `undefined`, one that wants a runner to itself. Runners that share already come
 * first, so that others stay free; a free one begins to share. Undefined: nobody has room, and nothing behind this job may pass it.
 */
export function seatFor(seats: readonly Seat[], sharing: Sharing | undefined): Seat | undefined {
  if (!sharing) return seats.find((seat) => seat.sharing === undefined && seat.share > 0);
  return seats.find((seat) => seat.sharing === sharing.key && seat.room > 0) ?? seats.find(({ isFree }) => isFree);
}
