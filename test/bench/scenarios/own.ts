import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jobFileName } from '../../../spool/filename.ts';
import { openSpool, type Spool } from '../../../spool/spool.ts';
import { now } from '../clock.ts';
import { loop } from '../contenders/floor.ts';
import { beginService, startService } from '../contenders/jobspool.ts';
import { notExactlyOnce } from '../exactly-once.ts';
import { cpuSeconds, memoryMb, watchMemory } from '../process-tree.ts';
import type { Bout, Figures, Scenario } from '../scenario.ts';
import { countRuns, readTally } from '../tally.ts';
import { until } from '../until.ts';

const own = (name: string, title: string, main: Scenario['main'], measure: Scenario['measure']): Scenario => ({
  name,
  title,
  durability: 'process',
  main,
  maxReps: 1,
  isOwn: true,
  measure,
});

/** How Jobspool scales, and what it costs when it has nothing to do. */
export const scenarios: Scenario[] = [
  own('many-pending', 'cost of a job with many pending against few, each divided by that of the bare loop', 'timesFewPending', manyPending),
  own('boot', 'boot with many pending: to the first job, and the memory until then', 'firstJobMs', boot),
  own('scheduled', 'many scheduled far ahead, none due: idle', 'cpuPercent', scheduled),
  { ...own('idle-service', 'idle service with 4 warm runners', 'cpuPercent', idleService), maxReps: 3 },
];

const PAST = Date.UTC(2020, 0, 1);
const FAR = Date.UTC(2099, 0, 1);

async function manyPending({ folder, tally, sizes }: Bout): Promise<Figures> {
  const few = await costAt(path.join(folder, 'few'), path.join(tally, 'few'), sizes.few);
  const many = await costAt(path.join(folder, 'many'), path.join(tally, 'many'), sizes.many);
  return { jobUs: many.jobUs, floorUs: many.floorUs, timesFewPending: many.jobUs / many.floorUs / (few.jobUs / few.floorUs) };
}

// The same number of jobs is run at each size, few of those that are there.
async function costAt(folder: string, tally: string, size: number): Promise<{ jobUs: number; floorUs: number }> {
  const jobs = Math.floor(Math.min(8_000, size * 0.8));
  fs.mkdirSync(tally, { recursive: true });
  const spool = openSpool(path.join(folder, 'spool'), { durability: 'none' });
  fill(spool.pending, size, PAST);
  fs.writeFileSync(spool.paused, '');
  const service = await startService(spool, tally);
  let jobUs = Number.NaN;
  try {
    fs.rmSync(spool.paused);
    await until(() => countRuns(tally) >= jobs, `${jobs} of ${size} jobs to run`, { timeoutMs: 300_000, everyMs: 2 });
  } finally {
    await service.end();
  }
  const runs = readTally(tally);
  const wrong = notExactlyOnce(runs, { first: 0, count: size, failEvery: 0 }, true);
  if (wrong.length > 0) throw new Error(`not exactly once: ${wrong.join('; ')}`);
  // The first tenth loads the handlers.
  const [from, to] = [Math.floor(jobs / 10), jobs - 1];
  jobUs = (((runs[to]?.at ?? Number.NaN) - (runs[from]?.at ?? Number.NaN)) / (to - from)) * 1_000;
  fs.rmSync(spool.root, { recursive: true, force: true });
  const bare = path.join(folder, 'bare');
  fill(bare, size, PAST);
  const floorUs = 1e6 / (await loop('through', bare, jobs, 200));
  fs.rmSync(bare, { recursive: true, force: true });
  return { jobUs, floorUs };
}

async function boot({ folder, tally, sizes }: Bout): Promise<Figures> {
  const spool = openSpool(folder, { durability: 'none' });
  fill(spool.pending, sizes.many, PAST);
  const began = now();
  const service = beginService(spool, tally, { runners: os.availableParallelism() });
  const memory = watchMemory(() => [service.pid]);
  try {
    await until(() => countRuns(tally) > 0 || service.hasEnded(), 'the first job', { timeoutMs: 300_000, everyMs: 2 });
    if (service.hasEnded()) throw new Error(`the service ended: ${service.says()}`);
    const firstJobMs = (readTally(tally)[0]?.at ?? Number.NaN) - began;
    return { firstJobMs, peakMb: memory.stop() };
  } finally {
    memory.stop();
    await service.end();
  }
}

async function scheduled({ folder, tally, sizes }: Bout): Promise<Figures> {
  const spool = openSpool(folder, { durability: 'none' });
  fill(spool.pending, sizes.many, FAR);
  return idle(spool, tally, os.availableParallelism(), sizes.idleSeconds);
}

async function idleService({ folder, tally, sizes }: Bout): Promise<Figures> {
  return idle(openSpool(folder, { durability: 'none' }), tally, 4, sizes.idleSeconds);
}

async function idle(spool: Spool, tally: string, runners: number, seconds: number): Promise<Figures> {
  const service = await startService(spool, tally, { runners });
  try {
    // What a start leaves to do is not idling.
    await sleep(Math.min(5_000, seconds * 1_000));
    const before = cpuSeconds([service.pid]);
    await sleep(seconds * 1_000);
    return { cpuPercent: ((cpuSeconds([service.pid]) - before) / seconds) * 100, peakMb: memoryMb([service.pid]) };
  } finally {
    await service.end();
  }
}

// Straight into the folder: a million submits would only take long.
function fill(folder: string, size: number, runAt: number): void {
  fs.mkdirSync(folder, { recursive: true });
  const payload = 'x'.repeat(200);

  for (let number = 0; number < size; number++) {
    const name = jobFileName({ priority: 5, runAt, id: `n${String(number).padStart(7, '0')}` });
    const job = { number, workMs: 0, fails: false, payload };
    fs.writeFileSync(path.join(folder, name), JSON.stringify({ class: 'Bench', method: 'work', params: [job] }));
  }
}
