/** What is known of a job says about a filter, before its file or line is read. */
import {
  type Filter,
  matcherOf,
  matchesFacts,
  matchesFailure,
  matchesHandler,
  matchesId,
  matchesRetried,
  matchesState,
  matchesTime,
  needsContent,
} from '../filter.ts';
import { idOf } from '../order.ts';
import { type Folder, idOfPlace } from '../query.ts';
import type { State } from '../state.ts';
import { hashOf } from './columns.ts';
import type { Fact } from './fact.ts';
import type { Handler, LedgerRows } from './ledger-rows.ts';

/** Whether a job passes; `read`: only reading it can say. */
export type Verdict = 'yes' | 'no' | 'read';

/** Judges a job's file by its name and, where it has been read before, by what is remembered of it. */
export type FileJudge = (state: State, file: { folder: Folder | 'running'; name: string; fact: Fact | undefined; id?: string }) => Verdict;

export function fileJudge(filter: Filter): FileJudge {
  const needs = needsContent(filter);
  const isOfId = matcherOf(filter.ids);
  const hasIds = filter.ids.length > 0;
  return (state, { folder, name, fact, id }) => {
    if (!matchesState(filter, state)) return 'no';
    if (hasIds && !isOfId(id ?? idOfFile(folder, name))) return 'no';
    if (!needs) return 'yes';
    return fact ? judgeFact(filter, state, fact) : 'read';
  };
}

/** Whether a line of this batch may have an id that passes: ten thousand are passed over at once. */
export function batchJudge({ ids }: Filter): (batch: string) => boolean {
  if (ids.length === 0) return () => true;
  const starts = ids.map((pattern) => pattern.split('*', 1)[0] as string);
  return (batch) =>
    starts.some((start, at) => (isPattern(ids[at] as string) ? isAlike(start, `${batch}.`) : start.startsWith(`${batch}.`)));
}

// One is the beginning of the other.
const isAlike = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one);

function judgeFact(filter: Filter, state: State, fact: Fact): Verdict {
  if (!matchesFacts(filter, { state, class: fact.class, method: fact.method, attempts: fact.attempts, changedAt: fact.at })) return 'no';
  const isFailure = matchesFailure(filter, fact.failure);
  if (!isFailure && !fact.isCut) return 'no';
  return !isFailure || isInText(filter) ? 'read' : 'yes';
}

// What only the job's file or line says.
const isInText = ({ params, texts, submitters }: Filter): boolean => params.length + texts.length + submitters.length > 0;

// Elsewhere than in these two folders names have one form only.
const idOfFile = (folder: Folder | 'running', name: string): string =>
  folder === 'incoming' || folder === 'rejected' ? idOfPlace({ name }) : idOf(name);

/** Judges rows of completed jobs by their numbers alone; for an id that is named in full, a line or two are read. */
export function rowJudge(filter: Filter, rows: LedgerRows): (row: number) => Verdict {
  // A completed job has no error.
  if (filter.errors.length > 0) return () => 'no';
  const { columns } = rows;
  const isOfHandler = handlerJudge(filter, rows.handlers);
  const isOfId = idJudge(filter, rows);
  const passes = isInText(filter) || filter.ids.some(isPattern) ? 'read' : 'yes';
  return (row) => {
    const isIt =
      isOfHandler(columns.handler[row] as number) &&
      matchesTime(filter, columns.finishedAt[row] as number) &&
      (filter.retried === undefined || matchesRetried(filter, { state: 'completed', attempts: columns.attempts[row] as number })) &&
      isOfId(row);
    return isIt ? passes : 'no';
  };
}

// Hundreds of thousands of rows share a few handlers.
function handlerJudge(filter: Filter, handlers: readonly Handler[]): (number: number) => boolean {
  if (filter.classes.length + filter.methods.length === 0) return () => true;
  const judged: boolean[] = [];
  return (number) => {
    judged[number] ??= matchesHandler(filter, handlers[number] as Handler);
    return judged[number];
  };
}

function idJudge(filter: Filter, rows: LedgerRows): (row: number) => boolean {
  if (filter.ids.length === 0 || filter.ids.some(isPattern)) return () => true;
  const hashes = new Set(filter.ids.map(hashOf));
  return (row) => hashes.has(rows.columns.hash[row] as number) && matchesId(filter, rows.statusAt(row)?.id ?? '');
}

const isPattern = (id: string): boolean => id.includes('*');

/** Whether a ledger line may be of a job that passes: its text has in it what is looked for. What is shown of a job is less than its line, never more. */
export function likelyLine(filter: Filter): (line: string, handler: string) => boolean {
  const needles = [...filter.texts, ...filter.params].filter((text) => !UNSURE.test(text)).map((text) => text.toLowerCase());
  const ids = filter.ids.map(longestPart);
  const submitters = filter.submitters.flatMap((uid) => [`"submittedBy":${uid},`, `"submittedBy":${uid}}`]);
  return (line, handler) => {
    if (submitters.length > 0 && !submitters.some((part) => line.includes(part))) return false;
    if (ids.length > 0 && !ids.some((part) => line.includes(part))) return false;
    const text = line.toLowerCase();
    return needles.every((needle) => text.includes(needle) || handler.toLowerCase().includes(needle) || 'completed'.includes(needle));
  };
}

/**
 * Whether a job's file may be of a job that passes: its text, as it stands, has in it what is looked for. Undefined when that cannot be told without
 * parsing it.
 */
export function likelyFile(filter: Filter): ((text: string, name: string, state: State) => boolean) | undefined {
  const needles = [...filter.texts, ...filter.params].filter((text) => PLAIN.test(text)).map((text) => text.toLowerCase());
  if (needles.length === 0) return undefined;
  return (text, name, state) => {
    if (ESCAPED.test(text)) return true;
    const all = `${text}\n${name}\n${state}\n${DEFAULT_METHOD}`.toLowerCase();
    return needles.every((needle) => all.includes(needle));
  };
}

// A producer may write its JSON with other spaces, numbers and escapes than we do: a word looks the same in all of them.
const PLAIN = /^[\w-]*[a-z_][\w-]*$/i;
const ESCAPED = /\\[u/]/;
const DEFAULT_METHOD = 'handle';

// What no line has in it as it stands: a line break, and the sign for what is masked.
const UNSURE = /[\n•]/;

const longestPart = (pattern: string): string =>
  pattern.split('*').reduce((longest, part) => (part.length > longest.length ? part : longest));
