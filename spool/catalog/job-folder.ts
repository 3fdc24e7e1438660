import { Breath } from '../breath.ts';
import { type Folder, isJobIn, type JobStatus, type Place, statusAt } from '../query.ts';
import type { Spool } from '../spool.ts';
import { type Fact, factOf, isOf } from './fact.ts';
import { FolderTime } from './folder-time.ts';
import { type Lines, linesOf } from './lines.ts';

/** A job's file in a folder, or that of a batch's lines. */
export type Entry = {
  readonly folder: Folder;
  readonly name: string;
  /** Undefined for the file of a single job. */
  readonly lines: Lines | undefined;
  /** Undefined until the file was read. */
  fact: Fact | undefined;
  /** Whether its fact has given it a place in a list. */
  isListed: boolean;
  isGone: boolean;
  /** The number of the look that saw it last. */
  seen: number;
};

/** What a look found that was not so at the look before. */
export type Change = { added: Entry[]; isAnyGone: boolean };

/** The names in one folder of the spool, read again only when the folder has changed. */
export class JobFolder {
  readonly folder: Folder;
  readonly #spool: Spool;
  readonly #entries = new Map<string, Entry>();
  readonly #time: FolderTime;
  #looks = 0;
  #sweep = { isDue: false, notBefore: 0 };

  constructor(spool: Spool, folder: Folder) {
    this.#spool = spool;
    this.folder = folder;
    this.#time = new FolderTime(spool, spool[folder]);
  }

  get size(): number {
    return this.#entries.size;
  }

  entries(): Iterable<Entry> {
    return this.#entries.values();
  }

  fileOf({ name }: Pick<Entry, 'name'>): string {
    return `${this.#spool[this.folder]}/${name}`;
  }

  /** Reads the names if the folder has changed; undefined when nothing is new. */
  async look(): Promise<Change | undefined> {
    if (!this.#time.hasChanged()) return undefined;
    const change = await this.#compare().catch((error: unknown) => {
      this.#time.forget();
      throw error;
    });
    this.#sweep.isDue = true;
    return change.added.length > 0 || change.isAnyGone ? change : undefined;
  }

  /** Reads an entry's job and remembers its facts; undefined when the file has gone. `now` in milliseconds since the epoch. */
  read(entry: Entry, place: Place, now: number): JobStatus | undefined {
    const facts = this.#spool.disk.facts(place.file);
    const job = facts && statusAt(this.#spool, place, now, facts);
    if (job && !isOf(entry.fact, facts)) entry.fact = factOf(job, facts);
    return job;
  }

  /**
   * Gives those entries whose files are no longer what was read: a job may have been retried and have failed again under the same name. At most
   * a small share of the time goes into it.
   */
  async changed(): Promise<Entry[]> {
    const began = performance.now();
    if (!this.#sweep.isDue || began < this.#sweep.notBefore) return [];
    this.#sweep.isDue = false;
    const breath = new Breath();
    const changed: Entry[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.fact && !isOf(entry.fact, this.#spool.disk.facts(this.fileOf(entry)))) changed.push(entry);
      if (breath.isDue) await breath.take();
    }
    const now = performance.now();
    this.#sweep.notBefore = now + Math.max(MIN_SWEEP_MS, (now - began) * SWEEP_PAUSE);
    return changed;
  }

  async #compare(): Promise<Change> {
    const added: Entry[] = [];
    this.#looks += 1;
    let known = 0;
    for await (const names of this.#spool.disk.namesOf(this.#spool[this.folder])) {
      for (const name of names) {
        const entry = this.#entries.get(name);
        if (entry) {
          entry.seen = this.#looks;
          known += 1;
        } else if (isJobIn(this.folder, name)) added.push(this.#entryOf(name));
      }
    }
    const isAnyGone = known < this.#entries.size;
    if (isAnyGone) this.#forgetUnseen();
    for (const entry of added) this.#entries.set(entry.name, entry);
    return { added, isAnyGone };
  }

  #entryOf(name: string): Entry {
    const lines = this.folder === 'pending' ? linesOf(name, this.fileOf({ name })) : undefined;
    return { folder: this.folder, name, lines, fact: undefined, isListed: false, isGone: false, seen: this.#looks };
  }

  #forgetUnseen(): void {
    for (const entry of this.#entries.values()) {
      if (entry.seen === this.#looks) continue;
      entry.isGone = true;
      this.#entries.delete(entry.name);
    }
  }
}

const MIN_SWEEP_MS = 1_000;
/** Between two sweeps passes so many times what one takes. */
const SWEEP_PAUSE = 20;
