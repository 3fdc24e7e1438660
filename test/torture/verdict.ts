/** Judges what was counted. Pure: the same books give the same verdict. */
import type { Books, Execution, Found } from './books.ts';
import { grouped } from './grouped.ts';
import { kindOf } from './kinds.ts';

/** Something that broke a promise. `key`: the job. */
export type Problem = { promise: Broken; key?: string; what: string };

type Broken = 'lost' | 'unexpected' | 'two final outcomes' | 'run twice at once' | 'run after its end' | 'not over' | 'duplicates';

export type Verdict = {
  acknowledged: number;
  /** Submitted by producers that were killed before they could note that it was acknowledged. */
  unacknowledged: number;
  completed: number;
  failed: number;
  cancelled: number;
  rejected: number;
  executions: number;
  /** Completed jobs whose handlers ran to their ends more than once: each further time counts. */
  duplicates: number;
  crashes: number;
  /** Pairs of requests with one id: of how many both ran, and of how many they ran at the same time, which D2 of spool/README.md allows for. */
  twins: { bothRan: number; atOnce: number };
  problems: Problem[];
};

/** What the judge must know besides the books. */
export type Circumstances = {
  /** Runners that were killed: each may have made one duplicate. */
  crashes: number;
  /** Pids that were killed: drafts of theirs in `tmp/` are explained. */
  killed: ReadonlySet<number>;
};

export function judge(books: Books, { crashes, killed }: Circumstances): Verdict {
  const { claims } = books;
  const byKey = grouped(books.found, ({ key }) => key);
  const runs = grouped(books.executions, ({ key }) => key);
  const finals = books.found.filter(({ state }) => state !== 'live');
  const count = (state: Found['state']) => finals.filter((found) => found.state === state).length;
  const duplicates = countDuplicates(finals, runs);
  const problems = [
    ...[...claims.acknowledged.keys()].filter((key) => !byKey.has(key)).map((key): Problem => lost(key, runs)),
    ...[...byKey].flatMap(([key, found]) => wrongPlaces(key, found)),
    ...finals.flatMap((found) => wrongEnd(found, books, runs.get(found.key) ?? [])),
    ...[...runs].flatMap(([key, executions]) => wrongRuns(key, executions, byKey.get(key) ?? [])),
    ...books.strange.map((what): Problem => ({ promise: 'unexpected', what })),
    ...books.leftovers
      .filter((file) => !isExplained(file, killed))
      .map((file): Problem => ({ promise: 'unexpected', what: `${file} is left` })),
  ];
  if (duplicates > crashes)
    problems.push({
      promise: 'duplicates',
      what: `${duplicates} completed jobs ran to their ends again, and only ${crashes} runners were killed`,
    });
  return {
    acknowledged: claims.acknowledged.size,
    unacknowledged: [...claims.intended.keys()].filter((key) => !claims.acknowledged.has(key) && byKey.has(key)).length,
    completed: count('completed'),
    failed: count('failed'),
    cancelled: count('cancelled'),
    rejected: count('rejected'),
    executions: books.executions.length,
    duplicates,
    crashes,
    twins: countTwins(finals, runs),
    problems,
  };
}

function lost(key: string, runs: Map<string, Execution[]>): Problem {
  const seen = runs.get(key)?.at(-1);
  const where = seen ? `its attempt ${seen.attempt} began at ${iso(seen.startedAt)} in the process ${seen.pid}` : 'it was never run';
  return { promise: 'lost', key, what: `${key} was acknowledged and is nowhere; ${where}` };
}

function wrongPlaces(key: string, found: Found[]): Problem[] {
  const places = found.map(({ where }) => where).join(' and ');
  const finals = found.filter(({ state }) => state !== 'live');
  if (finals.length > 1) return [{ promise: 'two final outcomes', key, what: `${key} is in ${places}` }];
  if (found.length > finals.length) return [{ promise: 'not over', key, what: `${key} is still in ${places}` }];
  return [];
}

function wrongEnd(found: Found, { claims }: Books, executions: Execution[]): Problem[] {
  const { key, state, where, attempts } = found;
  const wrong = (what: string): Problem[] => [{ promise: 'unexpected', key, what: `${where}: ${what}` }];
  const kind = kindOf(key);
  if (!kind || !claims.intended.has(key)) return wrong(`nobody submitted ${key}`);
  if (attempts.some(({ number }, index) => number !== index + 1))
    return wrong(`expected attempts numbered from 1, got ${attempts.map(({ number }) => number)}`);
  if (!(kind.ends as string[]).includes(state) && !diedThrice(found)) return wrong(`a ${kind.name} job ended as ${words(found)}`);
  if (state === 'rejected' && !found.reason?.startsWith('duplicate:')) return wrong(`it was rejected: ${found.reason}`);
  if (state === 'completed' && !executions.some(({ endedAt }) => endedAt !== undefined)) return wrong('no handler ran to its end');
  const early = kind.delayMs && executions.find(({ startedAt }) => startedAt < (found.runAt ?? 0));
  return early ? wrong(`it was to run at ${iso(found.runAt ?? 0)} and began at ${iso(early.startedAt)}`) : [];
}

const diedThrice = ({ state, attempts }: Found): boolean =>
  state === 'failed' && attempts.at(-1)?.outcome === 'crashed' && attempts.filter(({ outcome }) => outcome === 'crashed').length >= 3;

const words = ({ state, attempts, reason }: Found): string =>
  `${state} (${reason ?? (attempts.map(({ outcome }) => outcome).join(', ') || 'no attempts')})`;

function wrongRuns(key: string, executions: Execution[], found: Found[]): Problem[] {
  const problems: Problem[] = [];
  const inOrder = executions.toSorted((a, b) => a.startedAt - b.startedAt);
  for (const [index, { endedAt = 0, pid }] of inOrder.entries()) {
    const next = inOrder[index + 1];
    if (next && next.startedAt < endedAt)
      problems.push({
        promise: 'run twice at once',
        key,
        what: `${key} began in ${next.pid} at ${iso(next.startedAt)} and ended in ${pid} at ${iso(endedAt)}`,
      });
  }
  const end = found.find(({ finishedAt }) => finishedAt !== undefined)?.finishedAt;
  const after = end === undefined ? undefined : inOrder.find(({ startedAt }) => startedAt > end);
  if (after)
    problems.push({
      promise: 'run after its end',
      key,
      what: `${key} ended at ${iso(end ?? 0)} and began again at ${iso(after.startedAt)}`,
    });
  return problems;
}

function countDuplicates(finals: Found[], runs: Map<string, Execution[]>): number {
  const ends = (key: string) => (runs.get(key) ?? []).filter(({ endedAt }) => endedAt !== undefined).length;
  return finals.reduce((sum, { key, state }) => sum + (state === 'completed' ? Math.max(0, ends(key) - 1) : 0), 0);
}

function countTwins(finals: Found[], runs: Map<string, Execution[]>): Verdict['twins'] {
  const completed = finals.filter(({ key, state }) => state === 'completed' && kindOf(key)?.twin);
  const pairs = [...grouped(completed, ({ id }) => id).values()].filter(({ length }) => length > 1);
  const overlap = (a: Execution, b: Execution) => a.startedAt < (b.endedAt ?? 0) && b.startedAt < (a.endedAt ?? 0);
  const areAtOnce = ([a, b]: Found[]) =>
    (runs.get(a?.key ?? '') ?? []).some((one) => (runs.get(b?.key ?? '') ?? []).some((other) => overlap(one, other)));
  return { bothRan: pairs.length, atOnce: pairs.filter(areAtOnce).length };
}

/** Drafts in `tmp/` bear the pid of the process that wrote them. */
function isExplained(file: string, killed: ReadonlySet<number>): boolean {
  if (!file.startsWith('tmp/')) return false;
  return (file.match(/\.(\d+)(?=\.|$)/g) ?? []).some((part) => killed.has(Number(part.slice(1))));
}

const iso = (ms: number): string => new Date(ms).toISOString();
