import type { Spool } from '../spool.ts';

/** Tells by a folder's time whether names have come or gone in it. */
export class FolderTime {
  readonly #spool: Spool;
  readonly #folder: string;
  /** NaN when it may have changed unseen since. */
  #mtimeMs = Number.NaN;
  #readAt = 0;

  constructor(spool: Spool, folder: string) {
    this.#spool = spool;
    this.#folder = folder;
  }

  /** Whether it is to be read: it has changed since this was asked last, or that is long ago. */
  hasChanged(): boolean {
    const mtimeMs = this.#spool.disk.facts(this.#folder)?.mtimeMs ?? 0;
    const clock = performance.now();
    if (mtimeMs === this.#mtimeMs && clock < this.#readAt) return false;
    // A change within the clock's grain of the reading may be missed: then it is read once more.
    this.#mtimeMs = Date.now() - mtimeMs > GRAIN_MS ? mtimeMs : Number.NaN;
    this.#readAt = clock + READ_ANYWAY_MS;
    return true;
  }

  /** The reading failed: it is to be read again. */
  forget(): void {
    this.#mtimeMs = Number.NaN;
  }
}

const GRAIN_MS = 100;
const READ_ANYWAY_MS = 30_000;
