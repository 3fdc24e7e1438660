import { type Filter, matches, matchesState } from '../filter.ts';
import type { JobStatus } from '../query.ts';
import { Breath } from './breath.ts';
import { readCursor, writeCursor } from './cursor.ts';
import type { Known } from './known.ts';
import { totalOf } from './total.ts';
import { type Candidate, Walk } from './walk.ts';

/** What a list asks for. */
export type ListQuery = {
  filter: Filter;
  /** The cursor that the page before gave; undefined for the first page. */
  after?: string | undefined;
  limit: number;
  /** How long the search may take, in milliseconds; default 60. It stops early rather than be late. */
  budgetMs?: number;
  /** What is shown, and so what is searched, of a job: without its secrets. Default: all of it. */
  shown?: (job: JobStatus) => JobStatus;
};

/** A page of a list, in the order of `ls`: running, pending in the order in which they run, retrying, scheduled by time, then those that are over, newest first. */
export type ListPage = {
  jobs: JobStatus[];
  /** The cursor of the next page (after a search that stopped early: where it goes on); undefined at the end. */
  next: string | undefined;
  /** How many match in all; undefined when only reading them all could say. */
  total: number | undefined;
  /** True when the search stopped before it had looked at all that may match and before the page was full. */
  stoppedEarly: boolean;
  /** How many jobs this page's search looked at. */
  searched: number;
};

/** A page of what is known. Throws SpoolError `INVALID_REQUEST` when `after` is no cursor. `now` in milliseconds since the epoch. */
export async function pageOf(known: Known, query: ListQuery, now: number): Promise<ListPage> {
  const { filter, after, limit, budgetMs = DEFAULT_BUDGET_MS, shown = (job) => job } = query;
  const began = performance.now();
  const accepts = (job: JobStatus) => matches(filter, shown(job));
  const breath = new Breath();
  const walk = new Walk(known, filter, now);
  const jobs: JobStatus[] = [];
  let next = after;
  let end: End = 'all';
  for (const candidate of walk.from(after === undefined ? undefined : readCursor(after))) {
    end = endBefore(candidate, jobs.length >= limit, next === after ? 0 : performance.now() - began, budgetMs);
    if (end !== 'all') break;
    const job = candidate.read();
    if (job && accepts(job)) jobs.push(job);
    next = writeCursor(candidate.position);
    if (breath.isDue) await breath.take();
  }
  const total = await totalOf({ known, filter, now, deadline: began + budgetMs, accepts });
  const stoppedEarly = end === 'late' || (end === 'all' && lacksLines(known, filter));
  return { jobs, next: end === 'all' ? undefined : next, total, stoppedEarly, searched: walk.looked };
}

/** Why a page ended: nothing is left, it is full, or the time is over. */
type End = 'all' | 'full' | 'late';

function endBefore({ verdict }: Candidate, isFull: boolean, tookMs: number, budgetMs: number): End {
  if (isFull) return 'full';
  // A page is made of those that pass for certain, so they are read; what may take too long is searching.
  return tookMs > (verdict === 'read' ? budgetMs : budgetMs * CERTAIN_PATIENCE) ? 'late' : 'all';
}

// Those that are only counted cannot be listed.
const lacksLines = ({ ledger }: Known, filter: Filter): boolean => matchesState(filter, 'completed') && ledger.beyond > 0;

const DEFAULT_BUDGET_MS = 60;
const CERTAIN_PATIENCE = 10;
