import { type Command, InvalidArgumentError } from 'commander';
import { BatchReader } from '../../spool/batch-reader.ts';
import { parseJobName } from '../../spool/filename.ts';
import { type Filter, matches, matchesId, matchesState, needsContent, parseFilter } from '../../spool/filter.ts';
import { lineOrder } from '../../spool/line-order.ts';
import { compareDue, compareJobs } from '../../spool/order.ts';
import { completedLines, idOfPlace, type JobStatus, type Place, places, statusAt, statusOfLine } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import type { State } from '../../spool/state.ts';
import { oneLine, print, printJson, stateInColour, table } from '../output.ts';
import { usage } from './exit.ts';
import { existingSpool } from './settings.ts';
import { errorOf, handlerOf, triesOf } from './status-line.ts';

type LsFlags = { limit: number; json?: true };

/** `ls`: the jobs, those first that matter most now. */
export function addLs(program: Command): void {
  program
    .command('ls')
    .description('list jobs')
    .argument('[filter...]', 'terms that must all hold')
    .option('-n, --limit <n>', 'at most so many; 0 for all', limitOf, 50)
    .option('--json', 'print a JSON object per job')
    .addHelpText(
      'after',
      `
Running jobs come first, then those that are due in the order in which they run, those that wait for their time, and
those that are over, newest first.

Filter: state:failed,retrying  class:Name  method:name  id:prefix*  error:text  params:text  retried:yes  submittedBy:33  since:24h
until:1h  free text
Values after commas are alternatives. A phrase goes in double quotes, also for the shell: 'error:"no such file"'.

Examples:
  $ jobspool ls
  $ jobspool ls state:failed since:24h
  $ jobspool ls class:CompressFile 'error:"no such file"' --limit 0 --json`,
    )
    .action((terms: string[], flags: LsFlags, command: Command) => {
      const now = Date.now();
      const parsed = parseFilter(terms.join(' '), now);
      if (!parsed.ok) throw usage(`ls: ${parsed.reason}`);
      const listed = list(existingSpool(command), parsed.filter, flags.limit, now);
      if (flags.json) for (const job of listed.jobs) printJson(job);
      else printTable(listed);
    });
}

/** The first jobs of those that pass, and how many pass. */
type Listed = { jobs: JobStatus[]; total: number };

function list(spool: Spool, filter: Filter, limit: number, now: number): Listed {
  const most = limit === 0 ? Number.POSITIVE_INFINITY : limit;
  const isByName = !needsContent(filter);
  const jobs: JobStatus[] = [];
  let total = 0;
  for (const found of candidates(spool, filter, now)) {
    // Names alone decide, and the page is full: no file is opened only to be counted.
    if (isByName && jobs.length >= most) {
      total += 1;
      continue;
    }
    const job = found();
    if (!job || !matches(filter, job)) continue;
    total += 1;
    if (jobs.length < most) jobs.push(job);
  }
  return { jobs, total };
}

/** Reads a job; undefined when it has moved on meanwhile. */
type Candidate = () => JobStatus | undefined;

/** What passes by state and id, in the order in which it is listed. */
function* candidates(spool: Spool, filter: Filter, now: number): Generator<Candidate> {
  const lines = new BatchReader(spool);
  for (const state of LIVE) {
    if (!matchesState(filter, state)) continue;
    const found = [...places(spool, state, now)].filter((place) => matchesId(filter, idOfPlace(place)));
    for (const place of sorted(found, ORDER[state]))
      yield () => (place.line === undefined ? statusAt(spool, place, now) : lines.read(place, now));
  }
  yield* finishedCandidates(spool, filter, now);
}

const LIVE = ['running', 'pending', 'retrying', 'scheduled'] as const satisfies State[];

const ORDER: Record<(typeof LIVE)[number], (a: string, b: string) => number> = {
  running: compareJobs,
  pending: compareJobs,
  retrying: compareDue,
  scheduled: compareDue,
};

// Files that are not accepted yet have names of their own, and stand behind those that are.
function sorted(found: readonly Place[], compare: (a: string, b: string) => number): Place[] {
  // A million names are taken apart once, and not at each comparison.
  const named = found.map((place) => ({
    place,
    name: orderOf(place),
    isJob: place.line !== undefined || parseJobName(place.name) !== undefined,
  }));
  const jobs = named.filter(({ isJob }) => isJob).sort((a, b) => compare(a.name, b.name));
  const others = named.filter(({ isJob }) => !isJob).sort((a, b) => (a.name < b.name ? -1 : 1));
  return [...jobs, ...others].map(({ place }) => place);
}

const orderOf = ({ name, line }: Place): string => (line === undefined ? name : lineOrder(name, line));

// Files and ledger lines are two lists, each newest first: the newer head of the two comes next.
function* finishedCandidates(spool: Spool, filter: Filter, now: number): Generator<Candidate> {
  const files = finishedFiles(spool, filter);
  let next = files.next();
  for (const line of matchesState(filter, 'completed') ? completedLines(spool) : []) {
    if (!matchesId(filter, line.id)) continue;
    const finishedAt = Date.parse(line.finishedAt);
    while (!next.done && next.value.endedAt > finishedAt) {
      const { place } = next.value;
      yield () => statusAt(spool, place, now);
      next = files.next();
    }
    yield () => statusOfLine(line);
  }
  for (; !next.done; next = files.next()) {
    const { place } = next.value;
    yield () => statusAt(spool, place, now);
  }
}

function* finishedFiles(spool: Spool, filter: Filter): Generator<{ place: Place; endedAt: number }, undefined> {
  const states = (['failed', 'cancelled', 'rejected'] as const).filter((state) => matchesState(filter, state));
  const found = states.flatMap((state) => [...places(spool, state)]).filter((place) => matchesId(filter, idOfPlace(place)));
  const timed = found.map((place) => ({ place, endedAt: endOf(spool, place) }));
  yield* timed.sort((a, b) => b.endedAt - a.endedAt);
  return undefined;
}

// A rejected file keeps the time at which its producer wrote it; its reason was written when it was rejected.
function endOf(spool: Spool, { state, name, file }: Place): number {
  const written = state === 'rejected' ? spool.disk.facts(spool.reason(name)) : undefined;
  return (written ?? spool.disk.facts(file))?.mtimeMs ?? 0;
}

function printTable({ jobs, total }: Listed): void {
  if (total === 0) return print('no jobs');
  const rows = jobs.map((job) => [
    oneLine(job.id),
    handlerOf(job),
    stateInColour(job.state),
    String(triesOf(job)),
    timeOf(job),
    errorOf(job),
  ]);
  for (const line of table(['ID', 'CLASS.METHOD', 'STATE', 'TRY', 'RUN-AT/FINISHED', 'ERROR'], rows)) print(line);
  print(`${jobs.length} of ${total}`);
}

const timeOf = ({ finishedAt, runAt }: JobStatus): string => (finishedAt ?? runAt).replace(/\.\d+Z$/, 'Z');

function limitOf(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`Expected a whole number, 0 for all, got ${JSON.stringify(text)}.`);
}
