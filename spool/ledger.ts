/**
 * The record of completed jobs: `completed/<day>/<slot>.ndjson`, one line per job. A line is written, as one append, before
 * the job's file is unlinked; so a runner that dies in between leaves a file whose line says that it is done, and the
 * rescue only unlinks it. Syncs and unlinks are grouped: with `durability: full` one sync covers all lines since the last.
 */
import type { Attempt } from './attempt.ts';
import { type AttemptSpan, attemptOf, type Job } from './job.ts';
import { dayOf } from './layout.ts';
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
    syncNames(this.#spool, this.#spool.ledgerDay(day));
    if (isNewDay) syncNames(this.#spool, this.#spool.completed);
    this.#file = { day, fd };
    return fd;
  }
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

/** The lines of a ledger's text. What does not parse is a line that a power cut tore: its job was not acknowledged. */
export function parseLedger(text: string): LedgerLine[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

/** One line, or undefined when it is empty or torn. */
export function parseLine(line: string): LedgerLine | undefined {
  if (line === '') return undefined;
  try {
    return JSON.parse(line) as LedgerLine;
  } catch {
    return undefined;
  }
}

/**
 * Which of the files left in a dead slot belong to jobs that a ledger records as completed. Every slot's ledger is asked: the file may
 * have been taken over before. A line counts only when its attempt began after the file was claimed: an id may be used again
 * once its job is done.
 */
export function recordedIn(spool: Spool, leftovers: Leftover[]): Set<string> {
  const isRecorded = (left: Leftover) =>
    ledgerDays(spool)
      .filter((day) => day >= dayOf(left.claimedAt))
      .some((day) => ledgerSlots(spool, day).some((slot) => hasLine(spool, day, slot, left)));
  return new Set(leftovers.filter(isRecorded).map(({ name }) => name));
}

function hasLine(spool: Spool, day: string, slot: string, { id, claimedAt }: Leftover): boolean {
  const text = spool.disk.read(spool.ledger(day, slot)) ?? '';
  const start = lineStart(id);
  return text
    .split('\n')
    .some((line) => line.startsWith(start) && Date.parse(parseLine(line)?.startedAt ?? '') >= claimedAt - TIMESTAMP_GRAIN_MS);
}

/** How the lines of an id begin: they are found by it without parsing the others. */
export const lineStart = (id: string): string => `{"id":${JSON.stringify(id)},`;

/** A file in a dead slot's folder; `claimedAt` is its change time in milliseconds: the claim's rename set it. */
export type Leftover = { name: string; id: string; claimedAt: number };

// File times come from the kernel's tick, up to 10 ms behind the clock that startedAt is read from, never ahead of it.
const TIMESTAMP_GRAIN_MS = 1;
