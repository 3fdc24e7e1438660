/** A list that is kept in order. It is replaced, never changed: who walks along `items` walks along what they were. */
export class Sorted<T> {
  readonly #compare: (a: T, b: T) => number;
  #items: readonly T[] = [];

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get items(): readonly T[] {
    return this.#items;
  }

  /** Takes out what is gone, then puts in what was added. */
  change(added: T[], isGone?: (item: T) => boolean): void {
    const kept = isGone ? this.#items.filter((item) => !isGone(item)) : this.#items;
    this.#items = added.length === 0 ? kept : this.#merged(kept, added.sort(this.#compare));
  }

  // What is new belongs together, mostly at one end: what lies between is copied without a comparison.
  #merged(kept: readonly T[], added: readonly T[]): T[] {
    const merged: T[] = [];
    let from = 0;
    for (const item of added) {
      const to = firstThat(kept, (other) => this.#compare(other, item) > 0, from);
      for (let at = from; at < to; at++) merged.push(kept[at] as T);
      merged.push(item);
      from = to;
    }
    for (let at = from; at < kept.length; at++) merged.push(kept[at] as T);
    return merged;
  }
}

/** The index of the first item for which `holds`, which holds for all that follow it; the length when there is none. */
export function firstThat<T>(items: ArrayLike<T>, holds: (item: T) => boolean, from = 0): number {
  let low = from;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(items[middle] as T)) high = middle;
    else low = middle + 1;
  }
  return low;
}
