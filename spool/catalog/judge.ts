/** What is known of a job says about a filter, before its file or line is read. */
import { type Filter, type JobFacts, matchesFacts, matchesFailure, matchesId, matchesState, needsContent } from '../filter.ts';
import { idOf } from '../order.ts';
import { idOfPlace } from '../query.ts';
import type { State } from '../state.ts';
import { hashOf } from './columns.ts';
import type { Fact } from './fact.ts';
import type { LedgerRows } from './ledger-rows.ts';

/** Whether a job passes; `read`: only reading it can say. */
export type Verdict = 'yes' | 'no' | 'read';

/** Judges a job's file by its name and, where it has been read before, by what is remembered of it. */
export type FileJudge = (state: State, name: string, fact: Fact | undefined) => Verdict;

export function fileJudge(filter: Filter): FileJudge {
  const needs = needsContent(filter);
  const hasIds = filter.ids.length > 0;
  return (state, name, fact) => {
    if (!matchesState(filter, state)) return 'no';
    if (hasIds && !matchesId(filter, idOfFile(state, name))) return 'no';
    if (!needs) return 'yes';
    return fact ? judgeFact(filter, state, fact) : 'read';
  };
}

function judgeFact(filter: Filter, state: State, fact: Fact): Verdict {
  if (!matchesFacts(filter, { state, class: fact.class, method: fact.method, attempts: fact.attempts, changedAt: fact.at })) return 'no';
  const isFailure = matchesFailure(filter, fact.failure);
  if (!isFailure && !fact.isCut) return 'no';
  return !isFailure || filter.params.length > 0 || filter.texts.length > 0 ? 'read' : 'yes';
}

function idOfFile(state: State, name: string): string {
  // Names in `incoming/`, which is part of these states, and in `rejected/` may have any form.
  return state === 'pending' || state === 'scheduled' || state === 'rejected' ? idOfPlace({ name }) : idOf(name);
}

/** Judges rows of completed jobs by their numbers alone; for an id that is named in full, a line or two are read. */
export function rowJudge(filter: Filter, rows: LedgerRows): (row: number) => Verdict {
  // A completed job has no error.
  if (filter.errors.length > 0) return () => 'no';
  const { columns, handlers } = rows;
  const hashes = filter.ids.some((id) => id.includes('*')) ? [] : filter.ids.map(hashOf);
  const isToRead = filter.params.length + filter.texts.length > 0 || (filter.ids.length > 0 && hashes.length === 0);
  const passes = isToRead ? 'read' : 'yes';
  const isOfId = (row: number) => hashes.includes(columns.hash[row] as number) && matchesId(filter, rows.statusAt(row)?.id ?? '');
  const facts: JobFacts = { state: 'completed', class: '', method: '', attempts: 0, changedAt: 0 };
  return (row) => {
    if (hashes.length > 0 && !isOfId(row)) return 'no';
    // One object for all rows: there may be half a million.
    Object.assign(facts, handlers[columns.handler[row] as number]);
    facts.attempts = columns.attempts[row] as number;
    facts.changedAt = columns.finishedAt[row] as number;
    return matchesFacts(filter, facts) ? passes : 'no';
  };
}

/** Whether a ledger line may be of a job that passes: its text has in it what is looked for. What is shown of a job is less than its line, never more. */
export function likelyLine(filter: Filter): (line: string, handler: string) => boolean {
  const needles = [...filter.texts, ...filter.params].filter((text) => !UNSURE.test(text)).map((text) => text.toLowerCase());
  const ids = filter.ids.map(longestPart);
  return (line, handler) => {
    if (ids.length > 0 && !ids.some((part) => line.includes(part))) return false;
    const text = line.toLowerCase();
    return needles.every((needle) => text.includes(needle) || handler.toLowerCase().includes(needle) || 'completed'.includes(needle));
  };
}

// What no line has in it as it stands: a line break, and the sign for what is masked.
const UNSURE = /[\n•]/;

const longestPart = (pattern: string): string =>
  pattern.split('*').reduce((longest, part) => (part.length > longest.length ? part : longest));
