import { formatRunAt, isId, type JobName, parseDropped, parseRunAt, type RequestName } from './filename.ts';

/**
 * The names of batches. A batch waits, and is claimed, as a file of many lines whose name says which of them it stands for:
 * `p5-20261122T101500.123Z-<id>@65-10000.ndjson` are the jobs `<id>.65` to `<id>.10000`. Lines outside that range belong to others (a
 * part that was claimed is a link to the same file), and are never looked at.
 */

/** A batch has at most so many lines, and so many bytes. */
export const MAX_BATCH_LINES = 10_000;
export const MAX_BATCH_BYTES = 16 * 1_048_576;
/** The largest file of an accepted one: a copy says in each line who submitted it, and whether that is in doubt. */
export const MAX_BATCH_FILE_BYTES = MAX_BATCH_BYTES + 64 * MAX_BATCH_LINES;

/** What the name of a batch, or of a part of one, says. Lines count from 1, `to` included. `runAt` in milliseconds since the epoch. */
export type BatchName = JobName & { from: number; to: number };

const NAME = /^p([1-9]|10)-(\d{8}T\d{6}\.\d{3}Z)-([A-Za-z0-9][A-Za-z0-9._-]{0,93})@([1-9]\d{0,4})-([1-9]\d{0,4})\.ndjson$/;
const MEMBER = /^(.+)\.([1-9]\d{0,4})$/;

/** The longest id of a batch: its jobs' ids are longer by `.10000`. */
export const MAX_BATCH_ID = 94;

/** Whether `text` may be a batch's id. */
export const isBatchId = (text: string): boolean => isId(text) && text.length <= MAX_BATCH_ID;

/** The name on disk of the lines `from` to `to` of a batch. */
export function batchFileName({ priority, runAt, id, from, to }: BatchName): string {
  return `p${priority}-${formatRunAt(runAt)}-${id}@${from}-${to}.ndjson`;
}

/** Whether a canonical name is that of a part of a batch, and not of a job. */
export const isPartName = (fileName: string): boolean => fileName.endsWith('.ndjson');

/** Reads the name of a batch; undefined for any other. */
export function parseBatchName(fileName: string): BatchName | undefined {
  const match = NAME.exec(fileName);
  if (!match) return undefined;
  const [runAt, from, to] = [parseRunAt(match[2] as string), Number(match[4]), Number(match[5])];
  if (typeof runAt !== 'number' || from > to || to > MAX_BATCH_LINES) return undefined;
  return { priority: Number(match[1]), runAt, id: match[3] as string, from, to };
}

/**
 * What the name of a batch that a producer dropped says. `lines`: it is a part, which somebody held back and hands in again. `isEach`: its lines have
 * nothing to do with each other, and each is accepted or rejected for itself.
 */
export type BatchRequestName = RequestName & { lines?: { from: number; to: number }; isEach?: true };

/** So ends the name of a batch whose lines stand for themselves. */
export const EACH_ENDING = '~each.ndjson';

/** Reads the name of a batch in `incoming/`; what does not end in `.ndjson` is ignored. */
export function parseBatchRequestName(fileName: string): BatchRequestName {
  const part = parseBatchName(fileName);
  if (part) return { kind: 'request', priority: part.priority, runAt: part.runAt, id: part.id, lines: { from: part.from, to: part.to } };
  if (!fileName.endsWith(EACH_ENDING)) return parseDropped(fileName, '.ndjson', isBatchId, BATCH_ID_RULE);
  return { ...parseDropped(fileName, EACH_ENDING, isBatchId, BATCH_ID_RULE), isEach: true };
}

const BATCH_ID_RULE = `the id of a batch is 1 to ${MAX_BATCH_ID} of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit`;

/** The id of a batch's job. */
export const memberId = (id: string, line: number): string => `${id}.${line}`;

/** The batch and line that an id stands for, if it is that of a batch's job; it may be another job's that only looks so. */
export function parseMemberId(id: string): { id: string; line: number } | undefined {
  const match = MEMBER.exec(id);
  if (!match || !isBatchId(match[1] as string) || Number(match[2]) > MAX_BATCH_LINES) return undefined;
  return { id: match[1] as string, line: Number(match[2]) };
}

/** The canonical name that a line of a batch has, or would have, as a file of its own. */
export function memberName({ priority, runAt, id }: JobName, line: number): string {
  if (runAt !== last.runAt) last = { runAt, stamp: formatRunAt(runAt) };
  return `p${priority}-${last.stamp}-${memberId(id, line)}.json`;
}

/** All jobs of a batch have one time: it is not written anew for each. */
let last = { runAt: Number.NaN, stamp: '' };
