import path from 'node:path';
import { parseBatchName, parseMemberId } from './batch-name.ts';
import { type Lines, partWith } from './batch-place.ts';
import { cancelLines } from './cancel.ts';
import type { BatchText, LineJob } from './claim-part.ts';
import { parseDropName, stemOf } from './drop-name.ts';
import { parseJobName } from './filename.ts';
import type { Job } from './job.ts';
import type { Place } from './query.ts';
import type { Request } from './request.ts';
import type { Spool } from './spool.ts';
import type { State } from './state.ts';
import { takeLines } from './take-line.ts';

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

/** Takes a line that waits out of its batch, as a file of its own or for good. False when it has moved on. `slot`: as for `takeLines`. */
export function takeOut(spool: Spool, place: LinePlace, slot: string | undefined, becomes: Becomes): boolean | LineRefused {
  const bind = ({ job }: LineJob, { writtenAt }: BatchText) => {
    const name = becomes(job);
    return name === undefined ? undefined : { folder: 'pending' as const, name, request: asAccepted(job, writtenAt) };
  };
  return inSlot(spool, place, slot, (...part) => takeLines(spool, ...part, bind) !== undefined);
}

/** Cancels a line that waits; the job as it was. False when it has moved on. */
export function cancelLine(spool: Spool, place: LinePlace, slot: string | undefined): Job | false | LineRefused {
  return inSlot<Job | false>(spool, place, slot, (...part) => cancelLines(spool, ...part)?.jobs[0] ?? false);
}

function inSlot<T>(
  spool: Spool,
  place: LinePlace,
  slot: string | undefined,
  act: (slot: string, part: string, lines: Lines) => T,
): T | false | LineRefused {
  if (place.slot !== undefined) return { kind: 'conflict', state: 'running' };
  if (!waits(spool, place)) return { kind: 'batch', id: batchOf(place) };
  if (slot === undefined) return { kind: 'slot' };
  const part = partOf(spool, place);
  return part !== undefined && act(slot, part, { from: place.line, to: place.line });
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

// Its own file is a new one: when it was accepted stands in the text from then on.
const asAccepted = ({ request, runAt }: Job, writtenAt: number): Request => ({
  ...request,
  acceptedAt: request.acceptedAt ?? new Date(writtenAt).toISOString(),
  runAt: request.runAt ?? new Date(runAt).toISOString(),
});
