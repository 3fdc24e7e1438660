import path from 'node:path';
import { parseBatchName, parseMemberId } from './batch-name.ts';
import { type Lines, partWith } from './batch-place.ts';
import { cancelLines } from './cancel.ts';
import type { BatchText, LineJob } from './claim-part.ts';
import { parseDropName, stemOf } from './drop-name.ts';
import { parseJobName } from './filename.ts';
import type { Job } from './job.ts';
import type { Place } from './query.ts';
import type { Spool } from './spool.ts';
import type { State } from './state.ts';
import { takeLines, waitingAs } from './take-line.ts';

/** Why nothing was done to the line of a batch. */
export type LineRefused =
  /** It is a line of the batch `id`, which is not accepted: that is steered as a whole. */
  | { kind: 'batch'; id: string }
  /** The caller has no slot to take it out in. */
  | { kind: 'slot' }
  /** A runner has claimed it, and is about to begin it. */
  | { kind: 'conflict'; state: State };

/** The line of a batch: it has no file of its own, and is taken out before anything is done to it. */
export type LinePlace = Place & { line: number };

export const isLine = (place: Place): place is LinePlace => place.line !== undefined;

/** Whether it waits in `pending/`, and in no slot. */
export const waits = (spool: Spool, { file }: LinePlace): boolean => path.dirname(file) === spool.pending;

/** What a line becomes: the name that its own file in `pending/` gets; undefined: nothing is left of it. */
export type Becomes = (job: Job) => string | undefined;

/** Some lines that follow each other, or one: the place of the first, and how many there are. */
export type Run = { place: LinePlace; count?: number };

/** Takes lines that wait out of their batch, as files of their own or for good; the jobs as they were. False when they have moved on. `slot`: as for `takeLines`. */
export function takeOut(spool: Spool, run: Run, slot: string | undefined, becomes: Becomes): Job[] | false | LineRefused {
  const bind = (line: LineJob, text: BatchText) => {
    const name = becomes(line.job);
    return name === undefined ? undefined : waitingAs(name, line, text);
  };
  return inSlot(spool, run, slot, (...part) => takeLines(spool, ...part, bind)?.jobs.map(({ job }) => job));
}

/** Cancels lines that wait; the jobs as they were. False when they have moved on. */
export function cancelOut(spool: Spool, run: Run, slot: string | undefined): Job[] | false | LineRefused {
  return inSlot(spool, run, slot, (...part) => cancelLines(spool, ...part)?.jobs);
}

function inSlot(
  spool: Spool,
  { place, count = 1 }: Run,
  slot: string | undefined,
  act: (slot: string, part: string, lines: Lines) => Job[] | undefined,
): Job[] | false | LineRefused {
  if (place.slot !== undefined) return { kind: 'conflict', state: 'running' };
  if (!waits(spool, place)) return { kind: 'batch', id: batchOf(place) };
  if (slot === undefined) return { kind: 'slot' };
  const part = partOf(spool, place);
  const to = place.line + count - 1;
  // Somebody took one of them out meanwhile.
  if (part === undefined || (parseBatchName(part)?.to ?? 0) < to) return false;
  return act(slot, part, { from: place.line, to }) ?? false;
}

function batchOf({ name }: LinePlace): string {
  const parsed = parseDropName(name);
  return (parsed.kind === 'request' ? parsed.id : undefined) ?? stemOf(name);
}

// Whoever took lines out of it, or claimed the first of them, gave it another name.
function partOf(spool: Spool, { name, file }: LinePlace): string | undefined {
  const seen = path.basename(file);
  if (parseBatchName(seen) && spool.disk.exists(file)) return seen;
  const id = parseJobName(name)?.id ?? '';
  return parseMemberId(id) && partWith(spool.disk.names(spool.pending), id)?.name;
}
