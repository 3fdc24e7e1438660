import type { Policy } from './policy.ts';

/** The largest share of a wait that jitter adds, so that jobs which failed together do not come back together. */
export const JITTER = 0.1;

/**
 * Milliseconds to wait before retry number `retry` (1 is the first). Fixed waits the delay each time, exponential twice
 * as long each time. Jitter only adds, so that a retry never comes before the delay that was asked for; the cap
 * (`maxDelayMs`) holds for the whole. `random` gives 0 to 1.
 */
export function backoffMs(policy: Policy, retry: number, random: () => number): number {
  const delay = policy.backoff === 'fixed' ? policy.retryDelayMs : policy.retryDelayMs * 2 ** (retry - 1);
  return Math.round(Math.min(delay * (1 + JITTER * random()), policy.maxDelayMs));
}
