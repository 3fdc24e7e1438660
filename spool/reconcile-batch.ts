import { type BatchName, memberId, parseBatchName, parseBatchRequestName, parseMemberId } from './batch-name.ts';
import { type Lines, without } from './batch-place.ts';
import { readJob } from './claim.ts';
import { readBatch } from './claim-part.ts';
import { jobNameIn, parseJobName } from './filename.ts';
import { iso } from './iso.ts';
import { slots } from './lease.ts';
import { idOfLine, linesOf, parseLine, recentLedgers } from './ledger.ts';
import { cut } from './part.ts';
import type { Spool } from './spool.ts';

/** A part that a power cut brought back, and where its jobs, or some of them, are by now. */
export type CutBack = { id: string; file: string; by: string };

/**
 * Cuts out of the parts of batches what a power cut brought back, and returns those parts. Of several that name a line (of one batch, accepted at the
 * same time) the smallest counts, and a file of its own or a line in the ledger before all. `isHeld`: slots whose holders are alive; what they have is
 * left alone, and counts.
 */
export function reconcileBatches(spool: Spool, isHeld: (slot: string) => boolean): CutBack[] {
  const parts = [...everyPart(spool, isHeld)];
  if (parts.length === 0) return [];
  const batches = new Set(parts.map(({ part }) => part.id));
  const singles = [...recordedLines(spool, batches), ...singleFiles(spool, batches)];
  return parts.flatMap((found) => cutBack(spool, found, parts, singles));
}

/** A file that names lines of a batch. `isFixed`: it is not ours to cut. `isNew`: it is not accepted yet, and may be another batch of that id. */
type Found = {
  part: BatchName;
  acceptedAt: string;
  folder: string;
  where: string;
  name: string;
  isFixed: boolean;
  isNew: boolean;
  changedAt: number;
  uid: number | undefined;
};

/** A line that has come further than any part; `endedAt` in milliseconds since the epoch. */
type Single = { id: string; acceptedAt: string; where: string; endedAt: number };

function* everyPart(spool: Spool, isHeld: (slot: string) => boolean): Generator<Found> {
  yield* partsIn(spool, spool.incoming, 'incoming', (name) => requestedPart(spool, name), { isFixed: () => false, isNew: true });
  yield* partsIn(spool, spool.pending, 'pending', parseBatchName, { isFixed: () => false, isNew: false });
  for (const slot of slots(spool)) {
    // What is on its way to another folder is smaller than what it was taken from.
    const isFixed = (name: string) => isHeld(slot) || jobNameIn(name) !== name;
    yield* partsIn(spool, spool.slot(slot), `running/${slot}`, (name) => parseBatchName(jobNameIn(name)), { isFixed, isNew: false });
  }
}

function* partsIn(
  spool: Spool,
  folder: string,
  where: string,
  partOf: (name: string) => BatchName | undefined,
  { isFixed, isNew }: { isFixed(name: string): boolean; isNew: boolean },
): Generator<Found> {
  for (const name of spool.disk.names(folder)) {
    const part = partOf(name);
    const facts = part && spool.disk.facts(`${folder}/${name}`);
    if (!part || !facts?.isFile) continue;
    const { ctimeMs: changedAt, uid } = facts;
    yield { part, acceptedAt: iso(facts.mtimeMs), folder, where, name, changedAt, isFixed: isFixed(name), isNew, uid };
  }
}

// A batch whose name gives no id is not recognized. `now` is when it was written: no other file of it says so.
function requestedPart(spool: Spool, name: string): BatchName | undefined {
  const parsed = parseBatchRequestName(name);
  if (parsed.kind !== 'request' || parsed.id === undefined) return undefined;
  const file = `${spool.incoming}/${name}`;
  const runAt = parsed.runAt === 'now' ? (spool.disk.facts(file)?.mtimeMs ?? 0) : parsed.runAt;
  const { priority, id, lines } = parsed;
  if (lines) return { priority, runAt, id, ...lines };
  const read = readBatch(spool, file);
  return read.kind === 'text' && read.lines.length > 0 ? { priority, runAt, id, from: 1, to: read.lines.length } : undefined;
}

function* recordedLines(spool: Spool, batches: ReadonlySet<string>): Generator<Single> {
  for (const file of recentLedgers(spool)) {
    for (const text of linesOf(spool, file)) {
      const batch = parseMemberId(idOfLine(text))?.id;
      const line = batch !== undefined && batches.has(batch) ? parseLine(text) : undefined;
      if (line) yield { id: line.id, acceptedAt: line.acceptedAt, where: 'completed', endedAt: Date.parse(line.finishedAt) };
    }
  }
}

function singleFiles(spool: Spool, batches: ReadonlySet<string>): Single[] {
  const folders = (['pending', 'retrying', 'failed', 'cancelled'] as const).map((folder) => ({
    where: folder as string,
    path: spool[folder],
  }));
  const all = [...folders, ...slots(spool).map((slot) => ({ where: `running/${slot}`, path: spool.slot(slot) }))];
  return all.flatMap(({ where, path }) =>
    spool.disk.names(path).flatMap((name) => singleFile(spool, where, `${path}/${name}`, jobNameIn(name), batches)),
  );
}

function singleFile(spool: Spool, where: string, file: string, name: string, batches: ReadonlySet<string>): Single[] {
  const id = parseJobName(name)?.id;
  const batch = id === undefined ? undefined : parseMemberId(id)?.id;
  if (id === undefined || batch === undefined || !batches.has(batch)) return [];
  const read = readJob(spool, file, name);
  if (read.kind !== 'claimed') return [];
  return [{ id, acceptedAt: read.job.request.acceptedAt ?? iso(read.writtenAt), where, endedAt: read.writtenAt }];
}

function cutBack(spool: Spool, found: Found, parts: readonly Found[], singles: readonly Single[]): CutBack[] {
  if (found.isFixed) return [];
  const { part, acceptedAt, folder, where, name } = found;
  const mine = new Map(singles.flatMap((one) => (one.acceptedAt === acceptedAt ? [[one.id, one]] : [])));
  const smaller = parts.filter((other) => other.acceptedAt === acceptedAt && other.part.id === part.id && isSmaller(other, found));
  const further = range(part).flatMap((line) => mine.get(memberId(part.id, line)) ?? []);
  if (found.isNew && smaller.length === 0 && isDroppedAnew(found, further)) return [];
  const gone = [...smaller.map((other) => other.part), ...further.map(({ id }) => lineOf(id))];
  const left = gone.reduce<Lines[]>(without, [{ from: part.from, to: part.to }]);
  if (left.length === 1 && left[0]?.from === part.from && left[0].to === part.to) return [];
  cut(spool, folder, name, part, left);
  return [{ id: part.id, file: `${folder}/${name}`, by: smaller[0]?.where ?? further[0]?.where ?? where }];
}

// A file that was dropped since the others ended is another batch, also where it has the id and the time of theirs (a copy of a template, say).
function isDroppedAnew({ changedAt }: Found, further: readonly Single[]): boolean {
  return changedAt > Math.max(...further.map(({ endedAt }) => endedAt)) + SLACK_MS;
}

// The last name of a batch's file goes some time after the line of its last job was written, and that changes the file's time.
const SLACK_MS = 10_000;

// Of two that name the same lines, the one that has come further. Of what is not accepted, another user may have chosen the id and the time.
function isSmaller(other: Found, one: Found): boolean {
  if (other.isNew && other.uid !== one.uid) return false;
  if (other === one || other.part.from > one.part.to || other.part.to < one.part.from) return false;
  const [size, otherSize] = [one.part.to - one.part.from, other.part.to - other.part.from];
  return otherSize === size ? rank(other) > rank(one) : otherSize < size;
}

const rank = ({ isNew, isFixed, where }: Found): number => (isNew ? 0 : where === 'pending' ? 1 : isFixed ? 3 : 2);

const range = ({ from, to }: Lines): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

function lineOf(id: string): Lines {
  const line = parseMemberId(id)?.line as number;
  return { from: line, to: line };
}
