import { randomFrom } from '../support/random.ts';

/** A source of numbers that a seed decides: the same seed gives the same numbers. */
export type Random = {
  /** 0 to 1, without 1. */
  next(): number;
  /** A whole number from `from` to `to`, both included. */
  whole(from: number, to: number): number;
  /** One of the items by their weights. */
  pick<T extends { weight: number }>(items: readonly T[]): T;
};

/** Makes a source from a seed. Sources of different names under one seed have nothing to do with each other. */
export function seeded(seed: number, name = ''): Random {
  const next = randomFrom(hash(`${seed}:${name}`));
  return {
    next,
    whole: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (items) => {
      let left = next() * items.reduce((sum, { weight }) => sum + weight, 0);
      for (const item of items) {
        left -= item.weight;
        if (left < 0) return item;
      }
      return items.at(-1) as (typeof items)[number];
    },
  };
}

// FNV-1a
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const char of Buffer.from(text)) value = Math.imul(value ^ char, 0x01000193) >>> 0;
  return value;
}
