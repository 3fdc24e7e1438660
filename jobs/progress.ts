import { clearAway } from '../spool/reject.ts';
import type { Spool } from '../spool/spool.ts';

const EVERY_MS = 250;
const NEVER = Number.NEGATIVE_INFINITY;

/** How far a job is, 0 to 100, while it runs. */
export type ProgressWriter = {
  report(percent: number): void;
  /** The attempt is over. `byOthers`: a command may have written the file itself. */
  clear(byOthers: boolean): void;
};

const percentOf = (percent: number): number => Math.round(Math.min(100, Math.max(0, percent)) * 10) / 10;

/** Writes a job's progress to its slot's file, at most four times a second and the last value always within that time. */
export function progressWriter(spool: Spool, slot: string): ProgressWriter {
  let latest = 0;
  // Most jobs never say how far they are.
  let file: ReturnType<typeof throttledFile> | undefined;
  const open = () => {
    file ??= throttledFile(spool, spool.progress(slot), () => `${latest}\n`);
    return file;
  };
  return {
    report(percent) {
      if (!Number.isFinite(percent)) return;
      latest = percentOf(percent);
      open().change();
    },
    clear(byOthers) {
      if (byOthers || file?.isWritten) open().remove();
      else file?.forget();
    },
  };
}

/** The progress of jobs that share a runner: one file for all of them, a line `<percent> <id>` for each that has said how far it is. */
export class SharedProgress {
  readonly #file: ReturnType<typeof throttledFile>;
  readonly #percents = new Map<string, number>();

  constructor(spool: Spool, slot: string) {
    this.#file = throttledFile(spool, spool.progress(slot), () => this.#text());
  }

  /** The writer of one of the jobs. */
  of(id: string): ProgressWriter {
    return {
      report: (percent) => {
        if (!Number.isFinite(percent)) return;
        this.#percents.set(id, percentOf(percent));
        this.#file.change();
      },
      clear: () => {
        if (!this.#percents.delete(id)) return;
        if (this.#percents.size === 0) this.#file.remove();
        else this.#file.change();
      },
    };
  }

  #text(): string {
    return [...this.#percents].map(([id, percent]) => `${percent} ${id}\n`).join('');
  }
}

// Written at most so often, and the last text always within that time.
function throttledFile(spool: Spool, file: string, text: () => string) {
  let writtenAt = NEVER;
  let later: NodeJS.Timeout | undefined;

  const write = () => {
    later = undefined;
    writtenAt = performance.now();
    try {
      spool.disk.overwrite(file, text());
    } catch {
      // A full disk: the job goes on without showing how far it is.
    }
  };
  const forget = () => {
    clearTimeout(later);
    later = undefined;
  };

  return {
    get isWritten() {
      return writtenAt !== NEVER;
    },
    change(): void {
      if (later) return;
      const wait = writtenAt + EVERY_MS - performance.now();
      if (wait <= 0) write();
      else later = setTimeout(write, wait);
    },
    forget,
    remove(): void {
      forget();
      try {
        clearAway(spool, file, 'a command made it in the place of its progress');
      } catch {
        // A disk that cannot be written on: the next job's progress replaces it.
      }
    },
  };
}
