import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.ts';

/** Waits until `check` says yes; throws after `timeoutMs`, naming what was waited for. */
export async function until(
  check: () => boolean | Promise<boolean>,
  what: string,
  { timeoutMs = 120_000, everyMs = 10 } = {},
): Promise<void> {
  const deadline = now() + timeoutMs;
  while (!(await check())) {
    if (now() > deadline) throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}`);
    await sleep(everyMs);
  }
}
