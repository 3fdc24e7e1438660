import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import { isFinal } from '../../spool/state.ts';
import type { Html } from './html.ts';

/** How often a job was tried. `inAll`: since it was enqueued. `used` of `budget`: since it was last retried by hand; undefined where that is not known. */
export type Tries = { inAll: number; used: number | undefined; budget: number | undefined };

/** `retries`: the attempts after the first that its policy gives it; undefined when its handler is not known. */
export function triesOf({ state, attempts, spent }: JobStatus, retries: number | undefined): Tries {
  const now = state === 'running' ? 1 : 0;
  const inAll = attempts.length + now;
  const budget = retries === undefined ? undefined : retries + 1;
  if (!isFinal(state)) return { inAll, used: (spent ?? 0) + now, budget };
  // What is over keeps no account: more attempts than one budget has are those of several.
  return { inAll, used: budget !== undefined && inAll > budget ? undefined : inAll, budget };
}

/** `2/4`, and in its title what that means. */
export function triesText(tries: Tries): Html {
  const { inAll, used, budget } = tries;
  const text = used === undefined || budget === undefined ? String(inAll) : `${used}/${budget}`;
  return html`<span title="${triesSentence(tries)}">${text}</span>`;
}

/** `attempt 2 of at most 4; 6 in all`. */
export function triesSentence({ inAll, used, budget }: Tries): string {
  const all = inAll === 1 ? '1 attempt' : `${inAll} attempts`;
  if (used === undefined || budget === undefined) return `${all} in all`;
  return used === inAll ? `${all} of at most ${budget}` : `${used} of at most ${budget} since it was last retried by hand; ${all} in all`;
}
