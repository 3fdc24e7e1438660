import path from 'node:path';
import { EVENTS_FILE, rotatedNames } from '../../spool/layout.ts';
import type { Spool } from '../../spool/spool.ts';

/**
 * How far a reader has come: in which file of the log, and after how many of its bytes. A file is known by the time in its first line, in
 * milliseconds since the epoch: it keeps that when it is renamed at midnight, and an emptied log gets another.
 */
export type Cursor = { file: number; offset: number };

/** A line of the log that tells of a job. `cursor` is behind it. */
export type LoggedEvent = { event: string; fields: Record<string, unknown>; cursor: Cursor };

/** `cursor` is behind all that was looked at, which may be more than the events. `isEnd`: there is no more for now. */
export type Portion = { events: LoggedEvent[]; cursor: Cursor; isEnd: boolean };

export type EventFeed = {
  /** Behind the last line. */
  end(): Cursor;
  /** What comes next. `now` in milliseconds since the epoch. */
  read(cursor: Cursor, now: number): Portion;
};

/** Reads `background_jobs.log` on from any place in it, across its rotations: nothing is left out and nothing given twice. */
export function eventFeed(spool: Spool): EventFeed {
  let files: LogFile[] = [];
  let current: number | undefined;
  // Files come and go only with the current one, so looking at its head is enough.
  function look(): LogFile[] {
    const began = beganAt(spool, path.join(spool.logs, EVENTS_FILE));
    if (began === undefined || began !== current) files = logFiles(spool);
    current = began;
    return files;
  }
  return {
    end() {
      const last = look().at(-1);
      return last ? { file: last.began, offset: endOf(spool, last) } : { file: 0, offset: 0 };
    },
    read(cursor, now) {
      const all = look();
      const at = all.findIndex(({ began }) => began === cursor.file);
      const [file, next] = at === -1 ? [undefined, all.find(({ began }) => began > cursor.file)] : all.slice(at, at + 2);
      const portion = file && portionOf(spool, file, cursor.offset);
      if (portion) return portion;
      const goesOn = next && (!file || isLeft(spool, file, next, now)) ? portionOf(spool, next, 0) : undefined;
      return goesOn ?? { events: [], cursor, isEnd: true };
    },
  };
}

/** A cursor as text, and back; undefined for any other text. */
export const cursorText = ({ file, offset }: Cursor): string => `${file}-${offset}`;

export function cursorOf(text: string): Cursor | undefined {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(text);
  return match ? { file: Number(match[1]), offset: Number(match[2]) } : undefined;
}

/** `began`: the time in its first line. */
type LogFile = { file: string; began: number };

/** Oldest first. In the moment of a rotation one file has two names. */
function logFiles(spool: Spool): LogFile[] {
  const byTime = new Map<number, string>();
  // The dated name, which comes last, is the one that stays.
  for (const name of [EVENTS_FILE, ...rotatedNames(EVENTS_FILE, spool.disk.names(spool.logs))]) {
    const file = path.join(spool.logs, name);
    const began = beganAt(spool, file);
    if (began !== undefined) byTime.set(began, file);
  }
  return [...byTime].map(([began, file]) => ({ file, began })).sort((a, b) => a.began - b.began);
}

const HEAD_BYTES = 4_096;

function beganAt(spool: Spool, file: string): number | undefined {
  const match = /"time":"([^"]{1,40})"/.exec(spool.disk.readBytes(file, 0, HEAD_BYTES).toString('latin1'));
  const ms = Date.parse(match?.[1] ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

// A line that is being written is not there yet.
function endOf(spool: Spool, { file }: LogFile): number {
  const size = spool.disk.facts(file)?.size ?? 0;
  const start = Math.max(0, size - PORTION_BYTES);
  return start + spool.disk.readBytes(file, start, size - start).lastIndexOf(NEWLINE) + 1;
}

const PORTION_BYTES = 131_072;
const NEWLINE = 0x0a;

/** The whole lines from `offset`; undefined when there is none. */
function portionOf(spool: Spool, { file, began }: LogFile, offset: number): Portion | undefined {
  const bytes = spool.disk.readBytes(file, offset, PORTION_BYTES);
  const isFull = bytes.length === PORTION_BYTES;
  // A line longer than a portion is none of ours: it is passed over.
  const length = bytes.lastIndexOf(NEWLINE) + 1 || (isFull ? bytes.length : 0);
  if (length === 0) return undefined;
  const events: LoggedEvent[] = [];
  for (let start = 0; start < length; ) {
    const end = bytes.indexOf(NEWLINE, start) + 1 || length;
    const event = eventIn(bytes.toString('utf8', start, end));
    if (event) events.push({ ...event, cursor: { file: began, offset: offset + end } });
    start = end;
  }
  return { events, cursor: { file: began, offset: offset + length }, isEnd: !isFull };
}

// Lines that tell of no job, and what is no line of ours, are passed over.
function eventIn(line: string): Omit<LoggedEvent, 'cursor'> | undefined {
  try {
    const { level: _level, event, ...fields } = JSON.parse(line) as Record<string, unknown>;
    return typeof event === 'string' && /^[a-z][a-z-]*$/.test(event) ? { event, fields } : undefined;
  } catch {
    return undefined;
  }
}

// Other processes go on writing to the old file until they notice the new one, which takes them a second.
function isLeft(spool: Spool, file: LogFile, next: LogFile, now: number): boolean {
  const written = spool.disk.facts(file.file)?.mtimeMs;
  return written === undefined || now - Math.max(written, next.began) > LEFT_MS;
}

const LEFT_MS = 5_000;
