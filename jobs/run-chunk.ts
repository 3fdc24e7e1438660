/** The first lines of a part of a batch, from claim to settled: one job after the other, with no more of the disk for each than its line in the ledger. */
import { type BatchName, batchFileName, parseBatchName } from '../spool/batch-name.ts';
import { putBack } from '../spool/claim.ts';
import { type BatchText, type BatchTexts, type ClaimedPart, claimPart, type LineJob, lineJob } from '../spool/claim-part.ts';
import type { Job } from '../spool/job.ts';
import { giveBack, singleOut } from '../spool/part.ts';
import { reject } from '../spool/reject.ts';
import { Chunk } from './chunk.ts';
import type { Settlement } from './messages.ts';
import type { Place } from './places.ts';
import {
  atPlace,
  type BegunAttempt,
  type Bench,
  cancelUnrun,
  claimSafely,
  type RanAttempt,
  recorded,
  rejectSpoilt,
  runHeld,
} from './run-attempt.ts';

/** What the runner hears of a chunk while it runs. */
export type ChunkEvents = {
  /** The part was claimed: `own` is what the runner has in hand now, `rest` the name under which the other lines wait again. */
  onTook(own: string, rest: string | undefined): void;
  /** A job of it is over. */
  onRan(ran: RanAttempt): Promise<void>;
  /** Whether what has not begun is to be given back. */
  mustStop(): boolean;
};

/** Claims up to `count` lines of a part and runs them. Returns how the part went; of jobs that want a process of their own, or share one, how the first did. */
export function runChunk(
  bench: Bench,
  name: string,
  count: number,
  texts: BatchTexts,
  events: ChunkEvents,
): Promise<RanAttempt | BegunAttempt> {
  const isAlone = ({ job }: LineJob) => bench.company !== undefined || runsAlone(bench, job.request);
  return atPlace(bench, name, async (place) => {
    const claimed = await claimSafely(() => claimPart(bench.spool, bench.slot, name, Date.now(), texts));
    if (claimed.kind !== 'claimed') return unclaimed(bench, name, claimed);
    const first = lineJob(claimed.part, claimed.text, claimed.part.from);
    const isSingle = isAlone(first);
    const until = claimed.part.from + (isSingle ? 1 : count) - 1;
    const rest = until < claimed.part.to ? await giveBackFrom(bench, claimed.part, until + 1, first) : undefined;
    const part = rest === undefined ? claimed.part : { ...claimed.part, to: until };
    events.onTook(isSingle ? first.job.name : batchFileName(part), rest);
    return isSingle ? runAlone(bench, first, claimed.text, place) : runLines(bench, part, claimed.text, events);
  });
}

async function unclaimed(bench: Bench, name: string, claimed: Exclude<ClaimedPart, { kind: 'claimed' }>): Promise<Settlement> {
  if (claimed.kind === 'spoilt') return rejectWhole(bench, name, claimed.reason);
  if (claimed.kind === 'unread') return putBackWhole(bench, name, claimed.reason);
  return { name, to: claimed.kind };
}

async function runAlone(bench: Bench, first: LineJob, text: BatchText, place: Place | undefined): Promise<RanAttempt | BegunAttempt> {
  await makeSingle(bench, first, text);
  if (first.spoilt !== undefined) return rejectSpoilt(bench, first.job.name, first.spoilt);
  return runHeld(bench, first.job, text.writtenAt, place, bench.cancelRequests.has(first.job.id));
}

// Beside others, or in a process of its own: then a job is an ordinary one, with a file of its own.
function runsAlone({ allowlist }: Bench, request: LineJob['job']['request']): boolean {
  const checked = allowlist.check(request);
  return checked.ok && (checked.policy.isolation === 'shared' || checked.policy.isolation === 'fresh');
}

async function runLines(bench: Bench, part: BatchName, text: BatchText, events: ChunkEvents): Promise<RanAttempt> {
  const { spool, slot, board, ledger, cancelRequests } = bench;
  const chunk = new Chunk(spool, slot, part, board);
  bench.chunk = chunk;
  let rest: string | undefined;
  let isLost = false;
  for (let line = part.from; line <= chunk.part.to; line++) {
    const next = lineJob(part, text, line);
    if (events.mustStop() || (line > part.from && runsAlone(bench, next.job.request))) {
      rest = await giveBackFrom(bench, chunk.part, line, next);
      chunk.endAt(line - 1);
      break;
    }
    const ran = await runLine(bench, next, text, cancelRequests.has(next.job.id) || cancelRequests.has(part.id));
    await events.onRan(ran);
    // The slot is not ours any more: what is in it neither.
    isLost = ran.to === 'missing';
    if (isLost) break;
  }
  if (!isLost && !chunk.isEmpty) ledger.clear(batchFileName(chunk.part));
  board.chunkEnd = 0;
  bench.chunk = undefined;
  return { name: batchFileName(part), to: 'over', ...(rest === undefined ? {} : { next: rest }) };
}

async function runLine(bench: Bench, next: LineJob, text: BatchText, isCancelled: boolean): Promise<RanAttempt> {
  const { job, spoilt } = next;
  const { chunk } = bench;
  // Cancelled or refused before it ran, it gets a file of its own, and ends as that of any other job.
  if (isCancelled || spoilt !== undefined) {
    await makeSingle(bench, next, text);
    const ended = spoilt === undefined ? await cancelUnrun(bench, job) : await rejectSpoilt(bench, job.name, spoilt);
    noteCut(bench, chunk, lineOf(next));
    return ended;
  }
  const ran = (await runHeld(bench, job, text.writtenAt, undefined, false)) as RanAttempt;
  if (ran.to !== 'completed' && ran.to !== 'missing') noteCut(bench, chunk, lineOf(next));
  return ran;
}

const lineOf = ({ job }: LineJob): number => Number(job.id.slice(job.id.lastIndexOf('.') + 1));

function noteCut({ ledger }: Bench, chunk: Chunk | undefined, line: number): void {
  const before = chunk?.cutAt(line);
  if (before !== undefined) ledger.clear(before);
}

async function giveBackFrom(bench: Bench, part: BatchName, line: number, { job }: LineJob): Promise<string | undefined> {
  const given = await recorded(bench, job, { to: 'pending' }, () => giveBack(bench.spool, bench.slot, part, line));
  return given?.rest;
}

// It is found again at the next scan, and not proposed before that.
async function putBackWhole(bench: Bench, name: string, reason: string): Promise<Settlement> {
  await recorded(bench, batchOf(name), { to: 'pending' }, () => putBack(bench.spool, bench.slot, name));
  if (!bench.unread.has(name)) bench.log.error(`read ${name}: ${reason}; it waits, and is tried again at each scan`, {});
  bench.unread.add(name);
  return { name, to: 'unread' };
}

async function rejectWhole(bench: Bench, name: string, reason: string): Promise<Settlement> {
  const { spool, slot, log } = bench;
  const { id } = batchOf(name);
  const file = await recorded(bench, batchOf(name), { to: 'rejected' }, () =>
    reject(spool, spool.claimed(slot, name), name, { reason, id }),
  );
  log.event('rejected', { id, file: file ?? name, reason }, `rejected: ${reason}`);
  return { name, to: 'rejected' };
}

function makeSingle(bench: Bench, next: LineJob, { writtenAt }: BatchText): Promise<boolean> {
  const text = next.spoilt === undefined ? undefined : next.text;
  return recorded(bench, next.job, { to: 'pending' }, () => singleOut(bench.spool, bench.slot, next.job, writtenAt, text));
}

// What the log says of it all.
const batchOf = (name: string): Job => ({ ...(parseBatchName(name) as BatchName), name, request: { class: '', method: '', params: [] } });
