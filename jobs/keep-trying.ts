import { setTimeout as pause } from 'node:timers/promises';
import { mayPass, messageOf } from '../spool/errors.ts';
import type { Spool } from '../spool/spool.ts';

/**
 * Records something in the spool and, when its disk cannot take it (full, read-only, gone for a while), keeps it and tries again until
 * it can: what a job did must not be forgotten, and the job not done again, for want of room. `record` must bear to be called again
 * after it failed half-way. `onWait` hears once why there is a wait. Any other error is thrown.
 *
 * `isOurs`: asks whether what it is about is there. Where that is gone, though the disk is there, nothing is recorded, and the answer is undefined.
 */
export async function keepTrying<T>(
  spool: Spool,
  record: (isAgain: boolean) => T,
  onWait: (why: string) => void,
  isOurs?: () => boolean,
): Promise<T> {
  for (let isAgain = false; ; isAgain = true) {
    const tried = attempt(spool, () => record(isAgain), isOurs);
    if ('value' in tried) return tried.value;
    if (!isAgain) onWait(tried.why);
    await pause(AGAIN_MS);
  }
}

const AGAIN_MS = 500;

function attempt<T>({ disk, running }: Spool, record: () => T, isOurs?: () => boolean): { value: T } | { why: string } {
  const isThere = () => disk.exists(running);
  try {
    if (!(isOurs ?? isThere)()) {
      // A volume that is not mounted looks like one from which somebody has taken the job.
      if (!isThere()) return { why: `${running} is gone` };
      if (isOurs && !isOurs()) return { value: undefined as T };
    }
    return { value: record() };
  } catch (error) {
    if (!mayPass(error)) throw error;
    return { why: messageOf(error) };
  }
}
