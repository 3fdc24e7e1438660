import { Breath } from '../breath.ts';
import { type Filter, matches, matchesState } from '../filter.ts';
import type { JobStatus } from '../query.ts';
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
  const { filter, shown = (job) => job } = query;
  const accepts = (job: JobStatus) => matches(filter, shown(job));
  const page = await search(new Walk(known, filter, now), query, accepts);
  const total = await totalOf({ known, filter, now, accepts });
  return { ...page, total, stoppedEarly: page.stoppedEarly || (page.next === undefined && lacksLines(known, filter)) };
}

async function search(walk: Walk, query: ListQuery, accepts: (job: JobStatus) => boolean): Promise<Omit<ListPage, 'total'>> {
  const { after, limit, budgetMs = DEFAULT_BUDGET_MS } = query;
  const began = performance.now();
  const breath = new Breath();
  const jobs: JobStatus[] = [];
  let next = after;
  let read = 0;
  for (const candidate of walk.from(after === undefined ? undefined : readCursor(after))) {
    const isFull = jobs.length >= limit;
    if (isFull || isLate(candidate, read, performance.now() - began, budgetMs))
      return { jobs, next, stoppedEarly: !isFull, searched: walk.looked };
    const job = candidate.read();
    read += 1;
    if (job && accepts(job)) jobs.push(job);
    next = writeCursor(candidate.position);
    if (breath.isDue) await breath.take();
  }
  return { jobs, next: undefined, stoppedEarly: false, searched: walk.looked };
}

// A page is made of those that pass for certain, so they are read; what may take too long is searching. However busy the machine is, each page
// gets further.
function isLate({ verdict }: Candidate, read: number, tookMs: number, budgetMs: number): boolean {
  const patienceMs = verdict === 'read' && read >= MIN_READ ? budgetMs : budgetMs * PATIENCE;
  return read > 0 && tookMs > patienceMs;
}

// Those that are only counted cannot be listed.
const lacksLines = ({ ledger }: Known, filter: Filter): boolean => matchesState(filter, 'completed') && ledger.beyond > 0;

const DEFAULT_BUDGET_MS = 60;
/** So many times the budget it may take for what should be quick. */
const PATIENCE = 10;
const MIN_READ = 200;
