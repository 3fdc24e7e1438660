import { Breath } from '../breath.ts';
import { type Filter, matchesState, needsContent } from '../filter.ts';
import type { JobStatus } from '../query.ts';
import { STATES, type State } from '../state.ts';
import { batchJudge, fileJudge, rowJudge, type Verdict } from './judge.ts';
import { countOf, filesIn, type Known } from './known.ts';
import { Walk } from './walk.ts';

/** What a total is asked of. `now` in milliseconds since the epoch. */
export type Question = { known: Known; filter: Filter; now: number; accepts(job: JobStatus): boolean };

/** How many jobs pass a filter; undefined when too many would have to be read to find out. */
export async function totalOf(question: Question): Promise<number | undefined> {
  const { known, filter, now } = question;
  const states = STATES.filter((state) => matchesState(filter, state));
  if (!needsContent(filter) && filter.ids.length === 0) return states.reduce((sum, state) => sum + countOf(known, state, now), 0);
  const tally: Tally = { certain: 0, toRead: 0 };
  for (const state of states) {
    tallyIn(question, state, tally);
    if (tally.toRead > MAX_READ) return undefined;
  }
  return tally.toRead === 0 ? tally.certain : readTotal(question, tally.certain);
}

/** How many pass for certain, and of how many only reading can tell. */
type Tally = { certain: number; toRead: number };

function tallyIn({ known, filter, now }: Question, state: State, tally: Tally): void {
  if (state === 'completed') return tallyRows(known, filter, tally);
  const judge = fileJudge(filter);
  for (const file of filesIn(known, state, now, batchJudge(filter))) {
    count(tally, judge(state, file));
    if (tally.toRead > MAX_READ) return;
  }
}

function tallyRows({ ledger }: Known, filter: Filter, tally: Tally): void {
  const judge = rowJudge(filter, ledger);
  // Lines that are only counted could not even be read.
  if (ledger.beyond > 0) tally.toRead = Number.POSITIVE_INFINITY;
  for (let row = 0; row < ledger.columns.length && tally.toRead <= MAX_READ; row++) count(tally, judge(row));
}

function count(tally: Tally, verdict: Verdict): void {
  if (verdict === 'yes') tally.certain += 1;
  if (verdict === 'read') tally.toRead += 1;
}

async function readTotal({ known, filter, now, accepts }: Question, certain: number): Promise<number | undefined> {
  const breath = new Breath();
  const until = performance.now() + MAX_READ_MS;
  let total = certain;
  for (const { verdict, read } of new Walk(known, filter, now).from()) {
    if (verdict !== 'read') continue;
    if (performance.now() > until) return undefined;
    const job = read();
    if (job && accepts(job)) total += 1;
    if (breath.isDue) await breath.take();
  }
  return total;
}

/** So many may be read only to be counted, and for so long: each may be of megabytes. */
const MAX_READ = 200;
const MAX_READ_MS = 1_000;
