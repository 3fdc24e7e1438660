/** What a job has printed, in portions: a log may be larger than memory, and somebody may be writing it. Offsets are in bytes. */
import type { Read } from '../spool/backwards.ts';
import { isId } from '../spool/filename.ts';
import type { Spool } from '../spool/spool.ts';
import { stripAnsi } from './ansi.ts';

/**
 * What was printed since `offset`: plain text from `from` to `to`. `isCut`: the log became shorter (its middle was cut out, or it was
 * cleared), and what comes next is at its new end. `size` is that of the whole log: there is more to be had while `to` is below it.
 */
export type LogChunk = { text: string; from: number; to: number; size: number; isCut: boolean };

/** The next portion for a page that shows the log up to `offset`: 32 KB at most, and no character or escape sequence torn. */
export function logChunk(spool: Spool, id: string, offset: number): LogChunk {
  const chunk = withJobLog(spool, id, ({ read, size }) => {
    if (size < offset) return { text: '', from: size, to: size, size, isCut: true };
    const bytes = read(offset, CHUNK_BYTES);
    const whole = bytes.subarray(0, wholeLength(bytes));
    return { text: stripAnsi(shortenLines(whole.toString('utf8'))), from: offset, to: offset + whole.length, size, isCut: false };
  });
  return chunk ?? { text: '', from: 0, to: 0, size: 0, isCut: offset > 0 };
}

/** Which part: from a byte on, up to a byte, or so many of the last lines. */
export type LogPlace = { from: number } | { before: number } | { tail: number };

/** A part of a log. It begins and ends with lines, or, where a line is longer than the part may be, between characters. */
export type LogWindow = { text: string; from: number; to: number; size: number; beginsMidLine: boolean };

/** The most that one page shows of a log, in bytes. */
export const MAX_WINDOW_BYTES = 262_144;

/** The part of at most `limit` bytes that is asked for; undefined when the job has no log. */
export function logWindow(spool: Spool, id: string, place: LogPlace, limit: number): LogWindow | undefined {
  return withJobLog(spool, id, (log) => {
    const { from, bytes } = 'from' in place ? partFrom(log, place.from, limit) : partBefore(log, place, limit);
    const beginsMidLine = from > 0 && log.read(from - 1, 1)[0] !== NEWLINE;
    return { text: bytes.toString('utf8'), from, to: from + bytes.length, size: log.size, beginsMidLine };
  });
}

/** The end of a log for a page that `logChunk` goes on from: what is torn at its end is left for that. */
export function logEnd(spool: Spool, id: string, lines: number, limit: number): LogWindow | undefined {
  return withJobLog(spool, id, (log) => {
    const { from, bytes } = partBefore(log, { tail: lines }, limit);
    const whole = bytes.subarray(0, wholeLength(bytes));
    return { text: whole.toString('utf8'), from, to: from + whole.length, size: log.size, beginsMidLine: false };
  });
}

/** Where an attempt's part of a log begins; undefined when its heading is not there (it printed nothing, or was cut out). */
export function attemptStart(spool: Spool, id: string, attempt: number): number | undefined {
  const heading = `\n--- attempt ${attempt}, `;
  return withJobLog(spool, id, ({ read, size }) => {
    if (read(0, heading.length - 1).toString() === heading.slice(1)) return 0;
    for (let at = 0; at < Math.min(size, ATTEMPT_SEARCH_BYTES); at += SEARCH_BLOCK_BYTES) {
      // Blocks overlap, so that a heading between two is found.
      const found = read(at, SEARCH_BLOCK_BYTES + heading.length).indexOf(heading);
      if (found >= 0) return at + found + 1;
    }
    return undefined;
  });
}

/** An open log: its size now, and a way to read it that goes on to the same file whatever is renamed. */
export type OpenLog = { size: number; read: Read; close(): void };

/** Opens a job's log; undefined when it has none. Only a regular file, and only by an id that is one, so no path leads elsewhere. */
export function openJobLog({ disk, jobLog }: Spool, id: string): OpenLog | undefined {
  const fd = isId(id) ? disk.openRead(jobLog(id)) : undefined;
  if (fd === undefined) return undefined;
  return { size: disk.sizeOf(fd), read: (start, length) => disk.readFrom(fd, start, length), close: () => disk.close(fd) };
}

/** The text with its very long lines cut, and how much is left out: a page must bear a line of a megabyte. */
export function shortenLines(text: string): string {
  return text.replace(LONG_LINE, (line) => `${line.slice(0, MAX_LINE)} [… ${line.length - MAX_LINE} more characters of this line …]`);
}

/** So many characters of a line are shown. */
const MAX_LINE = 4_000;
// Some more than that: to leave out less than the note is long is no gain.
const LONG_LINE = new RegExp(`[^\\n]{${MAX_LINE + 100},}`, 'g');

const CHUNK_BYTES = 32_768;
const SEARCH_BLOCK_BYTES = 1_048_576;
const ATTEMPT_SEARCH_BYTES = 64 * 1_048_576;
const NEWLINE = 0x0a;

function withJobLog<T>(spool: Spool, id: string, use: (log: OpenLog) => T): T | undefined {
  const log = openJobLog(spool, id);
  try {
    return log && use(log);
  } finally {
    log?.close();
  }
}

function partFrom({ read, size }: OpenLog, offset: number, limit: number): { from: number; bytes: Buffer } {
  const from = Math.min(offset, size);
  const bytes = read(from, limit);
  if (from + bytes.length >= size) return { from, bytes };
  const lines = bytes.lastIndexOf(NEWLINE) + 1;
  return { from, bytes: bytes.subarray(0, lines > 0 ? lines : characterEnd(bytes)) };
}

function partBefore({ read, size }: OpenLog, place: { before: number } | { tail: number }, limit: number): { from: number; bytes: Buffer } {
  const end = 'before' in place ? Math.min(place.before, size) : size;
  const start = Math.max(0, end - limit);
  const bytes = read(start, end - start);
  const first = Math.max(start === 0 ? 0 : firstLine(bytes), 'tail' in place ? startOfLast(bytes, place.tail) : 0);
  return { from: start + first, bytes: bytes.subarray(first) };
}

// Where the first line begins that begins in the bytes; where none does, the first character.
function firstLine(bytes: Buffer): number {
  const line = bytes.indexOf(NEWLINE) + 1;
  if (line > 0 && line < bytes.length) return line;
  let start = 0;
  while (start < 3 && isContinuation(bytes[start])) start += 1;
  return start;
}

function startOfLast(bytes: Buffer, lines: number): number {
  let start = bytes.length;
  for (let left = lines; left > 0 && start > 0; left--) start = start < 2 ? 0 : bytes.lastIndexOf(NEWLINE, start - 2) + 1;
  return start;
}

/** How many of the bytes may be shown while more may follow: without a character, escape sequence or line end that is torn at their end. */
function wholeLength(bytes: Buffer): number {
  const end = characterEnd(bytes);
  const tail = bytes.toString('latin1', Math.max(0, end - LONGEST_HELD), end);
  const torn = TORN.exec(tail);
  return torn ? end - tail.length + torn.index : end;
}

/** What is longer without an end is no escape sequence, and waits no longer. */
const LONGEST_HELD = 256;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const TORN = /(?:\u001b(?:\[[0-?]*[ -/]*|[\]PX^_][^\u0007\u001b\n]*\u001b?|[ -/]*)|\r)$/;

function characterEnd(bytes: Buffer): number {
  const last = bytes.length - 1;
  let first = last;
  while (first > last - 3 && isContinuation(bytes[first])) first -= 1;
  return first >= 0 && first + lengthOf(bytes[first] as number) > bytes.length ? first : bytes.length;
}

/** How many bytes the character has that begins with this one. */
const lengthOf = (byte: number): number => (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1);

const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
