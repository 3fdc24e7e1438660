import { setImmediate as others } from 'node:timers/promises';
import type { Line } from '../spool/backwards.ts';
import type { Spool } from '../spool/spool.ts';
import { stripLine } from './ansi.ts';
import { type OpenLog, openJobLog } from './job-log.ts';

/** A line of a log: where it begins, in bytes, and what it says, without colours; of a very long one the part around what was found. */
export type FoundLine = { start: number; text: string; isHit: boolean };

/** What a search found: hits with the lines around them, those that touch in one group. It looked at the bytes from `from` to `to`. */
export type LogSearch = {
  groups: FoundLine[][];
  hits: number;
  from: number;
  /** Where a search that stopped goes on. */
  to: number;
  size: number;
  /** Why it stopped before the log's end; undefined: it did not. */
  stopped: 'hits' | 'budget' | undefined;
};

/** How long one search may take, in milliseconds, and how many hits it shows; it looks at so many bytes also where the machine is slow. */
export type SearchBounds = { budgetMs: number; maxHits: number; leastBytes: number };

/** Looks for lines with a text, upper or lower case, from a byte on; undefined when the job has no log. */
export async function searchLog(
  spool: Spool,
  id: string,
  { text, from }: { text: string; from: number },
  bounds: SearchBounds = BOUNDS,
): Promise<LogSearch | undefined> {
  const log = openJobLog(spool, id);
  try {
    return log && (await search(log, plainText(text), Buffer.byteLength(text), from, bounds));
  } finally {
    log?.close();
  }
}

/** Finds a text as it is written, upper or lower case. */
export const plainText = (text: string): RegExp => new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'giu');

const BOUNDS: SearchBounds = { budgetMs: 60, maxHits: 100, leastBytes: 4 * 1_048_576 };
const BLOCK_BYTES = 262_144;
const CONTEXT = 2;
const MAX_EXCERPT = 600;
const NEWLINE = 0x0a;

async function search(log: OpenLog, pattern: RegExp, textBytes: number, from: number, bounds: SearchBounds): Promise<LogSearch> {
  const until = performance.now() + bounds.budgetMs;
  const found: Found = { groups: [], group: undefined, owed: 0, recent: [], hits: 0 };
  let to = Math.min(from, log.size);
  const answer = (stopped: LogSearch['stopped']) => ({ groups: found.groups, hits: found.hits, from, to, size: log.size, stopped });
  while (to < log.size) {
    const { lines, next } = linesAt(log, to, textBytes);
    for (const line of lines) {
      look(found, { start: line.start, ...judged(line.bytes, pattern) });
      if (found.hits < bounds.maxHits) continue;
      to = line.start + line.bytes.length + 1;
      return answer(to < log.size ? 'hits' : undefined);
    }
    to = next;
    if (to - from >= bounds.leastBytes && performance.now() >= until && to < log.size) return answer('budget');
    await others();
  }
  return answer(undefined);
}

/** The whole lines of one block. A line longer than a block comes in pieces, which overlap by less than what is looked for: so that is found, and once. */
function linesAt({ read, size }: OpenLog, start: number, textBytes: number): { lines: Line[]; next: number } {
  const block = read(start, BLOCK_BYTES);
  const isLast = block.length === 0 || start + block.length >= size;
  const whole = isLast ? block.length : block.lastIndexOf(NEWLINE) + 1;
  if (whole === 0 && !isLast) return { lines: [{ start, bytes: block }], next: start + block.length - (textBytes - 1) };
  const lines: Line[] = [];
  for (let at = 0; at < whole; ) {
    const newline = block.indexOf(NEWLINE, at);
    const end = newline < 0 || newline >= whole ? whole : newline;
    lines.push({ start: start + at, bytes: block.subarray(at, end) });
    at = end + 1;
  }
  return { lines, next: isLast ? size : start + whole };
}

function judged(bytes: Buffer, pattern: RegExp): { text: string; isHit: boolean } {
  const text = stripLine(bytes.toString('utf8'));
  const at = text.search(pattern);
  if (text.length <= MAX_EXCERPT) return { text, isHit: at >= 0 };
  const start = Math.max(0, at - MAX_EXCERPT / 2);
  const end = start + MAX_EXCERPT;
  return { text: `${start > 0 ? '…' : ''}${text.slice(start, end)}${end < text.length ? '…' : ''}`, isHit: at >= 0 };
}

/** What was found so far. `group`: the one that is open, for `owed` more lines; `recent`: the last lines, for the next group. */
type Found = { groups: FoundLine[][]; group: FoundLine[] | undefined; owed: number; recent: FoundLine[]; hits: number };

function look(found: Found, line: FoundLine): void {
  if (line.isHit) {
    if (!found.group) {
      found.group = found.recent;
      found.groups.push(found.group);
    }
    found.group.push(line);
    found.recent = [];
    found.owed = CONTEXT;
    found.hits += 1;
  } else if (found.group && found.owed > 0) {
    found.group.push(line);
    found.owed -= 1;
  } else {
    found.group = undefined;
    found.recent = [...found.recent, line].slice(-CONTEXT);
  }
}
