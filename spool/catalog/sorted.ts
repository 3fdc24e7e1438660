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
    this.#items = added.length === 0 ? kept : merged(kept, added.sort(this.#compare), this.#compare);
  }
}

/** Two lists that are in order as one. What is new belongs together, mostly at one end: what lies between is copied without a comparison. */
export function merged<T>(kept: readonly T[], added: readonly T[], compare: (a: T, b: T) => number): T[] {
  const all: T[] = [];
  let from = 0;
  for (const item of added) {
    const to = firstThat(kept, (other) => compare(other, item) > 0, from);
    for (let at = from; at < to; at++) all.push(kept[at] as T);
    all.push(item);
    from = to;
  }
  for (let at = from; at < kept.length; at++) all.push(kept[at] as T);
  return all;
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
