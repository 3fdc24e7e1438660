/** What the chaos does and when: decided by the seed alone. */
import { type Random, seeded } from './random.ts';

export type What =
  | 'kill-dispatcher'
  | 'kill-runner'
  | 'kill-runner-group'
  | 'kill-dispatcher-and-runners'
  | 'kill-producer'
  | 'kill-everything'
  | 'stop-runner'
  | 'stop-dispatcher'
  | 'stop-producer'
  | 'term-dispatcher'
  | 'term-dispatcher-twice'
  | 'term-runner'
  | 'drain-runner'
  | 'pause';

/**
 * One act of the chaos. `atMs`: since its beginning. `pick`, 0 to 1, chooses the victim among those that are there (of runners, those
 * that are busy), in the order of their age; `forMs`: how long something stands still, and how long the victim's successor is waited for.
 */
export type Decision = { atMs: number; what: What; pick: number; forMs: number };

type Choice = { what: What; weight: number; forMs?: readonly [number, number] };

const KILLS: readonly Choice[] = [
  { what: 'kill-runner', weight: 26 },
  { what: 'kill-runner-group', weight: 10 },
  { what: 'kill-dispatcher', weight: 14 },
  { what: 'kill-dispatcher-and-runners', weight: 6 },
  { what: 'kill-producer', weight: 5 },
  { what: 'kill-everything', weight: 1.5 },
];

/** `staleMs`: some stand still for longer. */
const others = (staleMs: number): readonly Choice[] => [
  { what: 'stop-runner', weight: 5, forMs: [50, 800] },
  { what: 'stop-runner', weight: 1.5, forMs: [staleMs * 1.2, staleMs * 2] },
  { what: 'stop-dispatcher', weight: 3, forMs: [50, 800] },
  { what: 'stop-dispatcher', weight: 1.5, forMs: [staleMs * 1.2, staleMs * 2] },
  { what: 'stop-producer', weight: 0.5, forMs: [50, 2_000] },
  { what: 'term-dispatcher', weight: 4 },
  { what: 'term-dispatcher-twice', weight: 1 },
  { what: 'term-runner', weight: 2 },
  { what: 'drain-runner', weight: 3 },
  { what: 'pause', weight: 1.5, forMs: [100, 1_200] },
];

/** An endless sequence. `everyMs`: the mean time between two acts. */
export function* decisions(seed: number, everyMs: number, staleMs: number): Generator<Decision> {
  const random = seeded(seed, 'chaos');
  const choices = [...KILLS, ...others(staleMs)];
  for (let atMs = 0; ; ) {
    atMs += Math.round(everyMs * 2 * random.next());
    yield decision(random, choices, atMs);
  }
}

// As many numbers are drawn whatever is chosen, so that a changed range changes no other decision.
function decision(random: Random, choices: readonly Choice[], atMs: number): Decision {
  const { what, forMs = [0, 1_500] } = random.pick(choices);
  return { atMs, what, pick: random.next(), forMs: random.whole(Math.round(forMs[0]), Math.round(forMs[1])) };
}
