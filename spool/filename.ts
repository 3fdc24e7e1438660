import { visible } from './visible.ts';

/**
 * The names of files in the spool. A name alone says priority, run-at and id, so that a backlog of a million
 * jobs is listed, ordered and started without opening a file.
 */

/** The highest and the default priority; 1 is the lowest. */
export const MAX_PRIORITY = 10;
export const DEFAULT_PRIORITY = 5;

/** What an accepted file's name says. `runAt` is in milliseconds since the epoch. */
export type JobName = { priority: number; runAt: number; id: string };

/** What the name of a file in `incoming/` says. */
export type RequestName =
  | { kind: 'request'; priority: number; runAt: number | 'now'; id: string | undefined }
  | { kind: 'ignored' }
  | { kind: 'invalid'; reason: string };

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const CANONICAL = /^p([1-9]|10)-(\d{8}T\d{6}\.\d{3}Z)-([A-Za-z0-9][A-Za-z0-9._-]{0,99})\.json$/;
const STAMP = /^\d{8}T\d{6}(?:\.\d{3})?Z$/;

/** Whether `text` may be a job's id: 1 to 100 of `A-Z a-z 0-9 . _ -`, the first a letter or digit. */
export const isId = (text: string): boolean => ID.test(text);

export const ID_RULE = 'an id is 1 to 100 of the characters A-Z a-z 0-9 . _ - and begins with a letter or a digit';

/** The first and the last moment that a name can say: others would not sort as text. In milliseconds since the epoch. */
export const MIN_RUN_AT = Date.parse('0000-01-01T00:00:00.000Z');
export const MAX_RUN_AT = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** `20261122T101500.123Z`: sorts as text in the order of time, and has no `:` (Windows). Times outside those become the nearest inside. */
export function formatRunAt(ms: number): string {
  return new Date(Math.min(Math.max(ms, MIN_RUN_AT), MAX_RUN_AT)).toISOString().replace(/[-:]/g, '');
}

/** Milliseconds since the epoch from `now`, a UTC stamp, or epoch seconds or milliseconds; undefined for any other text. */
export function parseRunAt(text: string): number | 'now' | undefined {
  if (text === 'now') return 'now';
  if (/^\d{10}$/.test(text)) return Number(text) * 1_000;
  if (/^\d{13}$/.test(text)) return Number(text);
  return STAMP.test(text) ? timeOf(text) : undefined;
}

/** The time that a stamp says, which begins at `start` of `text`; undefined where no clock shows it. By hand: of every job that is listed, accepted or claimed it is read. */
export function timeOf(text: string, start = 0): number | undefined {
  const month = digits(text, start + 4, 2);
  const day = digits(text, start + 6, 2);
  const hour = digits(text, start + 9, 2);
  const minute = digits(text, start + 11, 2);
  const second = digits(text, start + 13, 2);
  // 400 years later, as calendars repeat: Date.UTC takes the years before 100 for others.
  const year = digits(text, start, 4) + 400;
  // 31 February would be 3 March.
  const isReal = month >= 1 && month <= 12 && day >= 1 && (day <= 28 || day <= daysIn(year, month));
  if (!isReal || hour > 23 || minute > 59 || second > 59) return undefined;
  const milliseconds = text.charAt(start + 15) === '.' ? digits(text, start + 16, 3) : 0;
  return Date.UTC(year, month - 1, day, hour, minute, second, milliseconds) - MS_OF_400_YEARS;
}

const MS_OF_400_YEARS = 146_097 * 86_400_000;

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

function digits(text: string, start: number, count: number): number {
  let number = 0;
  for (let at = start; at < start + count; at++) number = number * 10 + text.charCodeAt(at) - ZERO;
  return number;
}

const ZERO = '0'.charCodeAt(0);

/** The one name an accepted job has on disk. */
export function jobFileName({ priority, runAt, id }: JobName): string {
  return `p${priority}-${formatRunAt(runAt)}-${id}.json`;
}

/** Reads a canonical name; undefined for a name no accepted job has. */
export function parseJobName(fileName: string): JobName | undefined {
  const match = CANONICAL.exec(fileName);
  if (!match) return undefined;
  const runAt = timeOf(match[2] as string);
  return runAt !== undefined ? { priority: Number(match[1]), runAt, id: match[3] as string } : undefined;
}

/** The job's name in that of a file in a slot: the text of a job on its way to another folder is `.failed=<name>`. */
export const jobNameIn = (fileName: string): string => fileName.replace(/^\.[a-z]+=/, '');

/**
 * Reads the name of a file that a producer dropped. Names that begin like the grammar and break it are invalid; any
 * other `*.json` is a request with the defaults, and its stem is the id where it can be one.
 */
export function parseRequestName(fileName: string): RequestName {
  return parseDropped(fileName, '.json', isId, ID_RULE);
}

/** As `parseRequestName`, for files of any ending, whose ids have a rule of their own. */
export function parseDropped(fileName: string, ending: string, mayBe: (id: string) => boolean, rule: string): RequestName {
  // U+FFFD stands where a name is no UTF-8: by that name the file cannot be asked for. `doctor` tells of it.
  if (fileName.startsWith('.') || !fileName.endsWith(ending) || fileName.includes('\ufffd')) return { kind: 'ignored' };
  const stem = fileName.slice(0, -ending.length);
  const invalid = (what: string): RequestName => ({
    kind: 'invalid',
    reason: `the file name begins like p<priority>-<run-at>-<id>${ending} and breaks it: ${what}`,
  });
  const match = /^p(\d+)-([^-]*)(?:-(.*))?$/s.exec(stem);
  if (!match) {
    return { kind: 'request', priority: DEFAULT_PRIORITY, runAt: 'now', id: mayBe(stem) ? stem : undefined };
  }
  const [, digits = '', when = '', id] = match;
  const priority = Number(digits);
  if (!/^([1-9]|10)$/.test(digits)) return invalid(`priority: expected 1 to ${MAX_PRIORITY}, got ${quoted(digits)}`);
  const runAt = parseRunAt(when);
  if (runAt === undefined) {
    return invalid(
      `run-at: expected now, a UTC time such as 20261122T101500Z, or epoch seconds (10 digits) or milliseconds (13), got ${quoted(when)}`,
    );
  }
  if (id === undefined || !mayBe(id)) return invalid(`id: ${rule}; got ${id === undefined ? 'none' : quoted(id)}`);
  return { kind: 'request', priority, runAt, id };
}

// A file's name may hold anything but a slash, and at most 255 bytes of it.
const quoted = (text: string): string => `"${visible(text, 255)}"`;
