/** Files of batches: in `pending/`, and the parts of them in slots. Each line is a job. */
import { type BatchName, memberId, parseBatchName } from '../batch-name.ts';
import { type Lines, linesByPart, rangesOf } from '../batch-place.ts';
import { lineJob, readBatch } from '../claim-part.ts';
import type { FileDetails } from '../disk.ts';
import { jobNameIn } from '../filename.ts';
import { cut } from '../part.ts';
import { unreadable } from './access.ts';
import { type Flaw, type Repair, wrong } from './flaw.ts';
import { future } from './future.ts';
import type { Look, Sighting } from './look.ts';
import { toRejected } from './to-rejected.ts';

/** Notes that each of some lines is a job. */
export function seeLines(look: Look, part: BatchName, lines: readonly Lines[], where: Omit<Sighting, 'id' | 'line'>): void {
  look.batches.add(part.id);
  for (const { from, to } of lines) for (let line = from; line <= to; line++) look.see({ ...where, id: memberId(part.id, line), line });
}

/** The flaws of a batch, or a part of one, that waits. */
export function* inBatch(look: Look, name: string, part: BatchName, details: FileDetails): Generator<Flaw> {
  const { spool } = look;
  const shown = `pending/${name}`;
  const file = `${spool.pending}/${name}`;
  seeLines(look, part, [part], { folder: 'pending', shown, name });
  if (details.kind !== 'a file') {
    const repair = toRejected(spool, file, name, `expected a regular file, got ${details.kind}`, part.id);
    yield wrong('not-a-file', shown, `${shown} is ${details.kind}, not a batch's file; nobody follows it`, { id: part.id, repair });
    return;
  }
  const hidden = unreadable(look, shown, details, 'its jobs are rejected when a runner claims them');
  if (hidden) {
    yield { ...hidden, id: part.id };
    return;
  }
  yield* future(look, shown, file, part.id, details);
  yield* spoiltLines(look, shown, file, part);
}

function* spoiltLines({ spool }: Look, shown: string, file: string, part: BatchName): Generator<Flaw> {
  const read = readBatch(spool, file);
  if (read.kind === 'missing') return;
  const then = 'each such job is rejected when a runner comes to it; jobspool show has what is known of one';
  if (read.kind !== 'text') {
    yield wrong('spoilt', shown, `${shown} holds no batch, ${read.reason}; ${then}`, { id: part.id });
    return;
  }
  const spoilt: number[] = [];
  for (let line = part.from; line <= part.to; line++) if (lineJob(part, read, line).spoilt !== undefined) spoilt.push(line);
  const [first] = spoilt;
  if (first === undefined) return;
  const what = `${linesText(spoilt)} of ${shown} hold no request: ${lineJob(part, read, first).spoilt}; ${then}`;
  yield wrong('spoilt', shown, what, { id: memberId(part.id, first) });
}

/** The flaws of parts in `pending/` that name lines which belong to a smaller file there. */
export function* overlaps({ spool }: Look, names: readonly string[]): Generator<Flaw> {
  // Most spools have no batch.
  if (!names.some((name) => parseBatchName(name))) return;
  for (const [name, left] of linesByPart(names)) {
    const part = parseBatchName(name);
    const count = left.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    const lost = part ? part.to - part.from + 1 - count : 0;
    if (!part || lost === 0) continue;
    const shown = `pending/${name}`;
    const what = `${shown} names ${lost === 1 ? 'a line that has' : `${lost} lines that have`} a smaller file in pending/ (a power cut, or a copy): they would be run twice`;
    const repair = { how: `cut ${shown} to the lines that are its own`, act: () => cutAsSeen(name) };
    yield wrong('overlap', shown, what, { id: part.id, repair });
  }

  function cutAsSeen(name: string): boolean {
    const part = parseBatchName(name);
    const left = linesByPart(spool.disk.names(spool.pending)).get(name);
    if (!part || !left || !spool.disk.exists(`${spool.pending}/${name}`)) return false;
    cut(spool, spool.pending, name, part, left);
    return true;
  }
}

/** The part that a file in a slot names, be it bound elsewhere or not. */
export const partInSlot = (name: string): BatchName | undefined => parseBatchName(jobNameIn(name));

/** Takes lines that are jobs elsewhere out of a part that waits. */
export function cutOut({ spool }: Pick<Look, 'spool'>, name: string, lines: ReadonlySet<number>): Repair {
  const act = () => {
    const part = parseBatchName(name);
    if (!part || !spool.disk.exists(`${spool.pending}/${name}`)) return false;
    const left = Array.from({ length: part.to - part.from + 1 }, (_, index) => part.from + index).filter((line) => !lines.has(line));
    cut(spool, spool.pending, name, part, rangesOf(left));
    return true;
  };
  return { how: `took ${linesText([...lines])} out of pending/${name}`, act };
}

/** `line 3`, `the lines 3, 5 and 8 more`. */
export function linesText(lines: readonly number[]): string {
  if (lines.length === 1) return `line ${lines[0]}`;
  const told = lines.slice(0, MAX_TOLD).join(', ');
  return `the lines ${told}${lines.length > MAX_TOLD ? ` and ${lines.length - MAX_TOLD} more` : ''}`;
}

const MAX_TOLD = 5;
