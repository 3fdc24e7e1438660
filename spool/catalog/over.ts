import { Breath } from '../breath.ts';
import type { Spool } from '../spool.ts';
import { type Entry, JobFolder } from './job-folder.ts';
import { Sorted } from './sorted.ts';

export type OverState = 'failed' | 'cancelled' | 'rejected';
export const OVER_STATES = ['failed', 'cancelled', 'rejected'] as const satisfies OverState[];

/** The files of jobs that are over. Each is read once, into a few facts. */
export class Over {
  readonly folders: Record<OverState, JobFolder>;
  readonly versions: Record<OverState, number> = { failed: 0, cancelled: 0, rejected: 0 };
  /** Those that have been read. */
  readonly #known = new Sorted<Entry>(compareOver);
  #unread: Entry[] = [];

  constructor(spool: Spool) {
    this.folders = {
      failed: new JobFolder(spool, 'failed'),
      cancelled: new JobFolder(spool, 'cancelled'),
      rejected: new JobFolder(spool, 'rejected'),
    };
  }

  /** Those whose files were read, those first that ended last. */
  get items(): readonly Entry[] {
    return this.#known.items;
  }

  /** How many files are not read yet. */
  get unread(): number {
    return this.#unread.length;
  }

  async look(): Promise<void> {
    for (const state of OVER_STATES) {
      const change = await this.folders[state].look();
      if (!change) continue;
      this.versions[state] += 1;
      if (change.isAnyGone) {
        this.#known.change([], ({ isGone }) => isGone);
        this.#unread = this.#unread.filter(({ isGone }) => !isGone);
      }
      this.#unread.push(...change.added);
    }
  }

  /** Reads what is not read yet. */
  async learn(): Promise<void> {
    const breath = new Breath();
    for (let learned = this.#learnPortion(breath); learned > 0 || this.#unread.length > 0; learned = this.#learnPortion(breath)) {
      if (breath.isDue) await breath.take();
    }
  }

  /** Reads again what was changed under its name. */
  async learnChanges(): Promise<void> {
    const changed: Entry[] = [];
    for (const state of OVER_STATES) changed.push(...(await this.folders[state].changed()));
    // What is being read just now is not listed yet; it is compared again next time.
    const listed = changed.filter(({ isListed, isGone }) => isListed && !isGone);
    if (listed.length === 0) return;
    for (const entry of listed) entry.isListed = false;
    this.#known.change([], ({ isListed }) => !isListed);
    this.#unread.push(...listed);
    await this.learn();
  }

  /** Reads some files and puts them in the list at once; returns how many there were. */
  #learnPortion(breath: Breath): number {
    const learned: Entry[] = [];
    let entry = this.#unread.at(-1);
    for (; entry; entry = this.#unread.at(-1)) {
      if (!entry.isGone && this.#read(entry)) learned.push(entry);
      this.#unread.pop();
      if (breath.isDue) break;
    }
    for (const one of learned) {
      one.isListed = true;
      this.versions[one.folder as OverState] += 1;
    }
    this.#known.change(learned);
    return learned.length;
  }

  #read(entry: Entry): boolean {
    const state = entry.folder as OverState;
    const folder = this.folders[state];
    return folder.read(entry, { state, name: entry.name, file: folder.fileOf(entry) }, Date.now()) !== undefined;
  }
}

/** Which of two comes first in a list: what ended last, then by folder and name. Both must have been read. */
export function compareOver(a: Entry, b: Entry): number {
  const byTime = (b.fact?.at ?? 0) - (a.fact?.at ?? 0);
  if (byTime !== 0) return byTime;
  return nameInSpool(a) < nameInSpool(b) ? -1 : 1;
}

/** `failed/<name>`. */
export const nameInSpool = ({ folder, name }: Pick<Entry, 'folder' | 'name'>): string => `${folder}/${name}`;
