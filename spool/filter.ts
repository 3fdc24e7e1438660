/** The filter of job lists: `state:failed,retrying class:X method:y id:prefix* error:text params:text retried:yes submittedBy:33 since:24h until:1h "free text"`. */
import { durationMs } from './duration.ts';
import type { JobStatus } from './query.ts';
import { isFinal, STATES, type State } from './state.ts';

/** A filter, parsed. A list that is empty lets everything pass. `since` and `until` in milliseconds since the epoch. */
export type Filter = {
  states: State[];
  /** Patterns in which `*` stands for any characters; one of them must match. */
  ids: string[];
  classes: string[];
  methods: string[];
  /** Each of them must be in the error or the reason; `*` stands for any characters here too. */
  errors: string[];
  /** Each of them must be in the parameters, as JSON. */
  params: string[];
  /** Each of them must be somewhere in the job. */
  texts: string[];
  /** Uids; one of them must have submitted it. */
  submitters: number[];
  /** Whether it ran more than once, or waits to. */
  retried?: boolean;
  /** What happened last to the job happened then or later. */
  since?: number;
  /** And before then. */
  until?: number;
};

export type ParsedFilter = { ok: true; filter: Filter } | { ok: false; reason: string };

/** The qualifiers and what stands behind each, for help texts. */
export const QUALIFIERS = 'state: class: method: id: error: params: retried: submittedBy: since: until:';

/** The filter that lets everything pass. */
export const everything = (): Filter => ({
  states: [],
  ids: [],
  classes: [],
  methods: [],
  errors: [],
  params: [],
  texts: [],
  submitters: [],
});

/**
 * Reads a filter. Terms are separated by spaces and all must hold; the values of a term, by commas, and one must. What has no
 * qualifier is free text. Quotes keep spaces together, and in them stands a backslash before a quote or a backslash. `now` in milliseconds
 * since the epoch, for `since:24h`.
 */
export function parseFilter(text: string, now: number): ParsedFilter {
  if (text.length > MAX_LENGTH) return { ok: false, reason: `expected a filter of at most ${MAX_LENGTH} characters, got ${text.length}` };
  const filter = everything();
  const terms = termsOf(text);
  for (const [index, term] of terms.entries()) {
    const reason = addTerm(filter, term, now);
    // Who wrote one term sees which it is.
    if (reason !== undefined) return { ok: false, reason: terms.length === 1 ? reason : `term ${index + 1}, ${reason}` };
  }
  const values = valuesIn(filter);
  if (values > MAX_VALUES) return { ok: false, reason: `expected a filter of at most ${MAX_VALUES} values, got ${values}` };
  return { ok: true, filter };
}

/** Whether a filter asks for more than a job's state and id, so that its file must be read. */
export function needsContent({ classes, methods, errors, params, texts, submitters, retried, since, until }: Filter): boolean {
  const lists = [classes, methods, errors, params, texts, submitters];
  return lists.some((list) => list.length > 0) || [retried, since, until].some((value) => value !== undefined);
}

export const matchesState = ({ states }: Filter, state: State): boolean => states.length === 0 || states.includes(state);

export const matchesId = ({ ids }: Filter, id: string): boolean => matchesOne(ids, id);

/** What a list may know of a job without opening its file. Times in milliseconds since the epoch. */
export type JobFacts = { state: State; class: string; method: string; attempts: number; changedAt: number };

/** Whether what is known of a job lets it pass; its error, parameters and text are not looked at. */
export function matchesFacts(filter: Filter, facts: JobFacts): boolean {
  return (
    matchesState(filter, facts.state) &&
    matchesHandler(filter, facts) &&
    matchesRetried(filter, facts) &&
    matchesTime(filter, facts.changedAt)
  );
}

export const matchesHandler = ({ classes, methods }: Filter, handler: { class: string; method: string }): boolean =>
  matchesOne(classes, handler.class) && matchesOne(methods, handler.method);

/** A job that waits after its first attempt counts as retried; one that is over, after its second. */
export const matchesRetried = ({ retried }: Filter, { attempts, state }: { attempts: number; state: State }): boolean =>
  retried === undefined || retried === (attempts > 1 || (attempts === 1 && !isFinal(state)));

/** `changedAt` in milliseconds since the epoch. */
export const matchesTime = ({ since, until }: Filter, changedAt: number): boolean =>
  (since === undefined || changedAt >= since) && (until === undefined || changedAt < until);

/** Whether the text of a failure (`failureOf`) has all that the filter asks for in it. */
export function matchesFailure({ errors }: Filter, failure: string): boolean {
  if (errors.length === 0) return true;
  const text = failure.toLowerCase();
  return errors.every((part) => hasPart(text, part.toLowerCase()));
}

/** Whether a job passes the whole filter. */
export function matches(filter: Filter, job: JobStatus): boolean {
  if (!matchesId(filter, job.id) || !matchesFacts(filter, factsOf(job))) return false;
  if (!matchesSubmitter(filter, job)) return false;
  const failure = failureOf(job);
  if (!matchesFailure(filter, failure)) return false;
  if (filter.params.length === 0 && filter.texts.length === 0) return true;
  const params = JSON.stringify(job.params) ?? '';
  return includesAll(params, filter.params) && (filter.texts.length === 0 || includesAll(allOf(job, params, failure), filter.texts));
}

const matchesSubmitter = ({ submitters }: Filter, { submittedBy }: JobStatus): boolean =>
  submitters.length === 0 || (submittedBy !== undefined && submitters.includes(submittedBy));

export function factsOf({ state, class: className = '', method = '', attempts, ...times }: JobStatus): JobFacts {
  const { finishedAt, startedAt, acceptedAt, runAt } = times;
  return {
    state,
    class: className,
    method,
    attempts: attempts.length,
    changedAt: Date.parse(finishedAt ?? startedAt ?? acceptedAt ?? runAt),
  };
}

/** What `error:` looks at: `name: message` of the last error, and the reason of a rejection on a line of its own. */
export function failureOf({ error, reason }: Pick<JobStatus, 'error' | 'reason'>): string {
  return `${error ? `${error.name}: ${error.message}` : ''}\n${reason ?? ''}`;
}

/** A term that finds a value, quoted where it must be; without a qualifier, free text. A `*` in the value stands for any characters all the same. */
export function term(key: Qualifier | undefined, value: string): string {
  const isPlain = value !== '' && !/[\s",\\]/.test(value) && (key !== undefined || !value.includes(':'));
  const text = isPlain ? value : `"${value.replace(/["\\]/g, '\\$&')}"`;
  return key === undefined ? text : `${key}:${text}`;
}

export type Qualifier = keyof typeof ADD;

/** Longer texts are refused: nobody types them, and reading them takes time. */
const MAX_LENGTH = 4_000;
/** Each may be looked for in each of a hundred thousand jobs. */
const MAX_VALUES = 100;

const valuesIn = ({ states, ids, classes, methods, errors, params, texts, submitters }: Filter): number =>
  [states, ids, classes, methods, errors, params, texts, submitters].reduce((sum, { length }) => sum + length, 0);

/** A part of a term; in what was quoted, commas separate nothing. */
type Piece = { text: string; quoted: boolean };

/** `key` is undefined for free text. */
type Term = { key: string | undefined; pieces: Piece[] };

// A term is a run of characters without spaces, in which quoted parts may hold spaces.
function termsOf(text: string): Term[] {
  const terms: Term[] = [];
  for (let at = 0; at < text.length; ) {
    const { pieces, end } = piecesFrom(text, at);
    if (pieces.length > 0) terms.push(termOf(pieces));
    at = end + 1;
  }
  return terms;
}

function piecesFrom(text: string, start: number): { pieces: Piece[]; end: number } {
  const pieces: Piece[] = [];
  let at = start;
  while (at < text.length && !isSpace(text[at] as string)) {
    const piece = text[at] === '"' ? quotedFrom(text, at) : undefined;
    if (piece) {
      pieces.push({ text: piece.text, quoted: true });
      at = piece.end;
    } else {
      addPlain(pieces, text[at] as string);
      at += 1;
    }
  }
  return { pieces, end: at };
}

// In quotes a backslash takes the meaning from a quote or a backslash after it. A quote that is never closed is a character like any other.
function quotedFrom(text: string, start: number): { text: string; end: number } | undefined {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\' && (text[at + 1] === '"' || text[at + 1] === '\\')) at += 1;
    else if (text[at] === '"') return { text: text.slice(start + 1, at).replace(/\\(["\\])/g, '$1'), end: at + 1 };
  }
  const end = text.indexOf('"', start + 1);
  return end === -1 ? undefined : { text: text.slice(start + 1, end), end: end + 1 };
}

function addPlain(pieces: Piece[], character: string): void {
  const last = pieces.at(-1);
  if (last && !last.quoted) last.text += character;
  else pieces.push({ text: character, quoted: false });
}

const isSpace = (character: string): boolean => /\s/.test(character);

function termOf(pieces: Piece[]): Term {
  const [first, ...rest] = pieces as [Piece, ...Piece[]];
  const match = first.quoted ? null : /^([A-Za-z]+):(.*)$/s.exec(first.text);
  if (!match) return { key: undefined, pieces };
  return { key: (match[1] as string).toLowerCase(), pieces: [{ text: match[2] as string, quoted: false }, ...rest] };
}

const textOf = (pieces: readonly Piece[]): string => pieces.map(({ text }) => text).join('');

/** The values between the commas; empty ones are left out. */
function valuesOf(pieces: readonly Piece[]): string[] {
  const values = [''];
  const extend = (text: string) => values.push((values.pop() as string) + text);
  for (const { text, quoted } of pieces) {
    const [first = '', ...rest] = quoted ? [text] : text.split(',');
    extend(first);
    values.push(...rest);
  }
  return values.filter((value) => value !== '');
}

/** Adds a term to the filter; returns why it cannot. */
function addTerm(filter: Filter, { key, pieces }: Term, now: number): string | undefined {
  const value = textOf(pieces);
  if (key === undefined) {
    if (value !== '') filter.texts.push(value);
    return undefined;
  }
  if (!isQualifier(key))
    return `unknown qualifier "${key}:": expected one of ${QUALIFIERS}; text with a colon goes in quotes: '"${key}:${value}"'`;
  if (value === '') return `${key}: expected a value after the colon, got nothing`;
  return ADD[key](filter, pieces, now);
}

const isQualifier = (key: string): key is Qualifier => Object.hasOwn(ADD, key);

const ADD = {
  state: addStates,
  id: (filter: Filter, pieces: readonly Piece[]) => addTo(filter.ids, valuesOf(pieces), 'id'),
  class: (filter: Filter, pieces: readonly Piece[]) => addTo(filter.classes, valuesOf(pieces), 'class'),
  method: (filter: Filter, pieces: readonly Piece[]) => addTo(filter.methods, valuesOf(pieces), 'method'),
  error: (filter: Filter, pieces: readonly Piece[]) => addTo(filter.errors, [textOf(pieces)], 'error'),
  params: (filter: Filter, pieces: readonly Piece[]) => addTo(filter.params, [textOf(pieces)], 'params'),
  retried: addRetried,
  submittedby: addSubmitters,
  since: (filter: Filter, pieces: readonly Piece[], now: number) => addTime(filter, 'since', textOf(pieces), now),
  until: (filter: Filter, pieces: readonly Piece[], now: number) => addTime(filter, 'until', textOf(pieces), now),
} satisfies Record<string, (filter: Filter, pieces: readonly Piece[], now: number) => string | undefined>;

function addTo(list: string[], values: readonly string[], key: string): string | undefined {
  list.push(...values);
  return values.length === 0 ? `${key}: expected a value after the colon, got only commas` : undefined;
}

function addStates(filter: Filter, pieces: readonly Piece[]): string | undefined {
  for (const word of textOf(pieces).split(',')) {
    const state = STATES.find((known) => known === word.toLowerCase());
    if (!state) return `state: expected ${STATES.join(', ')}, got "${word}"`;
    filter.states.push(state);
  }
  return undefined;
}

function addSubmitters(filter: Filter, pieces: readonly Piece[]): string | undefined {
  const uids = textOf(pieces).split(',');
  const wrong = uids.find((uid) => !/^\d{1,10}$/.test(uid));
  if (wrong !== undefined) return `submittedBy: expected uids such as 33 or 33,1000, got "${wrong}"`;
  filter.submitters.push(...uids.map(Number));
  return undefined;
}

function addRetried(filter: Filter, pieces: readonly Piece[]): string | undefined {
  const value = textOf(pieces);
  if (!['yes', 'no'].includes(value.toLowerCase())) return `retried: expected yes or no, got "${value}"`;
  filter.retried = value.toLowerCase() === 'yes';
  return undefined;
}

function addTime(filter: Filter, key: 'since' | 'until', value: string, now: number): string | undefined {
  const ms = durationMs(value);
  // Only what begins as ISO 8601 does: `new Date` takes far too much for a time.
  const time = ms !== undefined ? now - ms : /^\d{4}-\d{2}/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(time))
    return `${key}: expected a duration such as 30m, 24h or 7d, or a time such as 2026-11-22T10:15:00Z, got "${value}"`;
  filter[key] = time;
  return undefined;
}

const matchesOne = (patterns: readonly string[], text: string): boolean =>
  patterns.length === 0 || patterns.some((pattern) => patternOf(pattern)(text));

/** Whether a text matches one of the patterns, for who asks it of many texts. */
export function matcherOf(patterns: readonly string[]): (text: string) => boolean {
  const compiled = patterns.map(patternOf);
  return (text) => compiled.length === 0 || compiled.some((isMatch) => isMatch(text));
}

function patternOf(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (text) => text === pattern;
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    const at = endOfParts(text, rest, first.length);
    return at !== -1 && text.length - last.length >= at;
  };
}

/** Where the last of the parts ends, each looked for behind the one before; -1 when one is missing. */
function endOfParts(text: string, parts: readonly string[], start: number): number {
  let at = start;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found === -1) return -1;
    at = found + part.length;
  }
  return at;
}

function allOf({ id, class: className, method, state, result }: JobStatus, params: string, failure: string): string {
  return [id, `${className}.${method}`, state, params, JSON.stringify(result) ?? '', failure].join('\n');
}

// The text may be of a megabyte: it is made lower case once.
function includesAll(text: string, parts: readonly string[]): boolean {
  if (parts.length === 0) return true;
  const lower = text.toLowerCase();
  return parts.every((part) => lower.includes(part.toLowerCase()));
}

// Anywhere in the text: a `*` stands for any characters between its neighbours.
const hasPart = (text: string, part: string): boolean => endOfParts(text, part.split('*'), 0) !== -1;
