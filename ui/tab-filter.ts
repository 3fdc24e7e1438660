import { type Filter, parseFilter } from '../spool/filter.ts';
import type { State } from '../spool/state.ts';

/** A tab of the list of jobs: a state, or all of them. */
export type Tab = State | 'all';

/** What a search finds within a tab, or the sentence why it cannot be read. `now` in milliseconds since the epoch. */
export function filterOf({ tab, q }: { tab: Tab; q: string }, now: number): { ok: true; filter: Filter } | { ok: false; reason: string } {
  const parsed = parseFilter(q, now);
  if (!parsed.ok || tab === 'all') return parsed;
  const { states } = parsed.filter;
  if (states.length > 0 && !states.includes(tab)) return { ok: false, reason: otherState(tab, states) };
  return { ok: true, filter: { ...parsed.filter, states: [tab] } };
}

const otherState = (tab: State, states: State[]): string =>
  `state: expected ${tab}, which this tab shows, got ${states.join(',')}; leave the term out, or search in the tab "all"`;
