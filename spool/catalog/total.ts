import { type Filter, matchesState, needsContent } from '../filter.ts';
import type { JobStatus } from '../query.ts';
import { STATES, type State } from '../state.ts';
import { Breath } from './breath.ts';
import { fileJudge, rowJudge, type Verdict } from './judge.ts';
import { countOf, filesIn, type Known } from './known.ts';
import { Walk } from './walk.ts';

/** What a total is asked of. `now` in milliseconds since the epoch, `deadline` in monotonic milliseconds. */
export type Question = { known: Known; filter: Filter; now: number; deadline: number; accepts(job: JobStatus): boolean };

/** How many jobs pass a filter; undefined when that would take too long to find out. */
export async function totalOf(question: Question): Promise<number | undefined> {
  const { known, filter, now } = question;
  if (matchesState(filter, 'completed') && hasContent(filter) && known.ledger.beyond > 0) return undefined;
  const sum = { certain: 0, toRead: 0 };
  for (const state of STATES) {
    if (!matchesState(filter, state)) continue;
    if (!hasContent(filter)) sum.certain += countOf(known, state, now);
    else for (const verdict of verdictsIn(known, filter, state, now)) if (!add(sum, verdict)) return undefined;
  }
  return sum.toRead === 0 ? sum.certain : readTotal(question, sum.certain);
}

const hasContent = (filter: Filter): boolean => needsContent(filter) || filter.ids.length > 0;

/** False when there is too much to read. */
function add(sum: { certain: number; toRead: number }, verdict: Verdict): boolean {
  if (verdict === 'yes') sum.certain += 1;
  if (verdict === 'read') sum.toRead += 1;
  return sum.toRead <= MAX_READ;
}

function* verdictsIn(known: Known, filter: Filter, state: State, now: number): Generator<Verdict> {
  if (state === 'completed') {
    const judge = rowJudge(filter, known.ledger);
    for (let row = 0; row < known.ledger.columns.length; row++) yield judge(row);
    return;
  }
  const judge = fileJudge(filter);
  const files = state === 'running' ? known.running.items : filesIn(known, state, now);
  for (const file of files) yield judge(state, file.name, 'fact' in file ? file.fact : undefined);
}

async function readTotal({ known, filter, now, deadline, accepts }: Question, certain: number): Promise<number | undefined> {
  const breath = new Breath();
  let total = certain;
  for (const { verdict, read } of new Walk(known, filter, now).from()) {
    if (verdict !== 'read') continue;
    if (performance.now() > deadline) return undefined;
    const job = read();
    if (job && accepts(job)) total += 1;
    if (breath.isDue) await breath.take();
  }
  return total;
}

/** So many may be read only to be counted. */
const MAX_READ = 500;
