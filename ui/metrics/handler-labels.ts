import type { Dashboard } from '../dashboard.ts';

/** The labels of a handler. */
export type Handler = { class: string; method: string };

/**
 * The class and method of a log line as labels: only what is on the allow-list has its own, so that nobody can make a new time series by
 * dropping a file. All else is `other`.
 */
export function handlerLabels(allowlist: Dashboard['allowlist']): { known: Handler[]; of(fields: Record<string, unknown>): Handler } {
  const known = new Map(
    allowlist.map(({ class: name, methods }) => [name, new Map(methods.map(({ method }) => [method, { class: name, method }]))]),
  );
  return {
    known: [...known.values()].flatMap((methods) => [...methods.values()]),
    of: ({ class: name, method }) => known.get(name as string)?.get(method as string) ?? OTHER,
  };
}

const OTHER: Handler = { class: 'other', method: 'other' };
