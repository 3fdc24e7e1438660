import { setTimeout as pause } from 'node:timers/promises';
import { mayPass, messageOf } from '../spool/errors.ts';
import type { Spool } from '../spool/spool.ts';

/**
 * Records something in the spool and, when its disk cannot take it (full, read-only, gone for a while), keeps it and tries again until
 * it can: what a job did must not be forgotten, and the job not done again, for want of room. `record` must bear to be called again
 * after it failed half-way. `onWait` hears once why there is a wait. Any other error is thrown.
 */
export async function keepTrying<T>(spool: Spool, record: (isAgain: boolean) => T, onWait: (why: string) => void): Promise<T> {
  for (let isAgain = false; ; isAgain = true) {
    const tried = attempt(spool, () => record(isAgain));
    if ('value' in tried) return tried.value;
    if (!isAgain) onWait(tried.why);
    await pause(AGAIN_MS);
  }
}

const AGAIN_MS = 500;

function attempt<T>(spool: Spool, record: () => T): { value: T } | { why: string } {
  // A volume that is not mounted looks like one from which somebody has taken the job.
  if (!spool.disk.exists(spool.running)) return { why: `${spool.running} is gone` };
  try {
    return { value: record() };
  } catch (error) {
    if (!mayPass(error)) throw error;
    return { why: messageOf(error) };
  }
}
