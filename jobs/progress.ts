import type { Spool } from '../spool/spool.ts';

const EVERY_MS = 250;

/** Writes a job's progress to its slot's file, at most four times a second and the last value always within that time. */
export function progressWriter(spool: Spool, slot: string) {
  const file = spool.progress(slot);
  let writtenAt = Number.NEGATIVE_INFINITY;
  let later: NodeJS.Timeout | undefined;
  let latest = 0;

  const write = () => {
    later = undefined;
    writtenAt = performance.now();
    try {
      spool.disk.overwrite(file, `${latest}\n`);
    } catch {
      // A full disk: the job goes on without showing how far it is.
    }
  };

  return {
    report(percent: number): void {
      if (!Number.isFinite(percent)) return;
      latest = Math.round(Math.min(100, Math.max(0, percent)) * 10) / 10;
      if (later) return;
      const wait = writtenAt + EVERY_MS - performance.now();
      if (wait <= 0) write();
      else later = setTimeout(write, wait);
    },
    /** The attempt is over: a command may have written the file too. */
    clear(): void {
      clearTimeout(later);
      spool.disk.remove(file);
    },
  };
}
