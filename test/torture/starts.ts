/** Judges the starts of many jobs that were all waiting when the first began: their order, and who started them. Pure. */

/** The start of a job: its place in the order in which the jobs should run, and whose runner it was. Times in milliseconds. */
export type Start = { key: string; rank: number; at: number; dispatcher: string };

/** How many better jobs each start passed over: those that were still to start, in the order of the starts. */
export function passedOver(starts: readonly Start[]): { start: Start; better: number }[] {
  const started = new Tally(Math.max(0, ...starts.map(({ rank }) => rank)) + 1);
  for (const { rank } of starts) started.add(rank);
  return starts.map((start) => {
    started.remove(start.rank);
    return { start, better: started.below(start.rank) };
  });
}

/** The starts that passed over more better jobs than `allowed`, but for those near a disturbance. */
export function outOfOrder(starts: readonly Start[], allowed: number, isNear: (at: number) => boolean): { start: Start; better: number }[] {
  return passedOver(starts).filter(({ start, better }) => better > allowed && !isNear(start.at));
}

/** The dispatchers whose runners were there before the first start, and those whose runners were there at the end. */
export type Presence = { first: readonly string[]; last: readonly string[] };

/**
 * The dispatchers that started nothing in `window` starts in a row although their runners were there. By numbers of starts and not by time: a
 * machine that is busy slows all of them.
 */
export function idleDispatchers(starts: readonly Start[], window: number, isNear: (at: number) => boolean, presence: Presence): string[] {
  const last = new Map<string, number>(presence.first.map((dispatcher) => [dispatcher, -1]));
  const idle: string[] = [];
  const note = (dispatcher: string, index: number) => {
    const before = last.get(dispatcher) ?? index;
    if (index - before <= window || starts.slice(Math.max(0, before), index + 1).some(({ at }) => isNear(at))) return;
    const until = new Date(starts[Math.min(index, starts.length - 1)]?.at ?? 0).toISOString();
    idle.push(`${dispatcher} started nothing while the others started ${index - before} jobs, until ${until}`);
  };
  for (const [index, { dispatcher }] of starts.entries()) {
    note(dispatcher, index);
    last.set(dispatcher, index);
  }
  for (const dispatcher of presence.last) if (last.has(dispatcher)) note(dispatcher, starts.length);
  return idle;
}

/** Counts numbers below a number (a Fenwick tree). */
class Tally {
  readonly #sums: number[];

  constructor(size: number) {
    this.#sums = new Array(size + 1).fill(0);
  }

  add(value: number, by = 1): void {
    for (let at = value + 1; at < this.#sums.length; at += at & -at) this.#sums[at] = (this.#sums[at] ?? 0) + by;
  }

  remove(value: number): void {
    this.add(value, -1);
  }

  below(value: number): number {
    let sum = 0;
    for (let at = value; at > 0; at -= at & -at) sum += this.#sums[at] ?? 0;
    return sum;
  }
}
