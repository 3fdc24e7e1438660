/**
 * The record of completed jobs: `completed/<day>/<slot>.ndjson`, one line per job. A line is written, as one append, before
 * the job's file is unlinked; so a runner that dies in between leaves a file whose line says that it is done, and the
 * rescue only unlinks it. Syncs and unlinks are grouped: with `durability: full` one sync covers all lines since the last.
 */
import type { Attempt } from './attempt.ts';
import { atBest, naming } from './errors.ts';
import { iso } from './iso.ts';
import { type AttemptSpan, attemptNumber, attemptOf, durationOf, type Job } from './job.ts';
import { reject } from './reject.ts';
import { type Spool, syncNames } from './spool.ts';
import { traceContextOf } from './trace-context.ts';

/** A line of the ledger. Times in ISO 8601 UTC. */
export type LedgerLine = {
  id: string;
  class: string;
  method: string;
  params: unknown;
  priority: number;
  runAt: string;
  acceptedAt: string;
  startedAt: string;
  finishedAt: string;
  durationMs: number;
  attempts: Attempt[];
  /** The uid of who submitted it. */
  submittedBy?: number | undefined;
  /** As the request had it. */
  traceparent?: string | undefined;
  tracestate?: string | undefined;
  result?: unknown;
};

export function ledgerLine(job: Job, span: AttemptSpan, acceptedAt: string, result: unknown): LedgerLine {
  const attempt = attemptOf(job, 'completed', { kind: 'completed' }, span);
  const { request } = job;
  return {
    id: job.id,
    class: request.class,
    method: request.method,
    params: request.params,
    ...traceContextOf(request),
    ...(request.submittedBy === undefined ? {} : { submittedBy: request.submittedBy }),
    priority: job.priority,
    runAt: request.runAt ?? iso(job.runAt),
    acceptedAt: request.acceptedAt ?? acceptedAt,
    startedAt: attempt.startedAt,
    finishedAt: attempt.finishedAt,
    durationMs: durationOf(span),
    attempts: [...(request.attempts ?? []), attempt],
    ...(result === undefined ? {} : { result }),
  };
}

/** The largest number of finished jobs whose files wait for one sync. */
const GROUP = 64;
/** So long after one sync the next lines gather for another, if they are fewer than that: whoever submits meanwhile needs the disk's journal too. */
const GATHER_MS = 25;

/** `isTorn`: after `size` bytes there may be a part of a line. */
type OpenLedger = { day: string; path: string; fd: number; size: number; isTorn: boolean };

/** The ledger of one slot, open for appending. Used by one thread. */
export class Ledger {
  readonly #spool: Spool;
  readonly #slot: string;
  readonly #gatherMs: number;
  #file: OpenLedger | undefined;
  #written: string[] = [];
  /** The names of jobs that are recorded and whose files are still in the slot. */
  readonly #uncleared = new Set<string>();
  #committing: Promise<void> | undefined;
  #syncedAt = Number.NEGATIVE_INFINITY;
  #endGathering: (() => void) | undefined;
  /** Of days that are over; a sync may still be on its way to them. */
  readonly #outdated: number[] = [];

  constructor(spool: Spool, slot: string, gatherMs = GATHER_MS) {
    this.#spool = spool;
    this.#slot = slot;
    this.#gatherMs = gatherMs;
  }

  /** Whether so many lines wait that the caller should commit before it goes on. */
  get isFull(): boolean {
    return this.#written.length >= GROUP;
  }

  /** Whether the file of a job of that name, which is done, is still to be removed. */
  isUncleared(name: string): boolean {
    return this.#uncleared.has(name);
  }

  /**
   * Records that the job in the file `name` of this slot completed. From here on it is never run again. Without a `name` the file stays: it has other jobs too,
   * and goes with `clear`.
   */
  append(line: LedgerLine, name?: string): void {
    const { disk } = this.#spool;
    const file = this.#open(line.finishedAt.slice(0, 10));
    named(file, () => {
      // A disk that became full may have taken the beginning of a line: the next must not be glued to it.
      if (file.isTorn) disk.truncate(file.fd, Math.min(file.size, disk.sizeOf(file.fd)));
      file.isTorn = true;
      file.size += disk.append(file.fd, `${JSON.stringify(line)}\n`);
      file.isTorn = false;
    });
    if (name !== undefined) this.clear(name);
  }

  /** The file `name` of this slot has no job any more that is not recorded: it goes with the next commit. */
  clear(name: string): void {
    this.#written.push(name);
    this.#uncleared.add(name);
    if (this.isFull) this.#endGathering?.();
  }

  /**
   * Makes the lines written so far durable and removes their jobs' files. While one group is on its way to the disk, the lines
   * written meanwhile form the next; the promise resolves when none is left.
   */
  commit(): Promise<void> {
    this.#committing ??= this.#commitGroups().finally(() => {
      this.#committing = undefined;
      for (const fd of this.#outdated.splice(0)) this.#spool.disk.close(fd);
    });
    return this.#committing;
  }

  close(): void {
    const file = this.#file;
    // First: a descriptor that could not be closed well is closed all the same, and its number may be another file's.
    this.#file = undefined;
    if (file) named(file, () => this.#spool.disk.close(file.fd));
  }

  async #commitGroups(): Promise<void> {
    const { disk, durability } = this.#spool;
    while (this.#written.length > 0) {
      if (durability === 'full') await this.#gather();
      const names = this.#written;
      this.#written = [];
      const file = this.#file;
      if (durability === 'full' && file) await disk.sync(file.fd).catch((error) => Promise.reject(naming(error, file.path)));
      this.#syncedAt = performance.now();
      for (const name of names) {
        disk.remove(this.#spool.claimed(this.#slot, name));
        this.#uncleared.delete(name);
      }
    }
  }

  // After a pause a job's line is synced at once.
  async #gather(): Promise<void> {
    const waitMs = this.#syncedAt + this.#gatherMs - performance.now();
    if (waitMs <= 0 || this.isFull) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#endGathering = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endGathering = undefined;
  }

  #open(day: string): OpenLedger {
    if (this.#file?.day === day) return this.#file;
    const { disk } = this.#spool;
    const old = this.#file;
    if (old) {
      // The lines of the old day are synced with it: the next group syncs only the new file.
      if (this.#spool.durability === 'full') named(old, () => disk.syncNow(old.fd));
      if (this.#committing) {
        // Its last sync may still be on its way.
        this.#outdated.push(old.fd);
        this.#file = undefined;
      } else this.close();
    }
    clearStrangers(this.#spool, day, this.#slot);
    disk.makeFolder(this.#spool.ledgerDay(day));
    // Whoever made the folder may have failed before its name was safe.
    syncNames(this.#spool, this.#spool.completed);
    const path = this.#spool.ledger(day, this.#slot);
    const file = { day, path, fd: disk.openAppend(path), size: 0, isTorn: false };
    try {
      named(file, () => {
        endTornLine(this.#spool, file.fd);
        // Nobody else appends to it: from here on its size is known.
        file.size = disk.sizeOf(file.fd);
      });
      syncNames(this.#spool, this.#spool.ledgerDay(day));
    } catch (error) {
      atBest(() => disk.close(file.fd));
      throw error;
    }
    this.#file = file;
    return file;
  }
}

// What fails with the open file says which one it is.
function named<T>({ path }: OpenLedger, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw naming(error, path);
  }
}

// A link, a FIFO or a folder that stands where a ledger is to be: a line written there would be kept elsewhere, or nowhere.
function clearStrangers(spool: Spool, day: string, slot: string): void {
  const { disk } = spool;
  const [folder, file] = [spool.ledgerDay(day), spool.ledger(day, slot)];
  const reason = 'it stood in the place of a ledger';
  if (disk.facts(folder)?.isFolder === false) reject(spool, folder, day, { reason });
  if (disk.facts(file)?.isFile === false) reject(spool, file, `${slot}.ndjson`, { reason });
}

// A process of the same name may have died in the middle of a line (a container that restarts has the same pids). Of that line only the newline
// may be missing: it must not become a record now, for its job was run again.
function endTornLine({ disk }: Spool, fd: number): void {
  const size = disk.sizeOf(fd);
  if (size > 0 && disk.readFrom(fd, size - 1, 1).toString() !== '\n') disk.append(fd, TORN);
}

const TORN = ' (torn)\n';

/** The days that have a ledger, newest first. No link is followed: what it leads to is not ours to read, and still less to prune. */
export function ledgerDays(spool: Spool): string[] {
  const isDay = (name: string) => /^\d{4}-\d{2}-\d{2}$/.test(name) && spool.disk.facts(spool.ledgerDay(name))?.isFolder === true;
  return spool.disk.names(spool.completed).filter(isDay).sort().reverse();
}

/** The slots that have a ledger on a day. */
export function ledgerSlots(spool: Spool, day: string): string[] {
  const ending = '.ndjson';
  return spool.disk
    .names(spool.ledgerDay(day))
    .filter((name) => name.endsWith(ending))
    .map((name) => name.slice(0, -ending.length));
}

/** One line, or undefined when it is empty or torn by a power cut: then its job was not acknowledged as done. */
export function parseLine(line: string): LedgerLine | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as LedgerLine;
  } catch {
    return undefined;
  }
}

/** A job that a dead holder left in its slot. Times in milliseconds since the epoch, as its file has them. */
export type Leftover = { name: string; job: Job; writtenAt: number; claimedAt: number };

/**
 * Which of the jobs left in a dead slot a ledger records as completed; from then on, durably. A line counts when it is of this very request
 * and attempt: an id may be used again. `slot` is the runner whose ledger alone can have them; undefined where the jobs have
 * been taken over before, and any ledger may.
 */
export function recordedIn(spool: Spool, leftovers: Leftover[], slot?: string): Set<Leftover> {
  const recorded = new Set<Leftover>();
  if (leftovers.length === 0) return recorded;
  const byId = new Map(leftovers.map((leftover) => [leftover.job.id, leftover]));
  // The claim may look later than it was (a chown of the whole spool, say), and so may the request (its time is its producer's word).
  for (const file of ledgersSince(spool, Math.min(...leftovers.flatMap(({ writtenAt, claimedAt }) => [writtenAt, claimedAt])), slot)) {
    const found = recordsIn(spool, file, byId);
    if (found.length > 0 && spool.durability === 'full') spool.disk.syncFileNow(file);
    for (const leftover of found) recorded.add(leftover);
    if (recorded.size === leftovers.length) break;
  }
  return recorded;
}

function recordsIn(spool: Spool, file: string, byId: ReadonlyMap<string, Leftover>): Leftover[] {
  const found: Leftover[] = [];
  for (const line of linesOf(spool, file)) {
    const leftover = byId.get(idOfLine(line));
    if (leftover && isRecordOf(parseLine(line), leftover)) found.push(leftover);
  }
  return found;
}

/** The lines of a ledger file, one at a time; it may be larger than memory. */
export function* linesOf(spool: Spool, file: string): Generator<string> {
  for (const block of spool.disk.lineBlocks(file)) yield* block.split('\n');
}

/** How the lines of an id begin: they are found by it without parsing the others. */
export const lineStart = (id: string): string => `{"id":${JSON.stringify(id)},`;

// Clocks of hosts and of file servers differ: an hour more is looked at than should be needed.
const CLOCK_SLACK_MS = 3_600_000;

function ledgersSince(spool: Spool, ms: number, only: string | undefined): string[] {
  return ledgerDays(spool)
    .flatMap((day) =>
      ledgerSlots(spool, day)
        .filter((slot) => only === undefined || slot === only)
        .map((slot) => spool.ledger(day, slot)),
    )
    .filter((file) => (spool.disk.facts(file)?.mtimeMs ?? 0) >= ms - CLOCK_SLACK_MS);
}

/** The ledger files that were written to in the last minutes before the newest one was. */
export function recentLedgers(spool: Spool): string[] {
  const files = ledgerDays(spool).flatMap((day) => ledgerSlots(spool, day).map((slot) => spool.ledger(day, slot)));
  const timed = files.map((file) => ({ file, mtimeMs: spool.disk.facts(file)?.mtimeMs ?? 0 }));
  const newest = timed.reduce((latest, { mtimeMs }) => Math.max(latest, mtimeMs), 0);
  return timed.filter(({ mtimeMs }) => mtimeMs >= newest - RECENT_MS).map(({ file }) => file);
}

/** Longer than any disk keeps what it was given to itself. */
const RECENT_MS = 600_000;

/** The id of a line: every line begins with it, so that most need not be parsed. */
export const idOfLine = (line: string): string => line.slice(LINE_START.length, line.indexOf('"', LINE_START.length));
const LINE_START = '{"id":"';

function isRecordOf(line: LedgerLine | undefined, { job, writtenAt }: Leftover): boolean {
  const acceptedAt = job.request.acceptedAt ?? new Date(writtenAt).toISOString();
  const runAt = job.request.runAt ?? new Date(job.runAt).toISOString();
  return line?.acceptedAt === acceptedAt && line.runAt === runAt && line.attempts.length === attemptNumber(job);
}
