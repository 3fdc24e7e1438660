import { idOf } from '../order.ts';
import { idIn, type JobStatus, type Place, placeOf, runningPlaces, statusAt } from '../query.ts';
import type { Entry, JobFolder } from './job-folder.ts';
import type { Known } from './known.ts';

/** A job that matches, where it is, and how it is. `place` is undefined for completed jobs. */
export type Match = { job: JobStatus; place: Place | undefined };

/** What is known of an id. `moved`: it was seen, and is no longer there. */
export type Found = { kind: 'found'; match: Match } | { kind: 'moved' } | { kind: 'unknown' };

/**
 * The job of an id as `jobStatus` gives it: a live job before one that is over, the one that ended last before earlier ones, and a rejected request
 * last. Looks at what is known, and reads the files of that job alone.
 */
export function findIn(known: Known, id: string, now: number): Found {
  if (id === '') return { kind: 'unknown' };
  const live = liveMatch(known, id, now);
  if (live.kind === 'found') return live;
  const over = overMatch(known, id, now);
  // A live one that has moved may have come to an end, and then it ended last; but it is not known yet.
  return live.kind === 'moved' ? live : over;
}

function liveMatch(known: Known, id: string, now: number): Found {
  const { spool, waiting } = known;
  const { incoming, pending, retrying } = waiting.folders;
  const seen = [incoming, pending, retrying].flatMap((folder) =>
    entriesOf(folder, id).map(({ name }) => placeOf(spool, folder.folder, name, now)),
  );
  const running = runningPlaces(spool).filter(({ name }) => idOf(name) === id);
  return firstMatch(known, [...seen, ...running], now);
}

function overMatch(known: Known, id: string, now: number): Found {
  const { failed, cancelled, rejected } = known.over.folders;
  const files = [failed, cancelled].flatMap((folder) => latest(known, folder, id, now));
  const seen = files.map((place) => firstMatch(known, [place], now));
  const ended = [...seen.flatMap((found) => (found.kind === 'found' ? found.match : [])), ...completedMatch(known, id)];
  const last = ended.sort((a, b) => ((a.job.finishedAt ?? '') < (b.job.finishedAt ?? '') ? 1 : -1))[0];
  if (last) return { kind: 'found', match: last };
  const refused = firstMatch(known, latest(known, rejected, id, now), now);
  return seen.some(({ kind }) => kind === 'moved') && refused.kind === 'unknown' ? { kind: 'moved' } : refused;
}

function completedMatch({ ledger }: Known, id: string): Match[] {
  const { finishedAt } = ledger.columns;
  const rows = ledger.rowsOf(id).sort((a, b) => (finishedAt[b] as number) - (finishedAt[a] as number));
  for (const row of rows) {
    const job = ledger.statusAt(row);
    if (job?.id === id) return [{ job, place: undefined }];
  }
  return [];
}

function firstMatch({ spool }: Known, places: readonly Place[], now: number): Found {
  for (const place of places) {
    const job = statusAt(spool, place, now);
    if (job) return { kind: 'found', match: { job, place } };
  }
  return { kind: places.length > 0 ? 'moved' : 'unknown' };
}

// Of several files of one id the last by name counts, as everywhere.
function latest({ spool }: Known, folder: JobFolder, id: string, now: number): Place[] {
  const names = entriesOf(folder, id).map(({ name }) => name);
  return names
    .sort()
    .slice(-1)
    .map((name) => placeOf(spool, folder.folder, name, now));
}

function entriesOf(folder: JobFolder, id: string): Entry[] {
  const found: Entry[] = [];
  const ending = folder.folder === 'incoming' || folder.folder === 'rejected' ? `${id}.json` : `-${id}.json`;
  for (const entry of folder.entries()) {
    // Most names do not end so, which costs less to see than what id they have.
    const isLikely = entry.name.endsWith(ending) || entry.name === id;
    if (isLikely && idIn(folder.folder, entry.name) === id) found.push(entry);
  }
  return found;
}
