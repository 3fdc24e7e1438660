/** The scenario `torture`: real kills under load. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../support/wait-for.ts';
import { readBooks } from './books.ts';
import { chaos, type Deeds, killsIn } from './chaos.ts';
import { drain } from './drain.ts';
import { lastSeen } from './last-seen.ts';
import { judge, type Problem, type Verdict } from './verdict.ts';
import { STOP_MS, World, type WorldOptions } from './world.ts';

export type UnderFireOptions = WorldOptions & {
  /** So long the chaos lasts, and until so many processes were killed. */
  forMs: number;
  kills: number;
  producers: number;
  drainMs: number;
};

export type FireReport = {
  seed: number;
  seconds: number;
  deeds: Deeds;
  killed: number;
  jobsPerSecond: number;
  peakRss: World['peakRss'];
  slowestStopMs: number;
  stops: number;
  slowestRunnerStopMs: number;
  verdict: Verdict;
};

/** Runs it from beginning to end. What goes wrong on the way is a problem of the verdict; nothing that it started is left running. */
export async function underFire(options: UnderFireOptions): Promise<FireReport> {
  const world = new World(options);
  const began = performance.now();
  const trouble: Problem[] = [];
  let deeds: Deeds = { acts: {}, kills: { dispatcher: 0, runner: 0, producer: 0 } };
  const sampling = setInterval(() => world.sample(), 2_000);
  try {
    await begin(world, options.producers);
    deeds = await chaos(world, { seed: options.seed, everyMs: everyMs(options), forMs: options.forMs, kills: options.kills });
    await drain(world, options.drainMs);
  } catch (error) {
    trouble.push({ promise: 'not over', what: (error as Error).message });
  } finally {
    clearInterval(sampling);
    world.endAll();
    await waitFor(() => world.members.length === 0, 'the last processes to end').catch(() => undefined);
  }
  const verdict = judge(readBooks(options.dir), { crashes: deeds.kills.runner, killed: world.killed });
  verdict.problems.push(...trouble, ...troubleOfStops(world));
  for (const problem of verdict.problems) if (problem.key) problem.what += lastSeen(options.dir, problem.key);
  const seconds = (performance.now() - began) / 1_000;
  return {
    seed: options.seed,
    seconds,
    deeds,
    killed: killsIn(deeds),
    jobsPerSecond: verdict.acknowledged / seconds,
    peakRss: world.peakRss,
    slowestStopMs: Math.max(0, ...world.stops.filter(({ wasKilled }) => !wasKilled).map(({ tookMs }) => tookMs)),
    stops: world.stops.length,
    slowestRunnerStopMs: Math.max(0, ...world.runnerStops),
    verdict,
  };
}

// About every act kills one process: some kill many, some none.
const everyMs = ({ forMs, kills }: UnderFireOptions): number => forMs / Math.max(1, kills);

async function begin(world: World, producers: number): Promise<void> {
  for (let number = 0; number < world.options.dispatchers; number++) world.start('dispatcher', number);
  await waitFor(() => fs.existsSync(path.join(world.spool, 'logs', 'jobs')), 'the spool to be made', { timeoutMs: 30_000 });
  for (let number = 0; number < producers; number++) world.start('producer', number);
  await waitFor(() => world.runners().length > 0, 'a runner to be there', { timeoutMs: 60_000 });
  await sleep(500);
}

function troubleOfStops(world: World): Problem[] {
  const wrong = world.stops.filter(({ how, wasKilled }) => !wasKilled && how !== 0 && how !== 'SIGTERM');
  const slow = [...world.stops.filter(({ wasKilled }) => !wasKilled).map(({ tookMs }) => tookMs), ...world.runnerStops].filter(
    (ms) => ms > 2 * STOP_MS,
  );
  return [
    ...slow.map((ms): Problem => ({ promise: 'not over', what: `a dispatcher or runner that was told to stop took ${ms} ms` })),
    ...wrong.map(
      ({ pid, how }): Problem => ({ promise: 'unexpected', what: `the dispatcher ${pid} was told to stop and ended with ${how}` }),
    ),
    ...world.surprises.map((what): Problem => ({ promise: 'unexpected', what })),
  ];
}
