/** The text of a batch: one request's body per line. Pure. */
import { MAX_BATCH_BYTES, MAX_BATCH_LINES } from './batch-name.ts';
import type { Lines } from './batch-place.ts';
import { parseRequest, type Request } from './request.ts';

/** What became of a batch's text: so many lines, or a sentence that says why not. `unfinished` text may still be being written. */
export type ParsedBatch = { ok: true; lines: Lines; first?: Request } | { ok: false; unfinished: boolean; reason: string };

/** The lines of a batch; the last may be ended. */
export function splitBatch(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/**
 * Checks a batch whole: every line (of a part, its own alone) must be a request that `refusal` has nothing against; `maySayWho` as for `lineRequest`. Nothing in it is trusted: any text gives a
 * result, and never an exception.
 */
export function checkBatch(
  text: string,
  part: Lines | undefined,
  refusal: (request: Request) => string | undefined,
  maySayWho = false,
): ParsedBatch {
  const all = splitBatch(text);
  if (all.length > MAX_BATCH_LINES) return refused(`expected at most ${MAX_BATCH_LINES} lines, got ${all.length}`);
  if (all.length === 0) return { ok: false, unfinished: true, reason: 'the file is empty' };
  const lines = part ?? { from: 1, to: all.length };
  if (lines.to > all.length) return { ok: false, unfinished: true, reason: `expected ${lines.to} lines, got ${all.length}` };
  return checkLines(all, lines, refusal, maySayWho);
}

/** Checks no more of a batch whose lines stand for themselves than that it is whole: whoever claims a line checks it. */
export function checkEach(text: string): ParsedBatch {
  const all = splitBatch(text);
  if (all.length > MAX_BATCH_LINES) return refused(`expected at most ${MAX_BATCH_LINES} lines, got ${all.length}`);
  if (text.endsWith('\n')) return { ok: true, lines: { from: 1, to: all.length } };
  return { ok: false, unfinished: true, reason: 'its last line has no end: expected each line to end with a newline' };
}

/** The request in a line, or why there is none. `maySayWho`: the file is of those that may say who submitted it. */
export function lineRequest(
  line: string,
  maySayWho = false,
): { ok: true; request: Request } | { ok: false; unfinished: boolean; reason: string } {
  const parsed = parseRequest(line);
  if (!parsed.ok) return parsed;
  const written = WRITTEN.find((field) => parsed.request[field] !== undefined && !(maySayWho && OF_WHO.has(field)));
  return written ? refused(`unknown field "${written}": it is written by the service, and has no place in a batch`) : parsed;
}

/** What becomes of a batch of so many bytes: its writer may be at it still. */
export const batchTooLarge = (bytes: number): string => `expected a batch of at most ${MAX_BATCH_BYTES} bytes, got ${bytes}`;

/** What the service writes into a job's own file: the jobs of a batch have none yet. */
const WRITTEN = ['attempts', 'acceptedAt', 'runAt', 'spent', 'crashes', 'snoozes', 'submittedBy', 'isForgeable'] as const;
/** What the lines of a copy have of it. */
const OF_WHO: ReadonlySet<string> = new Set(['submittedBy', 'isForgeable']);

type Bad = { line: number; reason: string; unfinished: boolean };

function checkLines(
  all: readonly string[],
  lines: Lines,
  refusal: (request: Request) => string | undefined,
  maySayWho: boolean,
): ParsedBatch {
  const bad: Bad[] = [];
  let first: Request | undefined;
  for (let line = lines.from; line <= lines.to; line++) {
    const parsed = lineRequest(all[line - 1] as string, maySayWho);
    const reason = parsed.ok ? refusal(parsed.request) : parsed.reason;
    if (reason !== undefined) bad.push({ line, reason, unfinished: !parsed.ok && parsed.unfinished });
    else if (parsed.ok) first ??= parsed.request;
  }
  if (bad.length === 0) return { ok: true, lines, first: first as Request };
  return { ok: false, unfinished: bad.some(({ unfinished }) => unfinished), reason: words(bad) };
}

function words(bad: readonly Bad[]): string {
  const told = bad.slice(0, MAX_TOLD).map(({ line, reason }) => `line ${line}: ${reason}`);
  const more = bad.length > MAX_TOLD ? [`and ${bad.length - MAX_TOLD} more bad lines`] : [];
  return [...told, ...more].join('; ');
}

/** So many bad lines are told of. */
const MAX_TOLD = 5;

const refused = (reason: string) => ({ ok: false, unfinished: false, reason }) as const;
