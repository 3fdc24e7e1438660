import { parseJobName, parseRequestName } from './filename.ts';
import { holderOfSlot, slots } from './lease.ts';
import { idOfLine, type LedgerLine, linesOf, parseLine, recentLedgers } from './ledger.ts';
import type { Liveness } from './liveness.ts';
import { reconcileBatches } from './reconcile-batch.ts';
import { MAX_FILE_BYTES, parseRequest } from './request.ts';
import { isBound } from './settle.ts';
import type { Spool } from './spool.ts';
import { authorOf } from './submitter.ts';

/**
 * Whether somebody who worked on the spool has not left it in order: a process died, a machine lost its power, or it is of another machine, of which
 * nobody knows. `own` is the slot of who asks.
 */
export function wasCutOff(spool: Spool, liveness: Liveness, own: string, clock: number): boolean {
  return slots(spool).some((slot) => {
    const holder = slot === own ? undefined : holderOfSlot(spool, slot);
    return slot !== own && !(holder && liveness.isHere(holder) && liveness.of(slot, clock) === 'alive');
  });
}

/** A file that a power cut brought back, and what its job has come to since: the folder of a later file of it, or `completed`. */
export type Overtaken = { id: string; file: string; by: string };

/**
 * Removes the files of waiting jobs that have moved on since, and returns them. A power cut may leave such: disks that do not keep the
 * order of what was not synced (btrfs and F2FS do not) may have the record of how a job ended, and yet undo the rename that took it
 * from `pending/`. Of several files of one request the one with the longest history counts, and the ledger before all.
 *
 * For a dispatcher that begins, before it accepts or runs anything; others may be at work. `isHeld`: which slots are theirs.
 */
export function reconcile(spool: Spool, isHeld: (slot: string) => boolean = () => false): Overtaken[] {
  const { copies, lines } = suspects(spool);
  const overtaken: Overtaken[] = [];
  for (const group of copies.values()) {
    const read = group.map((copy) => ({ by: copy.folder, copy, history: historyOf(spool, copy) }));
    const ends = (lines.get(group[0]?.id ?? '') ?? []).map((line) => ({ by: 'completed', history: endOf(line) }));
    for (const { copy, history } of read) {
      const later = copy.waits && [...ends, ...read].find((other) => isOvertaken(history, other.history));
      if (later && spool.disk.remove(copy.file)) overtaken.push({ id: copy.id, file: copy.file, by: later.by });
    }
  }
  return [...overtaken, ...reconcileBatches(spool, isHeld)];
}

/** A file of a job. Only one that waits could be run again. */
type Copy = { id: string; folder: string; file: string; waits: boolean };

/** Where a file or a line stands in the life of its request. `isVouched`: the service wrote it. Times in milliseconds since the epoch. */
type History = { acceptedAt: string; asks: string; length: number; endedAt: number; changedAt: number; isVouched: boolean };

// The one is an earlier state of the same request. A file that was dropped since then, under the same id and with the same time (a copy
// of a template, say), has changed later than the other ended.
const isOvertaken = (one: History | undefined, other: History | undefined): boolean =>
  one !== undefined &&
  // Of its own file a producer may say that it has come further than another's job: that is not to be removed for it.
  other?.isVouched === true &&
  one.acceptedAt === other.acceptedAt &&
  // Clocks have grains: two requests of one id may have the same time, and are two for all that.
  one.asks === other.asks &&
  one.length < other.length &&
  one.changedAt <= other.endedAt;

/** The files and lines of the ids that are there more than once. A million names are only looked at. */
function suspects(spool: Spool): { copies: Map<string, Copy[]>; lines: Map<string, LedgerLine[]> } {
  const seen = new Set<string>();
  const copies = new Map<string, Copy[]>();
  const lines = new Map<string, LedgerLine[]>();
  for (const { id } of everyCopy(spool)) {
    if (seen.has(id)) copies.set(id, []);
    seen.add(id);
  }
  for (const line of recentLedgers(spool).flatMap((file) => [...linesOfIds(spool, file, seen)])) {
    copies.set(line.id, []);
    lines.set(line.id, [...(lines.get(line.id) ?? []), line]);
  }
  if (copies.size > 0) for (const copy of everyCopy(spool)) copies.get(copy.id)?.push(copy);
  return { copies, lines };
}

function* everyCopy(spool: Spool): Generator<Copy> {
  for (const folder of ['incoming', 'pending', 'retrying'] as const) yield* copiesIn(spool, folder, spool[folder], true);
  for (const folder of ['failed', 'cancelled'] as const) yield* copiesIn(spool, folder, spool[folder], false);
  for (const slot of slots(spool)) yield* copiesIn(spool, `running/${slot}`, spool.slot(slot), false);
}

function* copiesIn({ disk }: Spool, folder: string, path: string, waits: boolean): Generator<Copy> {
  for (const name of disk.names(path)) {
    const id = idOf(isBound(name) ? name.slice(name.indexOf('=') + 1) : name);
    if (id !== undefined) yield { id, folder, file: `${path}/${name}`, waits };
  }
}

function idOf(name: string): string | undefined {
  const job = parseJobName(name);
  if (job) return job.id;
  const parsed = parseRequestName(name);
  return parsed.kind === 'request' ? parsed.id : undefined;
}

function* linesOfIds(spool: Spool, file: string, ids: ReadonlySet<string>): Generator<LedgerLine> {
  for (const text of linesOf(spool, file)) {
    const line = ids.has(idOfLine(text)) ? parseLine(text) : undefined;
    if (line) yield line;
  }
}

// A completed job has come further than any file of it.
const endOf = ({ acceptedAt, finishedAt, ...line }: LedgerLine): History => ({
  acceptedAt,
  asks: asked(line),
  length: Number.POSITIVE_INFINITY,
  endedAt: Date.parse(finishedAt),
  changedAt: 0,
  isVouched: true,
});

function historyOf(spool: Spool, { file }: Copy): History | undefined {
  const found = spool.disk.inspect(file, MAX_FILE_BYTES);
  const changedAt = spool.disk.facts(file)?.ctimeMs;
  const parsed = found.kind === 'text' ? parseRequest(found.text) : undefined;
  if (found.kind !== 'text' || changedAt === undefined || !parsed?.ok) return undefined;
  const { acceptedAt = new Date(found.mtimeMs).toISOString(), attempts = [], snoozes = 0 } = parsed.request;
  const author = authorOf(spool, found.owner);
  const isVouched = author === undefined || (author.maySayWho && !author.isForgeable);
  const length = attempts.length + snoozes;
  return { acceptedAt, asks: asked(parsed.request), length, endedAt: found.mtimeMs, changedAt, isVouched };
}

const asked = ({ class: className, method, params }: Pick<LedgerLine, 'class' | 'method' | 'params'>): string =>
  JSON.stringify([className, method, params]);
