/** What a spool's processes and folders come to, sampled again and again, and whether any of it grows. */
import fs from 'node:fs';
import path from 'node:path';
import { liveHeap } from './live-heap.ts';
import { type Usage, usageOf } from './processes.ts';
import { type Growth, growth } from './slope.ts';
import { namesIn, type World } from './world.ts';

/** A series of samples by its name. */
export type Series = Map<string, number[]>;

const MEBIBYTE = 1_048_576;
/** What may come and go without being growth, by the ending of a series' name. Backlogs and what retention has not yet removed swing widely. */
const NOISE: readonly [ending: string, share: number, at: number][] = [
  [' live memory', 0.1, 4 * MEBIBYTE],
  [' memory', 0.1, 12 * MEBIBYTE],
  [' descriptors', 0, 4],
  [' threads', 0, 2],
  ['tmp/ files', 0, 3],
  ['cancel/ files', 0, 5],
  ['running/ files', 0, 12],
  ['logs/ files', 0, 2],
  [' files', 0.3, 60],
];

/** Takes one sample of everything. */
export async function sample(world: World, series: Series): Promise<void> {
  for (const { kind, number, pid } of world.members) add(series, `${kind} ${number}`, usageOf(pid));
  const runners = world.runners().flatMap(({ pid }) => usageOf(pid) ?? []);
  // Runners come and go: of each sample the largest.
  if (runners.length > 0) add(series, 'largest runner', largest(runners));
  push(series, 'runners alive', runners.length);
  for (const folder of FOLDERS) push(series, `${folder}/ files`, namesIn(path.join(world.spool, folder)).length);
  // It grows by design, until the day is over.
  push(series, 'logs/ bytes', sizes(path.join(world.spool, 'logs')));
  for (const { number } of world.of('dispatcher')) {
    const inspector = world.inspectorOf(number);
    if (inspector !== undefined) push(series, `dispatcher ${number} live memory`, await liveHeap(inspector));
  }
}

/** What each series came to. */
export function growths(series: Series): { name: string; growth: Growth }[] {
  return [...series].map(([name, samples]) => ({ name, growth: growth(samples, noiseOf(name, samples)) }));
}

/** A series that may grow: of a dispatcher's memory only what is in use may not, and the whole has a limit. */
export const mayGrow = (name: string): boolean => name === 'logs/ bytes' || isWhole(name);

const isWhole = (name: string): boolean => /^dispatcher \d+ memory$/.test(name);

/** What no dispatcher may come to, garbage that was not collected yet included. */
const MEMORY_LIMIT = 300 * MEBIBYTE;

/** The series that rose above their limit, with how far. */
export const tooLarge = (series: Series): [name: string, largest: number][] =>
  [...series]
    .filter(([name]) => isWhole(name))
    .map(([name, samples]): [string, number] => [name, Math.max(...samples)])
    .filter(([, largest]) => largest > MEMORY_LIMIT);

const FOLDERS = ['tmp', 'incoming', 'pending', 'retrying', 'running', 'cancel', 'failed', 'cancelled', 'rejected', 'logs', 'logs/jobs'];

function add(series: Series, who: string, usage: Usage | undefined): void {
  if (!usage) return;
  push(series, `${who} memory`, usage.pss);
  push(series, `${who} descriptors`, usage.descriptors);
  push(series, `${who} threads`, usage.threads);
}

function push(series: Series, name: string, value: number): void {
  const samples = series.get(name);
  if (samples) samples.push(value);
  else series.set(name, [value]);
}

const largest = (all: Usage[]): Usage => ({
  pss: Math.max(...all.map(({ pss }) => pss)),
  peakRss: Math.max(...all.map(({ peakRss }) => peakRss)),
  descriptors: Math.max(...all.map(({ descriptors }) => descriptors)),
  threads: Math.max(...all.map(({ threads }) => threads)),
});

function noiseOf(name: string, samples: readonly number[]): number {
  const [, share, at] = NOISE.find(([ending]) => name.endsWith(ending)) ?? ['', 0.1, 2];
  return at + share * Math.max(...samples);
}

function sizes(folder: string): number {
  return namesIn(folder).reduce((sum, name) => sum + (fs.statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0), 0);
}
