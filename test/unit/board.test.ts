import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Board } from '../../jobs/board.ts';
import { aJob, aPolicy } from '../support/a-job.ts';

const posted = (id = 'a') => ({
  name: aJob({ id }).name,
  startedAt: 1_795_000_000_123,
  writtenAt: 1_795_000_000_001.5,
  policy: aPolicy({ backoff: 'fixed', retries: 7 }),
});

test('the watchdog reads what the main thread posted, with the longest name there is', () => {
  const board = new Board();
  const watchdog = new Board(board.memory);
  board.post(posted('x'.repeat(100)));
  assert.deepEqual(watchdog.read(), posted('x'.repeat(100)));
  board.post(posted('short'));
  assert.deepEqual(watchdog.read(), posted('short'));
});

test('of the main thread and the watchdog exactly one settles an attempt', () => {
  const board = new Board();
  const watchdog = new Board(board.memory);
  board.post(posted());
  assert.equal(board.finish(), true);
  assert.equal(watchdog.take(), false);
  board.post(posted());
  assert.equal(watchdog.take(), true);
  assert.equal(board.finish(), false);
});

test('between attempts there is nothing to take', () => {
  const board = new Board();
  assert.equal(board.isRunning, false);
  assert.equal(board.take(), false);
  board.post(posted());
  assert.equal(board.isRunning, true);
  board.finish();
  assert.equal(board.isRunning, false);
});

test('a request to stop one attempt is not taken for one to stop the next', () => {
  const board = new Board();
  board.post(posted());
  const first = board.sequence;
  board.hear(first);
  assert.equal(board.heard(first), true);
  board.finish();
  board.post(posted());
  assert.notEqual(board.sequence, first);
  assert.equal(board.heard(board.sequence), false);
});
