import { term } from '../filter.ts';
import { idOf } from '../order.ts';
import type { Entry } from './job-folder.ts';

/** Failed jobs of one class, method and error. Times in milliseconds since the epoch. */
export type FailureGroup = {
  class: string;
  method: string;
  /** The error's name and the beginning of its message, with `*` in the place of numbers and ids. */
  error: string;
  count: number;
  newest: number;
  /** The id of the newest of them. */
  example: string;
  /** A filter text that finds them among the failed; it may find others of the same class whose error has this one in it. */
  filter: string;
};

/** Groups jobs that are over, given newest first: the failed ones that ended since `since`. Largest first. */
export function failureGroups(entries: readonly Entry[], since: number): FailureGroup[] {
  const groups = new Map<string, FailureGroup>();
  for (const { folder, name, fact } of entries) {
    if (!fact || fact.at < since) break;
    if (folder !== 'failed') continue;
    const key = `${fact.class}\n${fact.method}\n${fact.kind}`;
    const group = groups.get(key);
    if (group) group.count += 1;
    else
      groups.set(key, {
        class: fact.class,
        method: fact.method,
        error: fact.kind,
        count: 1,
        newest: fact.at,
        example: idOf(name),
        filter: filterOf(fact.class, fact.method, fact.kind, since),
      });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || b.newest - a.newest);
}

function filterOf(className: string, method: string, error: string, since: number): string {
  const terms = [
    ...(className === '' ? [] : [term('class', className)]),
    ...(method === '' ? [] : [term('method', method)]),
    ...(error === '' ? [] : [term('error', error)]),
    ...(since > 0 ? [`since:${new Date(since).toISOString()}`] : []),
  ];
  return terms.join(' ');
}
