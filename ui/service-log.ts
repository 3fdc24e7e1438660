/** The service's two logs, from the newest line on, across the files of earlier days. Lines are read only as far as a page needs them. */
import path from 'node:path';
import { setImmediate as others } from 'node:timers/promises';
import { type Line, linesBackwards } from '../spool/backwards.ts';
import { ERRORS_FILE, EVENTS_FILE, rotatedNames } from '../spool/layout.ts';
import { maskSecrets } from '../spool/mask.ts';
import type { Spool } from '../spool/spool.ts';
import { plainText } from './search-job-log.ts';

/** `events` has every transition, `errors` the failures and refusals again. */
export const LOGS = ['events', 'errors'] as const;
export type LogName = (typeof LOGS)[number];

/** From the least to the worst. */
export const LEVELS = ['debug', 'info', 'warn', 'error', 'fatal'] as const;
export type Level = (typeof LEVELS)[number];

/** What lines are asked for: all that is given must hold. `level`: that one and worse ones. Class and id as they are, the text in upper or lower case. */
export type LogFilter = { level: Level | undefined; class: string | undefined; id: string | undefined; q: string | undefined };

/** A line, by a key that no other has. `fields` are without their secrets; undefined when the line is not JSON: then there is its text alone. */
export type LogLine = { key: string; text: string; fields: Record<string, unknown> | undefined };

export type LogPage = {
  /** Newest first. */
  lines: LogLine[];
  /** Where the next page goes on; undefined at the end. */
  next: string | undefined;
  /** How much was looked at, in bytes. */
  searched: number;
  /** The search took too long, and stopped before the page was full. */
  stoppedEarly: boolean;
  /** What the cursor pointed at is gone (cleared, or too old): these are the newest lines. */
  isLost: boolean;
};

/** So many lines are on a page, and so long may the search for them take; it looks at so many bytes also where the machine is slow. */
export type LogBounds = { limit: number; budgetMs: number; leastBytes: number };

/** The current file of a log. */
export const logFile = ({ logs }: Spool, log: LogName): string => path.join(logs, log === 'events' ? EVENTS_FILE : ERRORS_FILE);

/** How large a log is with its files of earlier days, in bytes, and how many those are. */
export function logSize(spool: Spool, log: LogName): { bytes: number; rotated: number } {
  const files = filesOf(spool, log);
  const current = logFile(spool, log);
  return { bytes: files.reduce((sum, { size }) => sum + size, 0), rotated: files.filter((file) => file.path !== current).length };
}

/** A page of a log; `before` is the cursor that the page before gave. Files are known by their inodes, so that a cursor survives the rotation of its file. */
export async function readServiceLog(
  spool: Spool,
  log: LogName,
  filter: LogFilter,
  before: string | undefined,
  bounds: LogBounds = BOUNDS,
): Promise<LogPage> {
  const files = filesOf(spool, log);
  const start = before === undefined ? undefined : placeOf(files, before);
  const search: Search = { matches: matcherOf(filter), bounds, until: performance.now() + bounds.budgetMs, lines: [], searched: 0 };
  const first = start ? files.indexOf(start.file) : 0;
  for (const [index, file] of files.slice(first).entries()) {
    const stop = await searchFile(spool, log, search, file, index === 0 ? start?.offset : undefined);
    if (!stop) continue;
    const isEnd = stop.offset === 0 && files.slice(first + index + 1).every(({ size }) => size === 0);
    return pageOf(search, isEnd ? undefined : `${file.inode}~${stop.offset}`, stop.why === 'budget', before !== undefined && !start);
  }
  return pageOf(search, undefined, false, before !== undefined && !start);
}

/** What a cursor looks like: the file's inode, and the offset before which it goes on. */
export const CURSOR = /^\d{1,20}~\d{1,15}$/;

const BOUNDS: LogBounds = { limit: 100, budgetMs: 60, leastBytes: 4 * 1_048_576 };

type Search = {
  matches: (bytes: Buffer) => Omit<LogLine, 'key'> | undefined;
  bounds: LogBounds;
  until: number;
  lines: LogLine[];
  searched: number;
};

const pageOf = ({ lines, searched }: Search, next: string | undefined, stoppedEarly: boolean, isLost: boolean): LogPage => ({
  lines,
  next,
  searched,
  stoppedEarly: stoppedEarly && next !== undefined,
  isLost,
});

type LogFile = { path: string; inode: number; size: number };

/** The files of a log, newest first. While one is rotated it has two names: it counts once. */
function filesOf(spool: Spool, log: LogName): LogFile[] {
  const current = logFile(spool, log);
  const files = new Map<number, LogFile>();
  for (const file of [current, ...rotatedFiles(spool, current)]) {
    const facts = spool.disk.facts(file);
    if (facts?.isFile && !files.has(facts.ino)) files.set(facts.ino, { path: file, inode: facts.ino, size: facts.size });
  }
  return [...files.values()];
}

const rotatedFiles = ({ disk, logs }: Spool, current: string): string[] =>
  rotatedNames(path.basename(current), disk.names(logs)).map((name) => path.join(logs, name));

// A file that is shorter than the cursor says was cleared since.
function placeOf(files: LogFile[], cursor: string): { file: LogFile; offset: number } | undefined {
  const [inode = '', offset = ''] = cursor.split('~');
  const file = files.find((one) => String(one.inode) === inode);
  return file && Number(offset) <= file.size ? { file, offset: Number(offset) } : undefined;
}

/** Takes the lines of a file that match, from its end or an offset on; says where and why it stopped, undefined when it came to the file's beginning. */
async function searchFile(
  spool: Spool,
  log: LogName,
  search: Search,
  file: LogFile,
  offset: number | undefined,
): Promise<{ offset: number; why: 'full' | 'budget' } | undefined> {
  const { disk } = spool;
  const fd = openSame(spool, log, file);
  if (fd === undefined) return undefined;
  try {
    for (const lines of linesBackwards((start, length) => disk.readFrom(fd, start, length), offset ?? disk.sizeOf(fd))) {
      const full = takeLines(search, file, lines);
      if (full !== undefined) return { offset: full, why: 'full' };
      const last = lines.at(-1)?.start ?? 0;
      if (isSpent(search) && last > 0) return { offset: last, why: 'budget' };
      await others();
    }
    return isSpent(search) ? { offset: 0, why: 'budget' } : undefined;
  } finally {
    disk.close(fd);
  }
}

const isSpent = ({ searched, bounds, until }: Search): boolean => searched >= bounds.leastBytes && performance.now() >= until;

// It may have been rotated since it was listed: then it has another name.
function openSame(spool: Spool, log: LogName, { path: listed, inode }: LogFile): number | undefined {
  const { disk } = spool;
  const isSame = (file: string) => disk.facts(file)?.ino === inode;
  for (const file of [listed, ...rotatedFiles(spool, logFile(spool, log))]) {
    const fd = isSame(file) ? disk.openRead(file) : undefined;
    if (fd === undefined) continue;
    if (disk.inodeOf(fd) === inode) return fd;
    disk.close(fd);
  }
  return undefined;
}

/** Takes what matches; gives the beginning of the line that made the page full, undefined while it is not. */
function takeLines(search: Search, { inode }: LogFile, lines: Line[]): number | undefined {
  for (const { start, bytes } of lines) {
    search.searched += bytes.length + 1;
    const line = bytes.length === 0 ? undefined : search.matches(bytes);
    if (line) search.lines.push({ key: `${inode}-${start}`, ...line });
    if (search.lines.length >= search.bounds.limit) return start;
  }
  return undefined;
}

/** What is not JSON is kept up to this length, in characters. */
const MAX_TEXT = 4_000;

// Most lines that do not match are seen not to by their bytes alone: parsing them would take ten times as long.
function matcherOf(filter: LogFilter): Search['matches'] {
  const mayMatch = bytesTest(filter);
  const holds = fieldsTest(filter);
  const text = textTest(filter.q);
  const asksFields = filter.level !== undefined || filter.class !== undefined || filter.id !== undefined;
  const isPlain = (line: string) => !asksFields && text.inLine(line);
  return (bytes) => {
    if (!mayMatch(bytes)) return undefined;
    const line = bytes.toString('utf8');
    const fields = text.inBytes(line) ? parsed(line) : undefined;
    if (fields) return holds(fields) && text.inFields(fields) ? { text: '', fields } : undefined;
    return isPlain(line) ? { text: line.slice(0, MAX_TEXT), fields } : undefined;
  };
}

/** What is searched is what is shown: nobody finds a secret by guessing. */
function textTest(q: string | undefined) {
  if (q === undefined) return { inBytes: () => true, inFields: () => true, inLine: () => true };
  const [plain, escaped] = [plainText(q), plainText(JSON.stringify(q).slice(1, -1))];
  const isIn = (pattern: RegExp, text: string) => text.search(pattern) >= 0;
  return {
    inBytes: (line: string) => isIn(plain, line) || isIn(escaped, line),
    inFields: (fields: object) => isIn(escaped, JSON.stringify(fields)),
    inLine: (line: string) => isIn(plain, line),
  };
}

function bytesTest({ level, class: name, id }: LogFilter): (bytes: Buffer) => boolean {
  const needles = [name, id].flatMap((value) => (value === undefined ? [] : [Buffer.from(JSON.stringify(value))]));
  const levels = level === undefined ? undefined : levelsFrom(level).map((one) => Buffer.from(`"${one}"`));
  return (bytes) => needles.every((needle) => bytes.includes(needle)) && (!levels || levels.some((one) => bytes.includes(one)));
}

function fieldsTest({ level, class: name, id }: LogFilter): (fields: Record<string, unknown>) => boolean {
  const levels: readonly unknown[] | undefined = level && levelsFrom(level);
  return (fields) =>
    (name === undefined || fields.class === name) && (id === undefined || fields.id === id) && (!levels || levels.includes(fields.level));
}

const levelsFrom = (level: Level): Level[] => LEVELS.slice(LEVELS.indexOf(level));

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (maskSecrets(value) as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
