import { type BatchName, batchFileName, parseBatchName } from './batch-name.ts';
import { type Lines, without } from './batch-place.ts';
import { take } from './claim.ts';
import { type BatchText, type LineJob, lineJob, readBatch } from './claim-part.ts';
import { nameOfLines, textOf, twinOf } from './part.ts';
import { type FinishedMove, finishMoves } from './settle.ts';
import { replaceFile, type Spool, syncNames } from './spool.ts';

/** Where a line that is taken out of its batch goes: its folder, its name there and what its file says. */
export type Bound = { folder: 'pending' | 'cancelled'; name: string; text: string };

/** A line as a file of its own that waits, under this name. Who claims it rejects what is no request. */
export const waitingAs = (name: string, line: LineJob, { writtenAt }: BatchText): Bound => ({
  folder: 'pending',
  name,
  text: line.spoilt === undefined ? textOf(line.job, writtenAt) : line.text,
});

/** What became of lines that were taken out: `jobs` as they were, and the moves of them and of what is left of their part. */
export type TakenOut = { jobs: LineJob[]; moved: FinishedMove[] };

/**
 * Takes lines out of a part that waits. `slot` is one that the caller holds, for this moment alone: the part is claimed into it, the lines get files of their own as
 * `bind` says (undefined: they are deleted), and all of it moves out again. Undefined when the part waits no more.
 */
export function takeLines(
  spool: Spool,
  slot: string,
  name: string,
  lines: Lines,
  bind: (job: LineJob, text: BatchText) => Bound | undefined,
): TakenOut | undefined {
  const part = parseBatchName(name);
  if (!part || !take(spool, slot, name)) return undefined;
  try {
    const read = readBatch(spool, spool.claimed(slot, name));
    if (read.kind === 'missing') return undefined;
    // A rescue lets it wait again; who then claims it rejects it if nobody can read it.
    if (read.kind !== 'text') throw new Error(`read ${spool.claimed(slot, name)}: ${read.reason}`);
    const jobs: LineJob[] = [];
    for (let line = lines.from; line <= lines.to; line++) jobs.push(lineJob(part, read, line));
    for (const job of jobs) bindLine(spool, slot, bind(job, read));
    syncNames(spool, spool.slot(slot));
    bindRest(spool, slot, part, lines);
    const moved = finishMoves(spool, slot);
    for (const folder of new Set(moved.map((move) => move.folder))) syncNames(spool, spool[folder]);
    return { jobs, moved };
  } finally {
    // What an error left in it waits for its rescue.
    spool.disk.removeFolder(spool.slot(slot));
  }
}

function bindLine(spool: Spool, slot: string, bound: Bound | undefined): void {
  if (bound) replaceFile(spool, spool.claimed(slot, `.${bound.folder}=${bound.name}`), bound.text);
}

// What is left of the part waits again.
function bindRest(spool: Spool, slot: string, part: BatchName, gone: Lines): void {
  const { disk } = spool;
  const file = spool.claimed(slot, batchFileName(part));
  const rest = without([part], gone).map((lines) => spool.claimed(slot, `.pending=${nameOfLines(part, lines)}`));
  const last = rest.pop();
  for (const bound of rest) twinOf(spool, file, bound);
  if (last === undefined) disk.remove(file);
  else disk.rename(file, last);
}
