/** A run in which a job is missing or doubled is no figure: the benchmark must see it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { expectedRuns, notExactlyOnce } from '../bench/exactly-once.ts';
import { produce } from '../bench/producing.ts';
import { countRuns, openTally, readTally } from '../bench/tally.ts';
import { tempFolder } from '../support/spool.ts';

const ran = (...numbers: number[]) => numbers.map((number, at) => ({ number, at }));

test('a job that never ran, one that ran twice and one that nobody submitted are each named', () => {
  const expected = { first: 0, count: 4, failEvery: 0 };
  assert.deepEqual(notExactlyOnce(ran(3, 0, 1, 2), expected), []);
  assert.deepEqual(notExactlyOnce(ran(0, 1, 1, 7), expected), [
    '2 jobs ran too seldom: 2, 3',
    '1 jobs ran too often: 1',
    '1 jobs ran and were never submitted: 7',
  ]);
  assert.deepEqual(notExactlyOnce(ran(0, 1), expected, true), [], 'the run was ended early');
  assert.deepEqual(notExactlyOnce(ran(0, 0), expected, true), ['1 jobs ran too often: 0']);
});

test('a job that was told to fail its first attempt must have run exactly twice', () => {
  const expected = { first: 0, count: 4, failEvery: 2 };
  assert.equal(expectedRuns(expected), 6);
  assert.deepEqual(notExactlyOnce(ran(0, 1, 2, 3, 0, 2), expected), []);
  assert.deepEqual(notExactlyOnce(ran(0, 1, 2, 3, 0), expected), ['1 jobs ran too seldom: 2']);
});

test('what handlers note in the tally is read back, in the order of time', (t) => {
  const folder = tempFolder(t);
  const note = openTally(folder);
  assert.equal(countRuns(folder), 0);
  for (const number of [5, 3, 1e9]) note(number);
  assert.equal(countRuns(folder), 3);
  assert.deepEqual(
    readTally(folder).map(({ number }) => number),
    [5, 3, 1e9],
  );
  assert.equal(fs.readdirSync(folder).length, 1);
});

test('each job of an order is submitted once, whether one by one, in batches or spaced', async () => {
  for (const how of [
    { kind: 'one-by-one', inFlight: 3 } as const,
    { kind: 'batches', size: 4 } as const,
    { kind: 'spaced', gapsMs: [0, 1] } as const,
  ]) {
    const submitted: number[] = [];
    const producer = {
      submit: async ({ number }: { number: number }) => void submitted.push(number),
      submitBatch: async (jobs: { number: number }[]) => void submitted.push(...jobs.map(({ number }) => number)),
      left: async () => 0,
    };
    const { submittedAt } = await produce(producer, { first: 10, count: 10, workMs: 0, failEvery: 0, payloadBytes: 5, how });
    assert.deepEqual(notExactlyOnce(ran(...submitted), { first: 10, count: 10, failEvery: 0 }), [], how.kind);
    assert.equal(submittedAt.length, how.kind === 'spaced' ? 10 : 0);
  }
});
