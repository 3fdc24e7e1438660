import { lineRequest, splitBatch } from './batch.ts';
import { type BatchName, batchFileName, MAX_BATCH_FILE_BYTES, memberId, memberName, parseBatchName } from './batch-name.ts';
import { take } from './claim.ts';
import type { Job } from './job.ts';
import { looksOf } from './line-texts.ts';
import { runAtOf } from './order.ts';
import type { Request } from './request.ts';
import type { Spool } from './spool.ts';
import { type Author, authorOf, markedLines, submittedIn } from './submitter.ts';

/** The text of a batch, and when its file was written, in milliseconds since the epoch: that is when its jobs were accepted. */
export type BatchText = { lines: readonly string[]; writtenAt: number; author: Author };

/** What came of reading a batch's file. */
export type ReadBatch =
  | ({ kind: 'text' } & BatchText)
  | { kind: 'missing' }
  | { kind: 'spoilt'; reason: string }
  /** A fault of the disk, which may pass. */
  | { kind: 'unread'; reason: string };

/** What a runner got when it reached for a part. */
export type ClaimedPart =
  | { kind: 'claimed'; part: BatchName; text: BatchText }
  | { kind: 'missing' }
  | { kind: 'early' }
  | { kind: 'spoilt'; reason: string }
  | { kind: 'unread'; reason: string };

/**
 * Claims a waiting part: its file is renamed into the slot, whole, and one of several claimants wins. What the runner does not take of it now it
 * gives back (`giveBack`), before it begins.
 */
export function claimPart(spool: Spool, slot: string, name: string, now: number, texts: BatchTexts): ClaimedPart {
  if (runAtOf(name) > now) return { kind: 'early' };
  const part = parseBatchName(name);
  if (!part || !take(spool, slot, name)) return { kind: 'missing' };
  const read = texts.read(spool, spool.claimed(slot, name));
  if (read.kind !== 'text') return read;
  return hasLines(read, part) ? { kind: 'claimed', part, text: read } : { kind: 'spoilt', reason: tooShort(read, part) };
}

/** Whether a batch's text has all lines of a part. */
export const hasLines = ({ lines }: BatchText, { to }: BatchName): boolean => lines.length >= to;

const tooShort = ({ lines }: BatchText, { to }: BatchName): string =>
  `its file was changed after it was accepted: expected ${to} lines, got ${lines.length}`;

/** The text of the batch that was read last: its file is claimed in many parts, each of which is a link to it. */
export class BatchTexts {
  #last: { looks: string; text: BatchText } | undefined;

  read(spool: Spool, file: string): ReadBatch {
    const facts = spool.disk.facts(file);
    if (!facts) return { kind: 'missing' };
    const looks = looksOf(facts);
    if (this.#last?.looks === looks && facts.isFile) return { ...this.#last.text, kind: 'text' };
    const read = readBatch(spool, file);
    this.#last = read.kind === 'text' ? { looks, text: read } : undefined;
    return read;
  }
}

/** Reads the text of a batch. */
export function readBatch(spool: Spool, file: string): ReadBatch {
  const found = spool.disk.inspect(file, MAX_BATCH_FILE_BYTES);
  if (found.kind === 'missing') return found;
  if (found.kind === 'unreadable' && !found.isDenied) return { kind: 'unread', reason: found.reason };
  if (found.kind !== 'text') return { kind: 'spoilt', reason: `its file became unreadable after it was accepted (${found.kind})` };
  return { kind: 'text', lines: splitBatch(found.text), writtenAt: found.mtimeMs, author: authorOf(spool, found.owner) };
}

/** A job of a batch; `spoilt`: why its line, `text`, is no request any more: what is known of the job is in its name alone. */
export type LineJob = { job: Job; spoilt?: undefined } | { job: Job; spoilt: string; text: string };

/** The job of a line. It is checked again in full: somebody may have changed the file since it was accepted. */
export function lineJob(part: BatchName, { lines, author }: BatchText, line: number): LineJob {
  const text = lines[line - 1];
  const parsed = text === undefined ? { ok: false as const, reason: 'the line is gone' } : lineRequest(text, author?.maySayWho);
  if (parsed.ok) return { job: jobOfLine(part, line, submittedIn(parsed.request, author)) };
  return {
    job: jobOfLine(part, line, { class: '', method: '', params: [] }),
    spoilt: `line ${line} of its batch was changed after it was accepted: ${parsed.reason}`,
    text: `${markedLines(text ?? '', author)}\n`,
  };
}

const jobOfLine = (part: BatchName, line: number, request: Request): Job => ({
  priority: part.priority,
  runAt: part.runAt,
  id: memberId(part.id, line),
  name: memberName(part, line),
  request,
});

/** The path of a part in a slot. */
export const claimedPart = (spool: Spool, slot: string, part: BatchName): string => spool.claimed(slot, batchFileName(part));
