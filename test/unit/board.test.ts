import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
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

test('an attempt is not over, and the next one does not begin, while signals are being sent for it', async () => {
  const board = new Board();
  board.post(posted());
  // 1: the main thread is about to finish; 2: it has finished.
  const steps = new Int32Array(new SharedArrayBuffer(4));
  const main = new Worker(
    `const { workerData } = require('node:worker_threads');
     import(workerData.module).then(({ Board }) => {
       const board = new Board(workerData.memory);
       Atomics.wait(workerData.steps, 0, 0);
       board.finish();
       Atomics.store(workerData.steps, 0, 2);
     });`,
    { eval: true, workerData: { module: new URL('../../jobs/board.ts', import.meta.url).href, memory: board.memory, steps } },
  );
  board.whileRunning(board.sequence, () => {
    Atomics.store(steps, 0, 1);
    Atomics.notify(steps, 0);
    while (board.isRunning) Atomics.wait(steps, 0, 1, 10);
    Atomics.wait(steps, 0, 1, 200);
    assert.equal(Atomics.load(steps, 0), 1, 'it waits');
  });
  await once(main, 'exit');
  assert.equal(Atomics.load(steps, 0), 2);
  board.whileRunning(board.sequence, () => assert.fail('it is over'));
});

test('a request to stop is found by the main thread, and not taken for one of the next attempt', () => {
  const board = new Board();
  const watchdog = new Board(board.memory);
  board.post(posted());
  assert.equal(board.askedToStop, undefined);
  watchdog.askToStop(watchdog.sequence, 'timed-out');
  assert.equal(board.askedToStop, 'timed-out');
  watchdog.askToStop(watchdog.sequence, 'cancelled');
  assert.equal(board.askedToStop, 'cancelled');
  board.finish();
  board.post(posted('b'));
  assert.equal(board.askedToStop, undefined);
});

test('a job that is being claimed or settled beside its neighbours is busy until it rests, and can be taken only while it runs', () => {
  const board = new Board();
  const watchdog = new Board(board.memory);
  board.reserve();
  assert.deepEqual([watchdog.isBusy, watchdog.isRunning, watchdog.take(watchdog.sequence)], [true, false, false]);
  board.post(posted());
  assert.deepEqual([watchdog.isBusy, watchdog.isRunning], [false, true]);
  assert.equal(board.finish(), true);
  assert.equal(watchdog.isBusy, true);
  board.rest();
  assert.deepEqual([watchdog.isBusy, watchdog.isRunning], [false, false]);
  watchdog.setClosing(true);
  assert.equal(board.isClosing, true);
});

test('a watchdog that rests is woken by the next attempt, and does not rest while one runs', async () => {
  const board = new Board();
  const watchdog = new Board(board.memory);
  let isAwake = false;
  const woken = watchdog.whenPosted().then(() => {
    isAwake = true;
  });
  await new Promise(setImmediate);
  assert.equal(isAwake, false);
  board.post(posted());
  await woken;
  await watchdog.whenPosted();
  assert.equal(board.finish(), true);
  const next = watchdog.whenPosted();
  board.post(posted());
  await next;
});
