import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 20;

/**
 * Looks every 20 ms until `check` gives something truthy, and returns it. Throws an error that names `what` was waited for when
 * `timeoutMs` (default 30,000) are over. An error that `check` throws ends the waiting at once.
 */
export async function waitFor<T>(check: () => T | Promise<T>, what: string, { timeoutMs = 30_000 } = {}): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (performance.now() >= deadline)
      throw new Error(`Timed out waiting for ${what}: ${timeoutMs} ms are over, and the last look gave ${String(value)}`);
    await pause(EVERY_MS);
  }
}
