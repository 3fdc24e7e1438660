/** Jobs that are in two places. An id may be used again once its job is over: two files of one id are one job when they are of one acceptance. */
import { readJob } from '../claim.ts';
import type { LedgerLine } from '../ledger.ts';
import type { Spool } from '../spool.ts';
import { partInSlot } from './batches.ts';
import { type Flaw, type Repair, wrong } from './flaw.ts';
import { ledgerFiles } from './ledger.ts';
import { lineKeeper } from './line-keeper.ts';
import { rawLines } from './lines.ts';
import type { Look, Sighting } from './look.ts';
import { toRejected } from './to-rejected.ts';

type LineKeeper = ReturnType<typeof lineKeeper>;

/** A file with what it says of its job. `attempts`: how many it has had. */
type Account = Sighting & { acceptance: string; attempts: number; writtenAt: number };

/** Learns of every ledger line, and tells afterwards what was found twice. */
export function recordKeeper(look: Look): { note(line: LedgerLine, at: string): void; flaws(): Generator<Flaw> } {
  const seen = new Set<number>();
  const again = new Set<string>();
  const recorded: { line: LedgerLine; at: string; sighting: Sighting }[] = [];
  return {
    note(line, at) {
      // Numbers, not texts: a ledger may have millions of lines. Whose number is there already is looked at closely afterwards.
      const number = hash(line.id);
      if (seen.has(number)) again.add(line.id);
      seen.add(number);
      for (const sighting of look.sightings.get(line.id) ?? []) recorded.push({ line, at, sighting });
    },
    *flaws() {
      const lines = lineKeeper(look);
      for (const { line, at, sighting } of recorded) yield* besideRecord(look.spool, line, at, sighting, lines);
      yield* lines.flaws();
      if (again.size > 0) yield* recordedTwice(look, again);
    },
  };
}

/** The flaws of ids that have several files. */
export function* inFiles(look: Look): Generator<Flaw> {
  const { spool, sightings, batches } = look;
  const lines = lineKeeper(look);
  for (const id of batches) yield* ofBatch(sightings.get(id) ?? [], id);
  for (const several of sightings.values()) {
    if (several.length < 2) continue;
    const accounts = several
      .filter(({ folder }) => folder !== 'incoming' && folder !== 'rejected')
      .flatMap((one) => accountOf(spool, one) ?? []);
    if (accounts.length > 1) yield* amongFiles(spool, accounts.sort(byWorth), lines);
  }
  yield* lines.flaws();
}

// Whoever asks for that id would not know which is meant: cancelling the one cancels the other.
function* ofBatch(several: readonly Sighting[], id: string): Generator<Flaw> {
  for (const { shown } of several.filter(isLive))
    yield wrong(
      'twin',
      shown,
      `${shown} has the id of a batch that waits or runs; cancel/${id} means both. Move it away, or wait until the batch is over`,
      { id },
    );
}

const LIVE: readonly string[] = ['pending', 'retrying', 'running'];
const isLive = ({ folder }: Sighting): boolean => LIVE.includes(folder);

/** What counts before what: a job in a runner's hand, then the longest history (as `reconcile` has it), then a live one before one that is over. */
function byWorth(a: Account, b: Account): number {
  const inHand = Number(b.slot !== undefined) - Number(a.slot !== undefined);
  const isWhole = Number(a.line !== undefined) - Number(b.line !== undefined);
  return inHand || isWhole || b.attempts - a.attempts || Number(isLive(b)) - Number(isLive(a)) || b.writtenAt - a.writtenAt;
}

function* amongFiles(spool: Spool, [best, ...others]: Account[], lines: LineKeeper): Generator<Flaw> {
  if (!best) return;
  const areTwins = (other: Account) => isLive(best) && isLive(other);
  for (const other of others) {
    if (other.line !== undefined) noteLine(spool, best, other, lines);
    else if (areTwins(other)) yield* twin(spool, best, other);
    else if (best.acceptance === other.acceptance) yield* twoOutcomes(spool, best, other);
  }
  yield* amongFiles(
    spool,
    others.filter((other) => !areTwins(other) && other.acceptance !== best.acceptance),
    lines,
  );
}

// Two files in pending/ that overlap are a flaw of the larger one.
function noteLine(spool: Spool, best: Account, other: Account, lines: LineKeeper): void {
  if (best.folder === 'pending' || !isStill(spool, best, other)) return;
  if (isLive(best)) lines.note('twin', other, best.shown);
  else if (best.acceptance === other.acceptance) lines.note('two-outcomes', other, best.shown);
}

function* twin(spool: Spool, best: Account, other: Account): Generator<Flaw> {
  // In one slot they are a job and its next text: a move that was not finished.
  const isMove = best.slot !== undefined && best.slot.name === other.slot?.name;
  if (isMove || !isStill(spool, best, other)) return;
  const reason = `duplicate: a job with the id "${other.id}" is already waiting or running (${best.shown})`;
  const what = `the id "${other.id}" is that of two live jobs, ${best.shown} and ${other.shown}; both will run. Move one of them away to prevent it`;
  yield wrong('twin', other.shown, what, { id: other.id, ...aside(spool, best, other, reason) });
}

function* twoOutcomes(spool: Spool, best: Account, other: Account): Generator<Flaw> {
  if (!isStill(spool, best, other)) return;
  const says = isLive(other) ? `${other.shown} waits to be run` : `${other.shown} says that the job "${other.id}" is over`;
  const what = `${says}, and the very same job ${isLive(best) ? 'is still live as' : 'ended another way in'} ${best.shown}; one of them is a copy`;
  const reason = `it is a copy of ${best.shown}, which counts`;
  yield wrong('two-outcomes', other.shown, what, { id: other.id, ...aside(spool, best, other, reason) });
}

function aside(spool: Spool, best: Sighting, other: Sighting, reason: string): { repair?: Repair } {
  // What a living runner has in hand is not touched.
  if (other.slot) return {};
  const { act, how } = toRejected(spool, `${spool.root}/${other.shown}`, other.name, reason, other.id);
  return { repair: { how, act: () => isStill(spool, best, other) && act() } };
}

// In this order: a file that moves from one to the other is never seen in both.
function isStill({ disk, root }: Spool, a: Sighting, b: Sighting): boolean {
  return [a, b, a].every(({ shown }) => disk.exists(`${root}/${shown}`));
}

function* besideRecord(spool: Spool, line: LedgerLine, at: string, sighting: Sighting, lines: LineKeeper): Generator<Flaw> {
  // A runner unlinks the file after the line was written; of a dead one, the rescue does.
  if (sighting.folder === 'running' || sighting.folder === 'incoming' || sighting.folder === 'rejected') return;
  const account = accountOf(spool, sighting);
  if (account?.acceptance !== acceptanceOf(line.acceptedAt, line.runAt)) return;
  if (sighting.line !== undefined) return lines.note('already-completed', sighting, at);
  const { shown, id, name, folder } = sighting;
  const reason = `it is recorded as completed in ${at}`;
  const repair = toRejected(spool, `${spool.root}/${shown}`, name, reason, id);
  if (isLive(sighting)) {
    if (line.attempts.length <= account.attempts) return;
    const what = `${shown} waits to be run, and ${at} records that this very job completed: it would be done twice`;
    yield wrong('already-completed', shown, what, { id, repair });
  } else {
    const what = `${shown} says that the job "${id}" ${folder === 'failed' ? 'failed' : 'was cancelled'}, and ${at} records that it completed: it has two outcomes`;
    yield wrong('two-outcomes', shown, what, { id, repair });
  }
}

function* recordedTwice({ spool, step }: Look, ids: ReadonlySet<string>): Generator<Flaw> {
  const first = new Map<string, string>();
  for (const { shown } of ledgerFiles(spool)) {
    for (const { number, bytes } of rawLines(spool, `${spool.root}/${shown}`)) {
      step(shown);
      const line = lineOf(bytes, ids);
      if (!line) continue;
      const key = `${line.id} ${acceptanceOf(line.acceptedAt, line.runAt)}`;
      const at = `${shown}:${number}`;
      const earlier = first.get(key);
      if (earlier === undefined) first.set(key, at);
      else {
        const what = `${at} records that the job "${line.id}" completed, and so does ${earlier}, of the very same job: it was done twice, or a copy of a ledger was put back. Nothing runs because of it; remove one of the lines by hand while no service runs`;
        yield wrong('recorded-twice', shown, what, { line: number, id: line.id });
      }
    }
  }
}

function lineOf(bytes: Buffer, ids: ReadonlySet<string>): LedgerLine | undefined {
  if (!ids.has(/^\{"id":"([^"]*)"/.exec(bytes.toString('latin1', 0, 120))?.[1] ?? '')) return undefined;
  try {
    return JSON.parse(bytes.toString()) as LedgerLine;
  } catch {
    return undefined;
  }
}

function lineAccount({ disk, root }: Spool, sighting: Sighting): Account | undefined {
  const facts = disk.facts(`${root}/${sighting.shown}`);
  const part = partInSlot(sighting.name);
  if (!facts || !part) return undefined;
  const acceptance = acceptanceOf(new Date(facts.mtimeMs).toISOString(), new Date(part.runAt).toISOString());
  return { ...sighting, acceptance, attempts: 0, writtenAt: facts.mtimeMs };
}

function accountOf(spool: Spool, sighting: Sighting): Account | undefined {
  if (sighting.line !== undefined) return lineAccount(spool, sighting);
  const name = sighting.name.slice(sighting.name.indexOf('=') + 1);
  const read = readJob(spool, `${spool.root}/${sighting.shown}`, name);
  if (read.kind !== 'claimed') return undefined;
  const { request, runAt } = read.job;
  const acceptedAt = request.acceptedAt ?? new Date(read.writtenAt).toISOString();
  const acceptance = acceptanceOf(acceptedAt, request.runAt ?? new Date(runAt).toISOString());
  return { ...sighting, acceptance, attempts: request.attempts?.length ?? 0, writtenAt: read.writtenAt };
}

const acceptanceOf = (acceptedAt: string, runAt: string): string => `${acceptedAt} ${runAt}`;

/** FNV-1a over 52 bits, in two halves. */
function hash(text: string): number {
  let [low, high] = [0x811c9dc5, 0x1000193];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b) ^ (low >>> 13);
  }
  return (low >>> 0) * 0x100000 + ((high >>> 0) & 0xfffff);
}
