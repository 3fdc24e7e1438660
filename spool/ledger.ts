/**
 * The record of completed jobs: `completed/<day>/<slot>.ndjson`, one line per job. A line is written, as one append, before
 * the job's file is unlinked; so a runner that dies in between leaves a file whose line says that it is done, and the
 * rescue only unlinks it. Syncs and unlinks are grouped: with `durability: full` one sync covers all lines since the last.
 */
import type { Attempt } from './attempt.ts';
import { type AttemptSpan, attemptNumber, attemptOf, type Job } from './job.ts';
import { type Spool, syncNames } from './spool.ts';

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
    priority: job.priority,
    runAt: request.runAt ?? new Date(job.runAt).toISOString(),
    acceptedAt: request.acceptedAt ?? acceptedAt,
    startedAt: attempt.startedAt,
    finishedAt: attempt.finishedAt,
    durationMs: span.finishedAt - span.startedAt,
    attempts: [...(request.attempts ?? []), attempt],
    ...(result === undefined ? {} : { result }),
  };
}

/** The largest number of finished jobs whose files wait for one sync. */
const GROUP = 64;

/** The ledger of one slot, open for appending. Used by one thread. */
export class Ledger {
  readonly #spool: Spool;
  readonly #slot: string;
  #file: { day: string; fd: number } | undefined;
  #written: string[] = [];
  #committing: Promise<void> | undefined;

  constructor(spool: Spool, slot: string) {
    this.#spool = spool;
    this.#slot = slot;
  }

  /** Whether so many lines wait that the caller should commit before it goes on. */
  get isFull(): boolean {
    return this.#written.length >= GROUP;
  }

  /** Records that the job in the file `name` of this slot completed. From here on it is never run again. */
  append(line: LedgerLine, name: string): void {
    this.#spool.disk.append(this.#open(line.finishedAt.slice(0, 10)), `${JSON.stringify(line)}\n`);
    this.#written.push(name);
  }

  /**
   * Makes the lines written so far durable and removes their jobs' files. While one group is on its way to the disk, the lines
   * written meanwhile form the next; the promise resolves when none is left.
   */
  commit(): Promise<void> {
    this.#committing ??= this.#commitGroups().finally(() => {
      this.#committing = undefined;
    });
    return this.#committing;
  }

  close(): void {
    if (this.#file) this.#spool.disk.close(this.#file.fd);
    this.#file = undefined;
  }

  async #commitGroups(): Promise<void> {
    const { disk, durability } = this.#spool;
    while (this.#written.length > 0) {
      const names = this.#written;
      this.#written = [];
      if (durability === 'full' && this.#file) await disk.sync(this.#file.fd);
      for (const name of names) disk.remove(this.#spool.claimed(this.#slot, name));
    }
  }

  #open(day: string): number {
    if (this.#file?.day === day) return this.#file.fd;
    const { disk } = this.#spool;
    if (this.#file) {
      // The lines of the old day are synced with it: the next group syncs only the new file.
      if (this.#spool.durability === 'full') disk.syncNow(this.#file.fd);
      disk.close(this.#file.fd);
    }
    const isNewDay = disk.makeFolder(this.#spool.ledgerDay(day));
    const fd = disk.openAppend(this.#spool.ledger(day, this.#slot));
    endTornLine(this.#spool, fd);
    syncNames(this.#spool, this.#spool.ledgerDay(day));
    if (isNewDay) syncNames(this.#spool, this.#spool.completed);
    this.#file = { day, fd };
    return fd;
  }
}

// A process of the same name may have died in the middle of a line (a container that restarts has the same pids).
function endTornLine({ disk }: Spool, fd: number): void {
  const size = disk.sizeOf(fd);
  if (size > 0 && disk.readFrom(fd, size - 1, 1).toString() !== '\n') disk.append(fd, '\n');
}

/** The days that have a ledger, newest first. */
export function ledgerDays(spool: Spool): string[] {
  const isDay = (name: string) => /^\d{4}-\d{2}-\d{2}$/.test(name);
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
  // Not since the claim: a chown of the whole spool, say, makes that look later than it was.
  for (const file of ledgersSince(spool, Math.min(...leftovers.map(({ writtenAt }) => writtenAt)), slot)) {
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

// Every line begins with its id, so that most need not be parsed.
const idOfLine = (line: string): string => line.slice(LINE_START.length, line.indexOf('"', LINE_START.length));
const LINE_START = '{"id":"';

function isRecordOf(line: LedgerLine | undefined, { job, writtenAt }: Leftover): boolean {
  const acceptedAt = job.request.acceptedAt ?? new Date(writtenAt).toISOString();
  const runAt = job.request.runAt ?? new Date(job.runAt).toISOString();
  return line?.acceptedAt === acceptedAt && line.runAt === runAt && line.attempts.length === attemptNumber(job);
}
