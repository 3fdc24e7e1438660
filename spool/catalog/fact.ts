import type { FileFacts } from '../disk.ts';
import { factsOf, failureOf } from '../filter.ts';
import type { JobStatus } from '../query.ts';

/** What is remembered of a job's file, so that it need not be opened again. Times in milliseconds since the epoch. */
export type Fact = {
  /** Of the file that was read: another time, or another file under its name, means another content. */
  mtimeMs: number;
  ino: number;
  /** When it ended; of a job that is not over, what happened to it last. */
  at: number;
  class: string;
  method: string;
  attempts: number;
  /** The beginning of what `failureOf` says. */
  failure: string;
  /** Whether it says more than that. */
  isCut: boolean;
  /** The kind of error, the same for errors that differ in numbers and ids alone. */
  kind: string;
  /** The slot of its last attempt. */
  runner: string;
};

/** Whether a fact is of the file that is there now. The time alone does not tell: two writes within a tick of the clock have the same. */
export const isOf = (fact: Fact | undefined, file: FileFacts | undefined): boolean =>
  fact?.mtimeMs === file?.mtimeMs && fact?.ino === file?.ino;

export function factOf(job: JobStatus, { mtimeMs, ino }: Pick<FileFacts, 'mtimeMs' | 'ino'>): Fact {
  const { class: className, method, attempts, changedAt } = factsOf(job);
  const failure = failureOf(job);
  return {
    mtimeMs,
    ino,
    at: Number.isFinite(changedAt) ? changedAt : mtimeMs,
    class: shared(className),
    method: shared(method),
    attempts,
    failure: shared(failure.slice(0, MAX_FAILURE)),
    isCut: failure.length > MAX_FAILURE,
    kind: job.error ? shared(kindOf(job.error.name, job.error.message)) : '',
    runner: shared(job.attempts.at(-1)?.runner ?? ''),
  };
}

const MAX_FAILURE = 300;
const MAX_KIND = 160;

/** An error's name and the beginning of its message, with `*` in the place of numbers and ids. */
export function kindOf(name: string, message: string): string {
  const [line = ''] = message.slice(0, MAX_FAILURE).split(/[\r\n]/, 1);
  const text = `${name}: ${line}`.replace(VARYING, '*').slice(0, MAX_KIND);
  return text.replace(/\*(?:[\s.,:]?\*)+/g, '*').trim();
}

// UUIDs, then other words of 12 or more characters with a digit in them, then numbers.
const VARYING = /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=[a-z_]{0,99}\d)\w{12,}\b|\d+/gi;

// Thousands of failures say the same few things. The pool begins anew before it holds too much that nobody says any more.
let pool = new Map<string, string>();

function shared(text: string): string {
  const known = pool.get(text);
  if (known !== undefined) return known;
  if (pool.size >= MAX_POOL) pool = new Map();
  // A slice would keep the whole text alive that it was cut from.
  const own = Buffer.from(text).toString();
  pool.set(own, own);
  return own;
}

const MAX_POOL = 10_000;
