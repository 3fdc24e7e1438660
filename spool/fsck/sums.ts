/** Whether what was accepted is all there: accepted = completed + failed + cancelled + waiting + running + what ended and was removed since. */
import { jobStatus } from '../query.ts';
import type { Spool } from '../spool.ts';
import { isFinal, type State } from '../state.ts';
import { type Fate, GONE } from './acceptances.ts';
import { type Flaw, note, wrong } from './flaw.ts';
import type { Look, Sighting } from './look.ts';

/** How many jobs there are, by where they are; and what became of those that the service's log says were accepted. */
export type Sums = {
  onDisk: Record<Where, number>;
  /** `since`: how far back the log reaches; undefined when it says nothing. */
  accepted: Record<Where, number> & { since: string | undefined; total: number; removed: number; tooOld: number; nowhere: number };
  addsUp: boolean;
};

export type Where = 'incoming' | 'pending' | 'retrying' | 'running' | 'completed' | 'failed' | 'cancelled' | 'rejected';

/** Where a job counts that is in several places: the first of these. */
const ORDER = ['running', 'retrying', 'pending', 'incoming', 'completed', 'failed', 'cancelled', 'rejected'] as const;

const none = (): Record<Where, number> => Object.fromEntries(ORDER.map((where) => [where, 0])) as Record<Where, number>;

/** The flaws of what is nowhere; returns the sums. */
export function* unaccounted(look: Look): Generator<Flaw, Sums> {
  const sums: Sums = {
    onDisk: none(),
    accepted: { ...none(), since: undefined, total: 0, removed: 0, tooOld: 0, nowhere: 0 },
    addsUp: true,
  };
  for (const sightings of look.sightings.values()) for (const { folder } of sightings) sums.onDisk[folder] += 1;
  sums.onDisk.completed = look.completed;
  const { since, byId } = look.accepted;
  if (since !== undefined) sums.accepted.since = new Date(since).toISOString();
  const suspects: [string, Fate][] = [];
  for (const [id, fate] of byId) {
    sums.accepted.total += 1;
    const where = whereIs(look, id, fate);
    if (where !== 'nowhere') sums.accepted[where] += 1;
    else suspects.push([id, fate]);
  }
  yield* judge(look, suspects, sums);
  return { ...sums, addsUp: sums.accepted.nowhere === 0 };
}

function whereIs(look: Look, id: string, fate: Fate): Where | 'removed' | 'tooOld' | 'nowhere' {
  const { sightings, keep, now } = look;
  const folders = new Set<string>(sightings.get(id)?.flatMap((sighting) => (isOf(look, sighting, fate) ? sighting.folder : [])));
  if (fate.isRecorded) folders.add('completed');
  const found = ORDER.find((where) => folders.has(where));
  if (found) return found;
  if (fate.last === 'over') return 'removed';
  const kept = Math.min(keep.keepCompletedMs, keep.keepFailedMs);
  // A ledger's day goes as a whole.
  if (fate.at < now - kept + DAY_MS) return fate.last === 'completed' ? 'removed' : 'tooOld';
  return 'nowhere';
}

// An id may be used again: what was over before the job was accepted is an earlier one. Rejected files have their producer's time.
function isOf({ spool }: Look, { folder, name, shown }: Sighting, fate: Fate): boolean {
  if (fate.last !== 'live' || !['failed', 'cancelled', 'rejected'].includes(folder)) return true;
  const file = folder === 'rejected' ? spool.reason(name) : `${spool.root}/${shown}`;
  return isSince(spool.disk.facts(file)?.mtimeMs ?? 0, fate);
}

const isSince = (endedAt: number, { acceptedAt }: Fate): boolean => endedAt >= acceptedAt - CLOCKS_MS;

/** Clocks of the hosts that share a spool differ by less. */
export const CLOCKS_MS = 5_000;

const DAY_MS = 24 * 3_600_000;

/** More are not looked for one by one: each costs a look at every folder. */
const MAX_SEARCHED = 100;

function* judge({ spool, now }: Look, suspects: [string, Fate][], sums: Sums): Generator<Flaw> {
  for (const [id, fate] of suspects) {
    // It may have gone from one folder to another while we looked at them.
    const state = suspects.length <= MAX_SEARCHED ? stateNow(spool, id, fate, now) : undefined;
    if (state !== undefined) sums.accepted[state === 'scheduled' ? 'pending' : state] += 1;
    else if (fate.last === 'completed') {
      sums.accepted.removed += 1;
      const what = `the log says that the job "${id}" completed at ${iso(fate.at)}, and no line of the ledger does: its record was removed by hand, or a power cut took it; the job was done`;
      yield note('unrecorded', 'completed', what, { id });
    } else {
      sums.accepted.nowhere += 1;
      const what = `the job "${id}" was accepted at ${iso(fate.acceptedAt)}, is nowhere, and no line of the log says that it ended: somebody removed its file (rm leaves no trace, jobspool rm does), or it is lost`;
      yield wrong('vanished', 'logs/background_jobs.log', what, { id });
    }
  }
}

function stateNow(spool: Spool, id: string, fate: Fate, now: number): State | undefined {
  const status = jobStatus(spool, id, now);
  const isEarlier =
    fate.last === 'live' && status?.finishedAt !== undefined && isFinal(status.state) && !isSince(Date.parse(status.finishedAt), fate);
  return isEarlier ? undefined : status?.state;
}

/** The line for the log by which a vanished job is on record as gone; the next fsck says no more of it. */
export const goneLine = ({ what }: Flaw): string => `${GONE}: ${what}`;

const iso = (ms: number): string => new Date(ms).toISOString();
