import { linesBackwards } from './backwards.ts';
import { type BatchName, parseBatchName } from './batch-name.ts';
import { linesByPart } from './batch-place.ts';
import { jobNameIn } from './filename.ts';
import { dayOf } from './layout.ts';
import { parseLine } from './ledger.ts';
import type { Spool } from './spool.ts';

/** Lines of a batch, and the file in a slot that stands for them. `isBound`: it is on its way out of the slot. */
type SlotPart = BatchName & { file: string; isBound: boolean };

/** Lines of a batch in a slot's folder: one that runs, or some that were claimed with it and have not begun. `since`: when it began, if that is known. */
export type SlotLines = SlotPart & { slot: string; isRunning: boolean; since?: number };

/**
 * The lines of batches that a slot holds and that are not over, from what lies in its folder: `files`. Lines run in order, so the first without a ledger
 * line is the one that runs.
 */
export function linesInSlot(spool: Spool, slot: string, files = spool.disk.names(spool.slot(slot))): SlotLines[] {
  const parts = partsInSlot(files);
  const waiting = parts.filter(({ isBound }) => isBound);
  const own = parts.filter(({ isBound }) => !isBound).sort((a, b) => a.from - b.from);
  const begun = new Set<string>();
  const left = own.flatMap((part) => {
    const done = lastDone(spool, slot, part);
    const from = Math.max(part.from, (done?.line ?? 0) + 1);
    if (from > part.to) return [];
    const isFirst = !begun.has(part.id);
    begun.add(part.id);
    return isFirst ? begunAt({ ...part, from }, slot, done?.finishedAt) : [{ ...part, from, slot, isRunning: false }];
  });
  return [...left, ...waiting.map((part) => ({ ...part, slot, isRunning: false }))];
}

function partsInSlot(files: readonly string[]): SlotPart[] {
  return [...linesByPart(files)].flatMap(([file, ranges]) => {
    const part = parseBatchName(jobNameIn(file));
    return part ? ranges.map((range) => ({ ...part, ...range, file, isBound: jobNameIn(file) !== file })) : [];
  });
}

function begunAt(part: SlotPart, slot: string, since: number | undefined): SlotLines[] {
  const first = { ...part, to: part.from, slot, isRunning: true, ...(since === undefined ? {} : { since }) };
  return part.from === part.to ? [first] : [first, { ...part, from: part.from + 1, slot, isRunning: false }];
}

type Done = { line: number; finishedAt: number };

/** The last of a part's lines that the slot's ledger records. It is at the end of it: only what ran in the last moments is still in the folder. */
function lastDone(spool: Spool, slot: string, part: SlotPart): Done | undefined {
  const now = Date.now();
  const acceptedAt = new Date(spool.disk.facts(spool.claimed(slot, part.file))?.mtimeMs ?? 0).toISOString();
  for (const day of [dayOf(now), dayOf(now - DAY_MS)]) {
    const done = lastIn(spool, spool.ledger(day, slot), part, acceptedAt);
    if (done) return done;
  }
  return undefined;
}

function lastIn(spool: Spool, file: string, part: SlotPart, acceptedAt: string): Done | undefined {
  const size = spool.disk.facts(file)?.size ?? 0;
  const isOwn = (done: Done | undefined): done is Done => done !== undefined && done.line >= part.from && done.line <= part.to;
  let seen = 0;
  for (const lines of linesBackwards((at, length) => spool.disk.readBytes(file, at, length), size, BLOCK_BYTES)) {
    const done = lines.map(({ bytes }) => doneIn(bytes, part.id, acceptedAt)).find(isOwn);
    seen += lines.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (done || seen > LOOKED_AT_BYTES) return done;
  }
  return undefined;
}

function doneIn(bytes: Buffer, id: string, acceptedAt: string): Done | undefined {
  const start = `{"id":"${id}.`;
  if (bytes.toString('latin1', 0, start.length) !== start) return undefined;
  const line = Number(/^\d+/.exec(bytes.toString('latin1', start.length, start.length + 6))?.[0]);
  const record = parseLine(bytes.toString());
  // What is longer than a block comes in pieces, of which the first has the id. An id may have been used before.
  if (record && record.acceptedAt !== acceptedAt) return undefined;
  return { line, finishedAt: Date.parse(record?.finishedAt ?? '') };
}

const DAY_MS = 24 * 3_600_000;
const BLOCK_BYTES = 65_536;
const LOOKED_AT_BYTES = 1_048_576;
