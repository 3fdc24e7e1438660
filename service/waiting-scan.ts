import { parseBatchName } from '../spool/batch-name.ts';
import { parseJobName } from '../spool/filename.ts';
import type { Spool } from '../spool/spool.ts';

/** Scanning may take this share of a processor: a folder that is much work to list is listed less often. */
const MAX_SHARE = 0.05;

/**
 * Reads the names of the waiting jobs, to learn of those that others put there: other dispatchers, their runners, a person. A folder
 * that has not changed since it was read is not read again, so a million scheduled jobs cost nothing while nothing happens.
 */
export class WaitingScan {
  readonly #spool: Spool;
  readonly #scanMs: number;
  readonly #read = new Map<string, { mtimeMs: number; notBefore: number }>();

  #hasRead = false;

  constructor(spool: Spool, scanMs: number) {
    this.#spool = spool;
    this.#scanMs = scanMs;
  }

  /** Whether all was read once: until then the best job of a million may not be known. */
  get hasRead(): boolean {
    return this.#hasRead;
  }

  /** Forgets what was read: the next reading is whole. */
  forget(): void {
    this.#read.clear();
  }

  /** Gives every waiting name to `onName`. With `regular` false (somebody rang) it reads sooner, yet never in a row. */
  async read(regular: boolean, onName: (name: string) => void): Promise<void> {
    try {
      for (const folder of [this.#spool.pending, this.#spool.retrying]) await this.#readFolder(folder, regular, onName);
    } finally {
      this.#hasRead = true;
    }
  }

  async #readFolder(folder: string, regular: boolean, onName: (name: string) => void): Promise<void> {
    const mtimeMs = this.#spool.disk.facts(folder)?.mtimeMs ?? 0;
    const last = this.#read.get(folder);
    const began = performance.now();
    const worked = process.cpuUsage();
    if (last && (last.mtimeMs === mtimeMs || began < last.notBefore)) return;
    for await (const names of this.#spool.disk.namesOf(folder)) names.filter(isWaitingName).forEach(onName);
    const { user, system } = process.cpuUsage(worked);
    // Of the time that passed, what was waited for (a busy machine, a far file system) is paused for once, what was worked many times.
    const pauseMs = Math.max(regular ? this.#scanMs / 2 : 50, performance.now() - began, (user + system) / 1_000 / MAX_SHARE);
    // A change within the clock's grain of the reading may have been missed: then it is read once more.
    const isSettled = Date.now() - mtimeMs > 100;
    this.#read.set(folder, { mtimeMs: isSettled ? mtimeMs : -1, notBefore: performance.now() + pauseMs });
  }
}

const isWaitingName = (name: string): boolean => parseJobName(name) !== undefined || parseBatchName(name) !== undefined;
