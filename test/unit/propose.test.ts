import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  AHEAD_MS,
  average,
  batchForShared,
  countAhead,
  deal,
  EARLY_MS,
  isStuck,
  isStuckShared,
  MAX_BATCH,
  MAX_CHUNK,
  type RunnerView,
  roomShared,
  type Seat,
  seatFor,
  shares,
} from '../../service/propose.ts';

const runner = (slot: string, over: Partial<RunnerView> = {}): RunnerView => ({
  slot,
  proposed: 0,
  averageMs: AHEAD_MS,
  lastReport: 0,
  ...over,
});

test('a runner of long or unknown jobs has one in hand, so that a better job need not wait behind others', () => {
  assert.equal(countAhead(AHEAD_MS, MAX_BATCH), 1);
  assert.equal(countAhead(60_000, MAX_BATCH), 1);
});

test('the work in the hands of a runner of short jobs is about 10 ms, and never more than the largest batch', () => {
  assert.equal(countAhead(2, MAX_BATCH), 5);
  assert.equal(countAhead(0.001, MAX_BATCH), MAX_BATCH);
  assert.equal(countAhead(0, MAX_BATCH), MAX_BATCH);
});

test('of a batch a runner takes one job while its pace is unknown, then about 10 ms of work', () => {
  assert.equal(countAhead(undefined, MAX_CHUNK), 1);
  assert.equal(countAhead(60_000, MAX_CHUNK), 1);
  assert.equal(countAhead(2, MAX_CHUNK), 5);
  assert.equal(countAhead(0.000_1, MAX_CHUNK), 256);
});

test('no job is dealt twice or dropped, none goes beyond a batch, and none waits while a runner is free', () => {
  const runners = fc
    .array(fc.record({ proposed: fc.integer({ min: 0, max: 70 }), averageMs: fc.double({ min: 0, max: 100, noNaN: true }) }), {
      maxLength: 6,
    })
    .map((list) => list.map((over, index) => runner(`s${index}`, over)));
  fc.assert(
    fc.property(runners, fc.integer({ min: 0, max: 300 }), (views, ready) => {
      const dealt = shares(views, ready, 0);
      const total = [...dealt.values()].reduce((sum, share) => sum + share, 0);
      assert.ok(total <= ready);
      for (const view of views)
        assert.ok((dealt.get(view.slot) ?? 0) + view.proposed <= Math.max(view.proposed, countAhead(view.averageMs, MAX_BATCH)));
      if (ready > 0 && views.some(({ proposed }) => proposed === 0)) assert.ok(total > 0);
      const names = Array.from({ length: total }, (_, index) => `job${index}`);
      const hands = deal(names, dealt);
      assert.deepEqual([...hands.values()].flat().toSorted(), names.toSorted());
      for (const [slot, hand] of hands) assert.equal(hand.length, dealt.get(slot));
    }),
  );
});

test('what is scarce is spread over the free runners', () => {
  assert.deepEqual(
    [...shares([runner('a', { averageMs: 0 }), runner('b', { averageMs: 0 })], 4, 0)],
    [
      ['a', 2],
      ['b', 2],
    ],
  );
});

test('a runner is told of its next job shortly before a long one should end, and no sooner; not when that is late, for a better one may come', () => {
  const busy = runner('a', { proposed: 1, averageMs: 20, endsAt: 120 });
  const given = (clock: number) => shares([busy], 5, clock).get('a');
  assert.equal(given(110), undefined);
  assert.equal(given(120 - EARLY_MS), 1);
  assert.equal(given(120 + EARLY_MS), 1);
  assert.equal(given(130), undefined);
  const two = { ...busy, proposed: 2 };
  assert.equal(shares([two], 5, 120).get('a'), undefined);
});

test('a runner with work is told of a few more jobs together, not of each as it comes', () => {
  const busy = runner('a', { proposed: 10, averageMs: 0.1 });
  assert.equal(shares([busy], 15, 0).get('a'), undefined);
  assert.equal(shares([busy], 16, 0).get('a'), 16);
  assert.equal(shares([runner('a', { averageMs: 0.1 })], 1, 0).get('a'), 1, 'one that is free begins at once');
});

test('the best jobs start first: every runner is dealt one before any gets a second', () => {
  const hands = deal(
    ['1', '2', '3', '4', '5'],
    new Map([
      ['a', 3],
      ['b', 2],
    ]),
  );
  assert.deepEqual(
    [...hands],
    [
      ['a', ['1', '3', '5']],
      ['b', ['2', '4']],
    ],
  );
});

test('a runner that sits on other jobs while one takes long is stuck; one with a single job is not', () => {
  assert.equal(isStuck(runner('a', { proposed: 2 }), 2 * AHEAD_MS + 1), true);
  assert.equal(isStuck(runner('a', { proposed: 2 }), 2 * AHEAD_MS), false);
  assert.equal(isStuck(runner('a', { proposed: 1 }), 1_000_000), false);
  assert.equal(isStuck(runner('a', { proposed: 2, averageMs: 25 }), 2 * AHEAD_MS + 25), false, 'a job of the usual length is not over');
  assert.equal(isStuck(runner('a', { proposed: 2, averageMs: 25 }), 2 * AHEAD_MS + 26), true);
});

test('the average follows the jobs of a runner', () => {
  assert.equal(average(undefined, 30, 3), 10);
  assert.equal(average(10, 0, 1), 7);
  assert.equal(average(undefined, 5, 0), 5);
});

test('a runner of shared jobs has in hand what it runs at once and what begins within 10 ms, never more than twice that', () => {
  assert.equal(batchForShared(100, undefined), 100);
  assert.equal(batchForShared(100, 200), 105);
  assert.equal(batchForShared(100, 20), 150);
  assert.equal(batchForShared(100, 0.1), 200);
  assert.equal(batchForShared(1, 60_000), 1);
});

test('a runner of shared jobs is served when a place is empty or half of what waits in its hand has begun, and to the brim', () => {
  assert.equal(roomShared(10, undefined, 9), 1);
  assert.equal(roomShared(10, undefined, 10), 0);
  assert.equal(roomShared(100, 20, 126), 0);
  assert.equal(roomShared(100, 20, 125), 25);
  assert.equal(roomShared(100, 20, 200), 0);
});

test('a runner of shared jobs that waits for all of them is not stuck before their time is over', () => {
  const full = (averageMs: number) => runner('a', { proposed: 11, averageMs });
  assert.equal(isStuckShared(full(50), 10, 2 * AHEAD_MS + 50), false);
  assert.equal(isStuckShared(full(50), 10, 2 * AHEAD_MS + 51), true);
  assert.equal(isStuckShared({ ...full(50), proposed: 10 }, 10, 1_000_000), false);
});

const seat = (slot: string, over: Partial<Seat> = {}): Seat => ({ slot, isFree: false, share: 0, room: 0, ...over });
const MANY = { key: 'many', concurrency: 10 };

test('a job that may share goes where its like is, so that others stay free; a free runner takes what finds no room there', () => {
  const seats = [
    seat('free', { isFree: true, share: 1 }),
    seat('other', { sharing: 'other', room: 9 }),
    seat('many', { sharing: 'many', room: 1 }),
  ];
  assert.equal(seatFor(seats, MANY)?.slot, 'many');
  (seats[2] as Seat).room = 0;
  assert.equal(seatFor(seats, MANY)?.slot, 'free');
  assert.equal(seatFor(seats.slice(1), MANY), undefined);
});

test('a job that wants a runner to itself is never proposed to one that several share', () => {
  assert.equal(seatFor([seat('many', { sharing: 'many', room: 9 })], undefined), undefined);
  assert.equal(seatFor([seat('many', { sharing: 'many', room: 9 }), seat('own', { share: 1 })], undefined)?.slot, 'own');
});
