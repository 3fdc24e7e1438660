import { setTimeout as pause } from 'node:timers/promises';
import { mayPass, messageOf } from '../spool/errors.ts';
import type { Spool } from '../spool/spool.ts';

/**
 * Records something in the spool and, when its disk cannot take it (full, read-only, gone for a while), keeps it and tries again until
 * it can: what a job did must not be forgotten, and the job not done again, for want of room. `record` must bear to be called again
 * after it failed half-way. `onWait` hears once why there is a wait. Any other error is thrown.
 *
 * `file`: what it is about. Where that is gone, though the disk is there, nothing is recorded, and the answer is undefined.
 */
export async function keepTrying<T>(
  spool: Spool,
  file: string,
  record: (isAgain: boolean) => T,
  onWait: (why: string) => void,
): Promise<T | undefined> {
  for (let isAgain = false; ; isAgain = true) {
    const tried = attempt(spool, file, () => record(isAgain));
    if ('value' in tried) return tried.value;
    if (!isAgain) onWait(tried.why);
    await pause(AGAIN_MS);
  }
}

const AGAIN_MS = 500;

function attempt<T>({ disk, running }: Spool, file: string, record: () => T): { value: T | undefined } | { why: string } {
  if (!disk.exists(file)) {
    // A volume that is not mounted looks like one from which somebody has taken the job.
    return file !== running && disk.exists(running) ? { value: undefined } : { why: `${running} is gone` };
  }
  try {
    return { value: record() };
  } catch (error) {
    if (!mayPass(error)) throw error;
    return { why: messageOf(error) };
  }
}
