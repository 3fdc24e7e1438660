/** Tells growth from noise in a series of samples. Pure. */

import { grouped } from './grouped.ts';

/** `noise`: what a series may rise over the whole run and still count as steady, in its own unit. */
export type Growth = { grows: boolean; from: number; rise: number; certainty: number };

/** Of the beginning so much is left out: caches fill, compilers warm up. */
const WARM_UP = 0.25;
/** Standard deviations of Kendall's test: a series without a trend exceeds it once in a thousand. */
const CERTAIN = 3.1;

/**
 * Whether a series grows. Two things must come together: the samples rise too steadily for chance (Mann-Kendall: of all pairs, how many have the later one
 * higher), and the rise over the whole run, by the median of the slopes of all pairs (Theil-Sen), is more than `noise`. A few
 * outliers change neither.
 */
export function growth(series: readonly number[], noise: number): Growth {
  const samples = series.slice(Math.floor(series.length * WARM_UP));
  const pairs = pairsOf(samples);
  const from = median(samples);
  if (pairs.length === 0) return { grows: false, from, rise: 0, certainty: 0 };
  const rise = median(pairs.map(({ rise, apart }) => rise / apart)) * (samples.length - 1);
  const score = pairs.reduce((sum, pair) => sum + Math.sign(pair.rise), 0);
  const certainty = score / Math.sqrt(varianceOf(samples));
  return { grows: certainty > CERTAIN && rise > noise, from, rise, certainty };
}

function pairsOf(samples: readonly number[]): { rise: number; apart: number }[] {
  return samples.flatMap((earlier, index) => samples.slice(index + 1).map((later, at) => ({ rise: later - earlier, apart: at + 1 })));
}

// Of Kendall's score when there is no trend, with equal samples taken into account.
function varianceOf(samples: readonly number[]): number {
  const term = (count: number) => count * (count - 1) * (2 * count + 5);
  const ties = grouped(samples, (value) => value);
  const tied = [...ties.values()].reduce((sum, { length }) => sum + term(length), 0);
  return Math.max(1, (term(samples.length) - tied) / 18);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length === 0 ? 0 : ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle) - 1] ?? 0)) / 2;
}
