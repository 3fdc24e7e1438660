/** The filter of job lists: `state:failed,retrying class:X method:y id:prefix* error:text retried:yes since:24h "free text"`. */
import { durationMs } from '../spool/duration.ts';
import type { JobStatus } from '../spool/query.ts';
import { isFinal, STATES, type State } from '../spool/state.ts';

/** A filter, parsed. A list that is empty lets everything pass. `since` in milliseconds since the epoch. */
export type Filter = {
  states: State[];
  /** Patterns in which `*` stands for any characters; one of them must match. */
  ids: string[];
  classes: string[];
  methods: string[];
  /** Each of them must be in the error or the reason. */
  errors: string[];
  /** Each of them must be somewhere in the job. */
  texts: string[];
  /** Whether it ran more than once, or waits to. */
  retried?: boolean;
  since?: number;
};

export type ParsedFilter = { ok: true; filter: Filter } | { ok: false; reason: string };

/** The qualifiers and what stands behind each, for help texts. */
export const QUALIFIERS = 'state: class: method: id: error: retried: since:';

/**
 * Reads a filter. Terms are separated by spaces and all must hold; the values of a term, by commas, and one must. What has no
 * qualifier is free text. Quotes keep spaces together. `now` in milliseconds since the epoch, for `since:24h`.
 */
export function parseFilter(text: string, now: number): ParsedFilter {
  const filter: Filter = { states: [], ids: [], classes: [], methods: [], errors: [], texts: [] };
  for (const term of termsOf(text)) {
    const reason = addTerm(filter, term, now);
    if (reason !== undefined) return { ok: false, reason };
  }
  return { ok: true, filter };
}

/** Whether a filter asks for more than a job's state and id, so that its file must be read. */
export function needsContent({ classes, methods, errors, texts, retried, since }: Filter): boolean {
  return [classes, methods, errors, texts].some((list) => list.length > 0) || retried !== undefined || since !== undefined;
}

export const matchesState = ({ states }: Filter, state: State): boolean => states.length === 0 || states.includes(state);

export const matchesId = ({ ids }: Filter, id: string): boolean => matchesOne(ids, id);

/** Whether a job passes the whole filter. */
export function matches(filter: Filter, job: JobStatus): boolean {
  if (!matchesState(filter, job.state) || !matchesId(filter, job.id)) return false;
  if (!matchesOne(filter.classes, job.class ?? '') || !matchesOne(filter.methods, job.method ?? '')) return false;
  if (filter.retried !== undefined && filter.retried !== isRetried(job)) return false;
  if (filter.since !== undefined && changedAt(job) < filter.since) return false;
  const failure = failureOf(job);
  return filter.errors.every((part) => includes(failure, part)) && filter.texts.every((part) => includes(allOf(job, failure), part));
}

/** `key` is undefined for free text. */
type Term = { key: string | undefined; value: string };

// A term is a run of characters without spaces, in which quoted parts may hold spaces. A quote that is never closed is
// a character like any other.
const TERM = /(?:"[^"]*"|\S)+/g;

function termsOf(text: string): Term[] {
  return [...text.matchAll(TERM)].map(([term]) => {
    const match = /^([A-Za-z]+):(.*)$/s.exec(term);
    if (match) return { key: (match[1] as string).toLowerCase(), value: unquoted(match[2] as string) };
    return { key: undefined, value: unquoted(term) };
  });
}

const unquoted = (text: string): string => text.replace(/"([^"]*)"/g, '$1');

/** Adds a term to the filter; returns why it cannot. */
function addTerm(filter: Filter, { key, value }: Term, now: number): string | undefined {
  if (key === undefined) {
    if (value !== '') filter.texts.push(value);
    return undefined;
  }
  const add = Object.hasOwn(ADD, key) ? ADD[key] : undefined;
  if (!add) return `unknown qualifier "${key}:": expected one of ${QUALIFIERS}; text with a colon goes in quotes: '"${key}:${value}"'`;
  if (value === '') return `${key}: expected a value after the colon, got nothing`;
  return add(filter, value, now);
}

const ADD: Record<string, (filter: Filter, value: string, now: number) => string | undefined> = {
  state: addStates,
  id: (filter, value) => addTo(filter.ids, value),
  class: (filter, value) => addTo(filter.classes, value),
  method: (filter, value) => addTo(filter.methods, value),
  error(filter, value) {
    filter.errors.push(value);
    return undefined;
  },
  retried: addRetried,
  since: addSince,
};

function addTo(list: string[], value: string): undefined {
  list.push(...value.split(',').filter((part) => part !== ''));
}

function addStates(filter: Filter, value: string): string | undefined {
  for (const word of value.split(',')) {
    const state = STATES.find((known) => known === word.toLowerCase());
    if (!state) return `state: expected ${STATES.join(', ')}, got "${word}"`;
    filter.states.push(state);
  }
  return undefined;
}

function addRetried(filter: Filter, value: string): string | undefined {
  if (!['yes', 'no'].includes(value.toLowerCase())) return `retried: expected yes or no, got "${value}"`;
  filter.retried = value.toLowerCase() === 'yes';
  return undefined;
}

function addSince(filter: Filter, value: string, now: number): string | undefined {
  const ms = durationMs(value);
  // Only what begins as ISO 8601 does: `new Date` takes far too much for a time.
  const since = ms !== undefined ? now - ms : /^\d{4}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(since))
    return `since: expected a duration such as 30m, 24h or 7d, or a time such as 2026-11-22T10:15:00Z, got "${value}"`;
  filter.since = since;
  return undefined;
}

function matchesOne(patterns: readonly string[], text: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matchesPattern(pattern, text));
}

function matchesPattern(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return text === pattern;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

function isRetried({ attempts, state }: JobStatus): boolean {
  return attempts.length > 1 || (attempts.length === 1 && !isFinal(state));
}

function changedAt({ finishedAt, startedAt, acceptedAt, runAt }: JobStatus): number {
  return Date.parse(finishedAt ?? startedAt ?? acceptedAt ?? runAt);
}

function failureOf({ error, reason }: JobStatus): string {
  return `${error ? `${error.name}: ${error.message}` : ''}\n${reason ?? ''}`;
}

function allOf(job: JobStatus, failure: string): string {
  return [
    job.id,
    `${job.class}.${job.method}`,
    job.state,
    JSON.stringify(job.params) ?? '',
    JSON.stringify(job.result) ?? '',
    failure,
  ].join('\n');
}

const includes = (text: string, part: string): boolean => text.toLowerCase().includes(part.toLowerCase());
