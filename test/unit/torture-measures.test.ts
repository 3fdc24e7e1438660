/** What the torture measures by must tell what is wrong from what is not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decisions } from '../torture/plan.ts';
import { seeded } from '../torture/random.ts';
import { growth } from '../torture/slope.ts';
import { idleDispatchers, outOfOrder, type Presence, type Start } from '../torture/starts.ts';

const NEVER = () => false;
const noisy = (length: number, at: (index: number) => number): number[] => {
  const random = seeded(1, 'noise');
  return Array.from({ length }, (_, index) => at(index) + 20 * random.next());
};

test('a series that grows is told from one that only swings, starts low, or has outliers', () => {
  assert.equal(
    growth(
      noisy(60, (index) => 100 + index),
      10,
    ).grows,
    true,
  );
  assert.equal(
    growth(
      noisy(60, () => 100),
      10,
    ).grows,
    false,
    'noise',
  );
  assert.equal(
    growth(
      noisy(60, (index) => (index < 12 ? index * 8 : 100)),
      10,
    ).grows,
    false,
    'warming up',
  );
  assert.equal(
    growth(
      noisy(60, (index) => (index % 20 === 19 ? 900 : 100)),
      10,
    ).grows,
    false,
    'outliers',
  );
  assert.equal(
    growth(
      noisy(60, (index) => 100 + index),
      200,
    ).grows,
    false,
    'a rise that is allowed',
  );
  assert.equal(growth([7, 7, 7, 7, 7, 7], 1).grows, false);
  assert.equal(growth([], 1).grows, false);
});

test('the same seed makes the same decisions at the same times', () => {
  const first = (seed: number) => {
    const all = decisions(seed, 1_000, 5_000);
    return Array.from({ length: 200 }, () => all.next().value);
  };
  assert.deepEqual(first(42), first(42));
  assert.notDeepEqual(first(42), first(43));
});

const startsOf = (ranks: number[], dispatcher = (index: number) => `d${index % 2}`): Start[] =>
  ranks.map((rank, index) => ({ key: `k${rank}`, rank, at: index, dispatcher: dispatcher(index) }));

test('a start that passes over more better jobs than there are runners is out of order', () => {
  assert.deepEqual(outOfOrder(startsOf([1, 0, 3, 2, 4]), 1, NEVER), []);
  const wrong = outOfOrder(startsOf([3, 0, 1, 2, 4]), 2, NEVER);
  assert.deepEqual(
    wrong.map(({ start, better }) => [start.key, better]),
    [['k3', 3]],
  );
  assert.deepEqual(
    outOfOrder(startsOf([3, 0, 1, 2, 4]), 2, (at) => at === 0),
    [],
  );
});

test('a dispatcher that starts nothing while others start many is idle; one that begins late or is killed is not', () => {
  const ranks = Array.from({ length: 300 }, (_, index) => index);
  const nobody = { first: [], last: [] };
  const idle = (starts: Start[], presence: Presence = nobody, isNear: (at: number) => boolean = NEVER) =>
    idleDispatchers(starts, 50, isNear, presence).length;
  const pausing = startsOf(ranks, (index) => (index > 100 && index < 200 ? 'd0' : `d${index % 2}`));
  const late = startsOf(ranks, (index) => (index < 200 ? 'd0' : `d${index % 2}`));
  const ending = startsOf(ranks, (index) => (index > 200 ? 'd0' : `d${index % 2}`));
  assert.equal(idle(startsOf(ranks)), 0);
  assert.equal(idle(pausing), 1);
  assert.equal(
    idle(pausing, nobody, (at) => at === 150),
    0,
    'somebody was killed meanwhile',
  );
  assert.equal(idle(late), 0);
  assert.equal(idle(late, { first: ['d1'], last: [] }), 1, 'it was there from the beginning');
  assert.equal(idle(ending), 0);
  assert.equal(idle(ending, { first: [], last: ['d1'] }), 1, 'it was there until the end');
  assert.equal(idle(startsOf(ranks), { first: ['d2'], last: ['d2'] }), 1, 'it never started any');
});
