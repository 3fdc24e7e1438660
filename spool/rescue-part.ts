/** What a rescue does with a part of a batch: what is recorded is forgotten, what had not begun waits again, and what ran is the rescue's to settle. */
import { type BatchName, memberId, memberName, parseBatchName } from './batch-name.ts';
import { rangesOf } from './batch-place.ts';
import { claimedPart, hasLines, type LineJob, lineJob, readBatch } from './claim-part.ts';
import type { Job } from './job.ts';
import type { Leftover } from './ledger.ts';
import { cut, giveBack } from './part.ts';
import type { Spool } from './spool.ts';

/** A part of a batch in a slot that nobody holds. `jobs`: its lines, as far as their names tell. */
export type LeftPart = { name: string; part: BatchName; jobs: Leftover[] };

export type ReleaseOptions = {
  /** Whether the first job that is not recorded was running. */
  hasBegun(job: Job, batch: string): boolean;
  onReleased(name: string): void;
};

/** The parts of batches in a slot. */
export function leftParts(spool: Spool, slot: string): LeftPart[] {
  return spool.disk.names(spool.slot(slot)).flatMap((name) => {
    const part = parseBatchName(name);
    const facts = part && spool.disk.facts(spool.claimed(slot, name));
    if (!part || !facts?.isFile) return [];
    const at = { writtenAt: facts.mtimeMs, claimedAt: facts.ctimeMs };
    return [{ name, part, jobs: Array.from({ length: part.to - part.from + 1 }, (_, index) => leftLine(part, part.from + index, at)) }];
  });
}

function leftLine(part: BatchName, line: number, at: { writtenAt: number; claimedAt: number }): Leftover {
  const name = memberName(part, line);
  return { name, job: { ...part, id: memberId(part.id, line), name, request: { class: '', method: '', params: [] } }, ...at };
}

/** Lets the jobs of a part wait again that had not begun. Returns the one that had, which is left in the slot; `unread`: why the file cannot be read just now. */
export function releasePart(
  spool: Spool,
  slot: string,
  { name, part, jobs }: LeftPart,
  recorded: ReadonlySet<Leftover>,
  { hasBegun, onReleased }: ReleaseOptions,
): (Leftover & LineJob) | { unread: string } | undefined {
  const undone = jobs.flatMap((job, index) => (recorded.has(job) ? [] : [{ job, line: part.from + index }]));
  const runs = rangesOf(undone.map(({ line }) => line)).map((lines) => ({ ...part, ...lines }));
  cut(spool, spool.slot(slot), name, part, runs);
  const [run, ...others] = runs;
  const [first] = undone;
  if (!run || !first) return undefined;
  const read = readBatch(spool, claimedPart(spool, slot, run));
  if (read.kind === 'unread') return { unread: read.reason };
  // What nobody can read waits again whole: who claims it rejects it so.
  const begun = read.kind === 'text' && hasLines(read, run) ? lineJob(part, read, run.from) : undefined;
  const isBegun = begun !== undefined && (begun.spoilt !== undefined || hasBegun(begun.job, part.id));
  for (const other of others) release(spool, slot, other, other.from, onReleased);
  release(spool, slot, run, run.from + (isBegun ? 1 : 0), onReleased);
  return begun && isBegun ? { ...first.job, ...begun } : undefined;
}

function release(spool: Spool, slot: string, part: BatchName, from: number, onReleased: (name: string) => void): void {
  const rest = from <= part.to ? giveBack(spool, slot, part, from)?.rest : undefined;
  if (rest !== undefined) onReleased(rest);
}
