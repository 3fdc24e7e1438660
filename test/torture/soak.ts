/** The scenario `soak`: a long, steady life. Nothing may grow, and retention removes only what is over. */
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../support/wait-for.ts';
import { type Books, type Found, readBooks } from './books.ts';
import { drain } from './drain.ts';
import { growths, mayGrow, type Series, sample, tooLarge } from './samples.ts';
import type { Growth } from './slope.ts';
import { judge, type Problem, type Verdict } from './verdict.ts';
import { namesIn, World, type WorldOptions } from './world.ts';

export type SoakOptions = WorldOptions & { forMs: number; sampleMs: number; keep: string; producers: number; drainMs: number };

export type SoakReport = { seed: number; seconds: number; samples: number; series: { name: string; growth: Growth }[]; verdict: Verdict };

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { keep } = options;
  // The ledger goes by whole days: what is completed stays countable.
  const world = new World({ ...options, inspect: true, env: { JOBSPOOL_KEEP_FAILED: keep, JOBSPOOL_KEEP_LOGS: keep, ...options.env } });
  const series: Series = new Map();
  const trouble: Problem[] = [];
  const began = performance.now();
  try {
    await begin(world, options.producers);
    plantWaiting(world.spool);
    for (let at = performance.now() + options.sampleMs; performance.now() - began < options.forMs; at += options.sampleMs) {
      await sleep(Math.max(0, at - performance.now()));
      await sample(world, series);
    }
    trouble.push(...takeWaiting(world.spool));
    await drain(world, options.drainMs);
  } catch (error) {
    trouble.push({ promise: 'not over', what: (error as Error).message });
  } finally {
    world.endAll();
  }
  const books = readBooks(options.dir);
  books.found.push(...pruned(world.spool, books));
  const verdict = judge(books, { crashes: 0, killed: world.killed });
  const measured = growths(series);
  const surprises = world.surprises.map((what): Problem => ({ promise: 'unexpected', what }));
  verdict.problems.push(...trouble, ...surprises, ...measured.flatMap(problemOf), ...tooLarge(series).map(problemOfSize));
  const samples = Math.max(0, ...[...series.values()].map(({ length }) => length));
  return { seed: options.seed, seconds: (performance.now() - began) / 1_000, samples, series: measured, verdict };
}

async function begin(world: World, producers: number): Promise<void> {
  const { dispatchers, runners } = world.options;
  for (let number = 0; number < dispatchers; number++) world.start('dispatcher', number);
  await waitFor(() => world.runners().length === dispatchers * runners, 'the runners to be there', { timeoutMs: 120_000 });
  for (let number = 0; number < producers; number++) world.start('producer', number);
}

/** Jobs that wait for a time far off, and whose files are older than anything is kept. */
const WAITING = 20;
const waitingName = (number: number) => `p5-20990101T000000.000Z-waits.${number}.json`;

function plantWaiting(spool: string): void {
  for (let number = 0; number < WAITING; number++) {
    const file = path.join(spool, number % 2 === 0 ? 'pending' : 'retrying', waitingName(number));
    fs.writeFileSync(file, JSON.stringify({ class: 'Work', method: 'noop', params: [`waits.${number}`] }));
    fs.utimesSync(file, 1_000_000_000, 1_000_000_000);
  }
}

function takeWaiting(spool: string): Problem[] {
  return Array.from({ length: WAITING }, (_, number) => waitingName(number)).flatMap((name): Problem[] => {
    const files = ['pending', 'retrying'].map((folder) => path.join(spool, folder, name)).filter((file) => fs.existsSync(file));
    for (const file of files) fs.rmSync(file);
    return files.length === 1 ? [] : [{ promise: 'lost', what: `${name} waited for its time and is in ${files.length} places` }];
  });
}

/** Jobs whose records retention has removed: the service's log says how they ended. */
function pruned(spool: string, { claims, found }: Books): Found[] {
  const known = new Set(found.map(({ key }) => key));
  const ends = endsInLog(path.join(spool, 'logs'));
  return [...claims.acknowledged].flatMap(([key, id]): Found[] => {
    const state = ends.get(id);
    if (known.has(key) || !state) return [];
    return [{ key, id, state, where: 'the log alone', attempts: [], ...(state === 'rejected' ? { reason: 'duplicate:' } : {}) }];
  });
}

function endsInLog(folder: string): Map<string, 'failed' | 'cancelled' | 'rejected'> {
  const ends = new Map<string, 'failed' | 'cancelled' | 'rejected'>();
  for (const name of namesIn(folder).filter((file) => /^background_jobs\.(\d.*\.)?log$/.test(file)))
    for (const line of fs.readFileSync(path.join(folder, name), 'utf8').split('\n')) {
      const match = /"event":"(failed|cancelled|rejected)".*?"id":"([^"]+)"/.exec(line);
      if (match) ends.set(match[2] as string, match[1] as 'failed');
    }
  return ends;
}

function problemOfSize([name, largest]: [string, number]): Problem {
  return { promise: 'unexpected', what: `${name} came to ${Math.round(largest)}` };
}

function problemOf({ name, growth }: { name: string; growth: Growth }): Problem[] {
  if (!growth.grows || mayGrow(name)) return [];
  const what = `${name} grew by ${Math.round(growth.rise)} over the run, from about ${Math.round(growth.from)} (certainty ${growth.certainty.toFixed(1)})`;
  return [{ promise: 'unexpected', what }];
}
