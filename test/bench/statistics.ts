/** A median and how far the repetitions lie apart. */
export type Summary = { median: number; min: number; max: number; count: number };

/** Of at least one value. */
export function summarize(values: readonly number[]): Summary {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN, count: sorted.length };
}

/** Of values in ascending order; between two of them by proportion. NaN for none. */
export function quantile(sorted: readonly number[], share: number): number {
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** How far the repetitions lie from their median at most, as a share of it. */
export const spread = ({ median, min, max }: Summary): number => (median === 0 ? 0 : Math.max(max - median, median - min) / median);
