import { clearAway } from '../spool/reject.ts';
import type { Spool } from '../spool/spool.ts';

const EVERY_MS = 250;
const NEVER = Number.NEGATIVE_INFINITY;

/** Writes a job's progress to its slot's file, at most four times a second and the last value always within that time. */
export function progressWriter(spool: Spool, slot: string) {
  const file = spool.progress(slot);
  let writtenAt = NEVER;
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
    /** The attempt is over. `byOthers`: a command may have written the file itself. */
    clear(byOthers: boolean): void {
      clearTimeout(later);
      if (!byOthers && writtenAt === NEVER) return;
      try {
        clearAway(spool, file, 'a command made it in the place of its progress');
      } catch {
        // A disk that cannot be written on: the next job's progress replaces it.
      }
    },
  };
}
