/** The scenario `dispatchers`: many of them on one spool with a backlog, killed and started at random. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../support/wait-for.ts';
import { type Books, readBooks } from './books.ts';
import { drain } from './drain.ts';
import { grouped } from './grouped.ts';
import { lastSeen } from './last-seen.ts';
import { seeded } from './random.ts';
import { idleDispatchers, outOfOrder, type Presence, passedOver, type Start } from './starts.ts';
import { judge, type Problem, type Verdict } from './verdict.ts';
import { World, type WorldOptions } from './world.ts';

export type ManyOptions = WorldOptions & {
  jobs: number;
  /** Dispatchers that are killed or started while the backlog lasts. */
  kills: number;
  timeoutMs: number;
};

export type ManyReport = {
  seed: number;
  jobs: number;
  kills: number;
  seconds: number;
  /** Of the starts that no kill was near. */
  quietStarts: number;
  mostPassedOver: number;
  allowed: number;
  shares: Record<string, number>;
  verdict: Verdict;
};

/** Around a kill, for so long, neither order nor shares are judged: what the dead had in hand is rescued meanwhile. */
const NEAR_MS = 4_000;

export async function manyDispatchers(options: ManyOptions): Promise<ManyReport> {
  const world = new World({ ...options, env: { JOBSPOOL_RETRIES: '8', ...options.env } });
  const trouble: Problem[] = [];
  const kills: number[] = [];
  const owners = new Map<number, string>();
  const watching = setInterval(() => noteOwners(world, owners), 100);
  const presence = { first: [] as string[], last: [] as string[] };
  let began = performance.now();
  try {
    await fill(world, options);
    presence.first = dispatchersOf(world);
    began = performance.now();
    fs.rmSync(path.join(world.spool, 'paused'));
    await disturb(world, options, kills);
    await waitFor(() => left(world) === 0, 'all jobs to be over', { timeoutMs: options.timeoutMs });
    presence.last = dispatchersOf(world);
    await drain(world, options.timeoutMs);
  } catch (error) {
    trouble.push({ promise: 'not over', what: (error as Error).message });
  } finally {
    clearInterval(watching);
    world.endAll();
  }
  const seconds = (performance.now() - began) / 1_000;
  return { ...report(world, options, { kills, owners, presence, trouble }), seconds };
}

// All is accepted before anything may start, so that every job is ready from the first moment on.
async function fill(world: World, { dispatchers, runners, jobs, seed }: ManyOptions): Promise<void> {
  fs.mkdirSync(world.spool, { recursive: true });
  fs.writeFileSync(path.join(world.spool, 'paused'), '');
  for (let number = 0; number < dispatchers; number++) world.start('dispatcher', number);
  await waitFor(() => fs.existsSync(path.join(world.spool, 'logs', 'jobs')), 'the spool to be made', { timeoutMs: 60_000 });
  const random = seeded(seed, 'jobs');
  const log = fs.openSync(path.join(world.options.dir, 'producers', 'by-hand.log'), 'a');
  for (let number = 0; number < jobs; number++) {
    const key = `wait.many.${number}`;
    fs.writeSync(log, `I ${key} ${key}\n`);
    fs.writeFileSync(path.join(world.spool, 'tmp', key), JSON.stringify({ class: 'Work', method: 'wait', params: [key, JOB_MS] }));
    fs.renameSync(path.join(world.spool, 'tmp', key), path.join(world.spool, 'incoming', `p${random.whole(1, 10)}-now-${key}.json`));
    fs.writeSync(log, `A ${key} ${key}\n`);
    if (number % 500 === 499) await sleep(1);
  }
  fs.closeSync(log);
  const isReady = () => count(world, 'pending') === jobs && world.runners().length === dispatchers * runners;
  await waitFor(isReady, `${jobs} jobs to be accepted and ${dispatchers * runners} runners to be there`, { timeoutMs: 240_000 });
  rankJobs(world);
  // Each dispatcher has read the folder by then: they scan every 500 ms.
  await sleep(2_500);
}

/** So long that a runner is proposed one at a time. */
const JOB_MS = 15;

// The canonical names are gone when the jobs are over.
function rankJobs(world: World): void {
  const names = fs.readdirSync(path.join(world.spool, 'pending')).map((name) => {
    const [, priority, stamp, key] = /^p(\d+)-([^-]+)-(.*)\.json$/.exec(name) as unknown as [string, string, string, string];
    return { key, priority: Number(priority), order: `${stamp}-${key}` };
  });
  names.sort((a, b) => b.priority - a.priority || (a.order < b.order ? -1 : 1));
  fs.writeFileSync(path.join(world.options.dir, 'ranks'), names.map(({ key }) => key).join('\n'));
}

// Half of the backlog is left in peace: there order and shares are judged.
async function disturb(world: World, { seed, kills: times, jobs, timeoutMs }: ManyOptions, kills: number[]): Promise<void> {
  const random = seeded(seed, 'disturb');
  for (let time = 0; time < times; time++) {
    const until = jobs * (1 - 0.5 * ((time + random.next()) / times));
    await waitFor(() => left(world) <= until, 'the backlog to shrink', { timeoutMs });
    const victims = world.of('dispatcher');
    const victim = victims[Math.floor(random.next() * victims.length)];
    if (!victim) continue;
    kills.push(Date.now());
    const withRunners = random.next() < 0.5;
    const restartAfterMs = random.whole(0, 2_000);
    const runners = withRunners ? world.runners().filter(({ dispatcher }) => dispatcher.endsWith(`-${victim.pid}`)) : [];
    world.kill(victim.pid, 'dispatcher', { restartAfterMs });
    for (const { pid } of runners) world.kill(pid, 'runner', { group: true });
    world.journal.note('kill', { victim, runners, restartAfterMs });
  }
}

const count = (world: World, folder: string): number => fs.readdirSync(path.join(world.spool, folder)).length;
const left = (world: World): number => count(world, 'pending') + count(world, 'retrying');

const dispatchersOf = (world: World): string[] => [...new Set(world.runners().map(({ dispatcher }) => dispatcher))];

function noteOwners(world: World, owners: Map<number, string>): void {
  for (const { pid, dispatcher } of world.runners()) owners.set(pid, dispatcher);
}

/** What was noted while it ran. `kills`: when; `owners`: the dispatcher of each runner, by its pid. */
type Notes = { kills: number[]; owners: Map<number, string>; presence: Presence; trouble: Problem[] };

function report(world: World, options: ManyOptions, { kills, owners, presence, trouble }: Notes): Omit<ManyReport, 'seconds'> {
  const { dir, seed, jobs, dispatchers, runners } = options;
  const books = readBooks(dir);
  const crashes = [...world.killed].filter((pid) => owners.has(pid)).length;
  const verdict = judge(books, { crashes, killed: world.killed });
  const starts = startsOf(dir, books, owners);
  const isNear = (at: number) => kills.some((kill) => at >= kill - 100 && at <= kill + NEAR_MS);
  const allowed = dispatchers * runners;
  const wrongOrder = outOfOrder(starts, allowed, isNear).map(
    ({ start, better }): Problem => ({
      promise: 'unexpected',
      key: start.key,
      what: `${start.key} (place ${start.rank}) was started by ${start.dispatcher} while ${better} better jobs waited, expected at most ${allowed}`,
    }),
  );
  const idle = idleDispatchers(starts, 100 * dispatchers, isNear, presence).map((what): Problem => ({ promise: 'unexpected', what }));
  verdict.problems.push(...trouble, ...wrongOrder, ...idle);
  for (const problem of verdict.problems.slice(0, 10)) if (problem.key) problem.what += lastSeen(dir, problem.key);
  const quiet = passedOver(starts).filter(({ start }) => !isNear(start.at));
  return {
    seed,
    jobs,
    kills: kills.length,
    quietStarts: quiet.length,
    mostPassedOver: quiet.reduce((most, { better }) => Math.max(most, better), 0),
    allowed,
    shares: Object.fromEntries([...grouped(starts, ({ dispatcher }) => dispatcher)].map(([name, its]) => [name, its.length])),
    verdict,
  };
}

// Jobs that a crash made run twice have lost their place.
function startsOf(dir: string, books: Books, owners: Map<number, string>): Start[] {
  const file = path.join(dir, 'ranks');
  const ranks = new Map((fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n') : []).map((key, rank) => [key, rank]));
  const times = grouped(books.executions, ({ key }) => key);
  return books.executions
    .filter(({ key }) => times.get(key)?.length === 1 && ranks.has(key))
    .map(({ key, pid, startedAt }) => ({ key, rank: ranks.get(key) as number, at: startedAt, dispatcher: owners.get(pid) ?? 'unknown' }));
}
