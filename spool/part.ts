/** The steps by which a part of a batch is divided among files. Each leaves names that say who has which line, should it be the last one. */
import { type BatchName, batchFileName, parseBatchName, parseMemberId } from './batch-name.ts';
import { type Lines, linesByPart, partWith, without } from './batch-place.ts';
import { atBest } from './errors.ts';
import { freeName } from './free-name.ts';
import type { Job } from './job.ts';
import { moveTo } from './reject.ts';
import { replaceFile, type Spool, syncNames, temporaryFile } from './spool.ts';
import { authorOf, markedLines } from './submitter.ts';

/** The name of those lines of a part. */
export const nameOfLines = (part: BatchName, { from, to }: Lines): string => batchFileName({ ...part, from, to });

/** A second file of a part: a link, or a copy that says who submitted it, and whether that can be told, as its owner does not. */
export const twinOf = (spool: Spool, from: string, to: string): boolean =>
  spool.disk.twin(from, to, temporaryFile(spool, 'twin'), (text, owner) => markedLines(text, authorOf(spool, owner)));

/** Makes a part in a folder stand for `left` alone, in as many files as that takes; returns their names. */
export function cut(spool: Spool, folder: string, name: string, part: BatchName, left: readonly Lines[]): string[] {
  const names = left.map((lines) => nameOfLines(part, lines));
  const last = names.at(-1);
  if (last === undefined) spool.disk.remove(`${folder}/${name}`);
  if (last === undefined || names.includes(name)) return names;
  for (const other of names.slice(0, -1)) twinOf(spool, `${folder}/${name}`, `${folder}/${other}`);
  spool.disk.rename(`${folder}/${name}`, `${folder}/${last}`);
  return names;
}

/** What became of a part whose lines from one on wait again: the name of those, and of what the slot keeps. */
export type GivenBack = { rest: string; own: string | undefined };

/** Lets the lines of a claimed part from `from` on wait again; undefined when the part is not in the slot any more. */
export function giveBack(spool: Spool, slot: string, part: BatchName, from: number): GivenBack | undefined {
  const { disk } = spool;
  const file = spool.claimed(slot, batchFileName(part));
  const name = nameOfLines(part, { from: Math.max(from, part.from), to: part.to });
  if (from <= part.from) {
    const rest = freeName(spool, spool.pending, name);
    return moveTo(spool, file, `${spool.pending}/${rest}`) ? { rest, own: undefined } : undefined;
  }
  const own = nameOfLines(part, { from: part.from, to: from - 1 });
  const bound = spool.claimed(slot, `.pending=${name}`);
  // A try before may have come so far.
  if (!disk.exists(spool.claimed(slot, own)) && !divide(spool, file, spool.claimed(slot, own), bound)) return undefined;
  const rest = freeName(spool, spool.pending, name);
  return moveTo(spool, bound, `${spool.pending}/${rest}`) ? { rest, own } : undefined;
}

function divide(spool: Spool, file: string, own: string, bound: string): boolean {
  const { disk } = spool;
  try {
    return (twinOf(spool, file, bound) || disk.exists(bound)) && disk.rename(file, own);
  } catch (error) {
    // The next try may divide it elsewhere.
    atBest(() => disk.remove(bound));
    throw error;
  }
}

/** The file in a slot that holds a job: its own, or the part of a batch of which it is a line. `left`: what else that part stands for. */
export type Holding = { name: string; part?: undefined } | { name: string; part: BatchName; line: number; left: Lines[] };

/** Which file in the slot holds the job of this name; undefined when none does. */
export function heldIn(spool: Spool, slot: string, name: string, id: string): Holding | undefined {
  if (spool.disk.facts(spool.claimed(slot, name))) return { name };
  const names = spool.disk.names(spool.slot(slot));
  const found = partWith(
    names.filter((one) => parseBatchName(one)),
    id,
  );
  if (!found) return undefined;
  const { line, part } = found;
  return { name: found.name, part, line, left: without(linesByPart(names).get(found.name) ?? [], { from: line, to: line }) };
}

/** The job leaves the file in the slot that holds it. */
export function leave(spool: Spool, slot: string, held: Holding): void {
  if (held.part) cut(spool, spool.slot(slot), held.name, held.part, held.left);
  else spool.disk.remove(spool.claimed(slot, held.name));
}

/**
 * Makes a claimed line of a batch a claimed file of its own, as those of single jobs are, with its request as its text, or `text` where that is none. False when
 * it is not in the slot any more.
 */
export function singleOut(spool: Spool, slot: string, job: Job, writtenAt: number, text?: string): boolean {
  const held = heldIn(spool, slot, job.name, job.id);
  if (!held) return false;
  if (!held.part) {
    // A try before may have come so far.
    if (parseMemberId(job.id)) cutToOwn(spool, slot);
    return true;
  }
  replaceFile(spool, spool.claimed(slot, job.name), text ?? textOf(job, writtenAt));
  syncNames(spool, spool.slot(slot));
  leave(spool, slot, held);
  return true;
}

/** What a line's own file says: when it was accepted is no longer the file's time. */
export function textOf({ request, runAt }: Job, writtenAt: number): string {
  const times = { acceptedAt: new Date(writtenAt).toISOString(), runAt: new Date(runAt).toISOString() };
  return `${JSON.stringify({ ...times, ...request })}\n`;
}

/** Cuts what the files that are on their way to another folder stand for out of the parts in the slot. */
export function cutToOwn(spool: Spool, slot: string): void {
  const names = spool.disk.names(spool.slot(slot));
  const cuts = [...linesByPart(names)].flatMap(([name, left]) => {
    const part = parseBatchName(name);
    return part && !isWhole(part, left) ? [{ name, part, left }] : [];
  });
  if (cuts.length === 0) return;
  syncNames(spool, spool.slot(slot));
  for (const { name, part, left } of cuts) cut(spool, spool.slot(slot), name, part, left);
  syncNames(spool, spool.slot(slot));
}

const isWhole = ({ from, to }: BatchName, left: readonly Lines[]): boolean =>
  left.length === 1 && left[0]?.from === from && left[0].to === to;
