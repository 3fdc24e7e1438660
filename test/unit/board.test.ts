import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Board } from '../../jobs/board.ts';
import { aJob, aPolicy } from '../support/a-job.ts';

const posted = (id = 'a') => ({
  name: aJob({ id }).name,
  startedAt: 1_795_000_000_123,
  startedClock: 12_345.678,
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
  assert.equal(watchdog.take(board.sequence), false);
  board.post(posted());
  assert.equal(watchdog.take(board.sequence), true);
  assert.equal(board.finish(), false);
});

test('between attempts there is nothing to take', () => {
  const board = new Board();
  assert.equal(board.isRunning, false);
  assert.equal(board.take(board.sequence), false);
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

test('to take one attempt never takes the next', () => {
  const board = new Board();
  const watchdog = new Board(board.memory);
  board.post(posted());
  const late = watchdog.sequence;
  board.finish();
  board.post(posted());
  assert.equal(watchdog.take(late), false);
  assert.equal(board.isRunning, true);
});

test('a TERM that was announced is told apart from one that was not, and counts once', () => {
  const board = new Board();
  assert.equal(board.wasTermAnnounced(), false);
  new Board(board.memory).announceTerm();
  assert.equal(board.wasTermAnnounced(), true);
  assert.equal(board.wasTermAnnounced(), false);
});
