import { isBatchFile } from '../drop-name.ts';
import { idOf } from '../order.ts';
import { idIn, isLineIn, type JobStatus, lineOf, locateClaimed, type Place, placeOf, runningPlaces, statusAt } from '../query.ts';
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
  const accepted = [pending, retrying].flatMap((folder) => placesIn(known, folder, id, now));
  const running = runningPlaces(spool).filter(({ name }) => idOf(name) === id);
  // A second request of the id does not hide the job.
  const claimed = locateClaimed(spool, id) ?? [];
  return firstMatch(known, [...accepted, ...running, claimed, ...placesIn(known, incoming, id, now)].flat(), now);
}

function overMatch(known: Known, id: string, now: number): Found {
  const { failed, cancelled, rejected } = known.over.folders;
  const files = [failed, cancelled].flatMap((folder) => placesIn(known, folder, id, now));
  const ended = lastOf([...matchesAt(known, files, now), ...completedMatch(known, id)]);
  if (ended) return { kind: 'found', match: ended };
  const refused = placesIn(known, rejected, id, now);
  const last = lastOf(matchesAt(known, refused, now));
  if (last) return { kind: 'found', match: last };
  return { kind: files.length + refused.length > 0 ? 'moved' : 'unknown' };
}

const matchesAt = (known: Known, places: readonly Place[], now: number): Match[] =>
  places.flatMap((place) => {
    const found = firstMatch(known, [place], now);
    return found.kind === 'found' ? found.match : [];
  });

/** The one that ended last; of several of the same time the last by name, as `jobStatus` has it. */
const lastOf = (matches: Match[]): Match | undefined => matches.sort((a, b) => (endOf(a) < endOf(b) ? 1 : -1))[0];

const endOf = ({ job, place }: Match): string => `${job.finishedAt ?? ''} ${place?.name ?? ''}`;

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

const placesIn = ({ spool }: Known, folder: JobFolder, id: string, now: number): Place[] =>
  entriesOf(folder, id).flatMap(({ name }) => {
    const place = placeOf(spool, folder.folder, name, now);
    return idIn(folder.folder, name) === id ? place : (lineOf(spool, place, id) ?? []);
  });

function entriesOf(folder: JobFolder, id: string): Entry[] {
  const found: Entry[] = [];
  const ending = folder.folder === 'incoming' || folder.folder === 'rejected' ? `${id}.json` : `-${id}.json`;
  for (const entry of folder.entries()) {
    // Most names do not end so, which costs less to see than what id they have.
    const isLikely = entry.name.endsWith(ending) || entry.name === id || isBatchFile(entry.name);
    if (isLikely && (idIn(folder.folder, entry.name) === id || isLineIn(folder.folder, entry.name, id))) found.push(entry);
  }
  return found;
}
