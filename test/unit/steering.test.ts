import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { submitterRefusal } from '../../jobs/submitters.ts';
import { isCancelRequested } from '../../spool/marker.ts';
import { STATES } from '../../spool/state.ts';
import { maySteer, STEER_ACTIONS, steer } from '../../ui/steering.ts';
import { makeDashboard } from '../support/dashboard.ts';
import { failedAttempt, plant, plantRejected } from '../support/plant.ts';

test('a job that waits is cancelled at once, and the log says by whom', async (t) => {
  const { dashboard, spool, journal } = await makeDashboard(t);
  plant(spool, 'pending', { id: 'a' });
  assert.deepEqual(await steer(dashboard, 'cancel', 'a', 'ada'), { kind: 'done', text: 'a is cancelled; it was pending' });
  assert.equal(fs.readdirSync(spool.cancelled).length, 1);
  assert.deepEqual(
    journal.lines.map(({ level, text }) => `${level} ${text}`),
    ['cancelled a', 'info cancelled by hand, it was pending'],
  );
  assert.deepEqual(journal.lines[1]?.fields, { id: 'a', class: 'ExampleJob', method: 'execute', who: 'ada' });
});

test('a job that runs is asked to stop, and it is said who does it', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  plant(spool, 'running/host-1', { id: 'a' });
  const steering = await steer(dashboard, 'cancel', 'a', 'ada');
  assert.deepEqual(steering, {
    kind: 'done',
    text: 'a: cancellation asked for; its runner in host-1 tells it to stop, then sends TERM, then KILL',
  });
  assert.equal(isCancelRequested(spool, 'a'), true);
});

test('a failed job is retried, a retrying one runs now, a waiting one gets another priority', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  plant(spool, 'failed', { id: 'f', attempts: [failedAttempt()] });
  plant(spool, 'retrying', { id: 'r', attempts: [failedAttempt()], spent: 1, runAt: Date.now() + 3_600_000 });
  plant(spool, 'pending', { id: 'p', runAt: Date.UTC(2026, 10, 22) });
  assert.deepEqual(await steer(dashboard, 'retry', 'f', 'ada'), {
    kind: 'done',
    text: 'f runs again, with all its retries; it was failed',
  });
  assert.deepEqual(await steer(dashboard, 'run-now', 'r', 'ada'), { kind: 'done', text: 'r is due now; it was retrying' });
  assert.deepEqual(await steer(dashboard, 'priority', 'p', 'ada', { priority: 9 }), { kind: 'done', text: 'p has the priority 9 now' });
  assert.equal(fs.readdirSync(spool.incoming).length, 1);
  assert.deepEqual(fs.readdirSync(spool.pending), ['p9-20261122T000000.000Z-p.json']);
});

test('a job that its state does not allow it for is left alone, with the state in the sentence', async (t) => {
  const { dashboard, spool, journal } = await makeDashboard(t);
  const file = plant(spool, 'running/host-1', { id: 'a' });
  assert.deepEqual(await steer(dashboard, 'delete', 'a', 'ada'), {
    kind: 'conflict',
    text: 'delete a: it is running, which does not allow it; nothing was changed',
    state: 'running',
  });
  assert.equal(fs.existsSync(file), true);
  assert.deepEqual(journal.lines, []);
});

test('an id that no job has is said to be unknown', async (t) => {
  const { dashboard } = await makeDashboard(t);
  for (const id of ['ghost', '../../etc/passwd', '', 'ü']) {
    const { kind, text } = await steer(dashboard, 'retry', id, 'ada');
    assert.deepEqual([kind, text], ['unknown', `retry ${id}: no job of that id is known; nothing was changed`]);
  }
});

test('a job does not get a priority for which it would be rejected when it is claimed', async (t) => {
  const limitation = (_: object, priority: number) =>
    submitterRefusal('X.y', [{ maxPriority: 5 }], { submittedBy: 33, priority }, () => new Set());
  const { dashboard, spool, journal } = await makeDashboard(t, { limitation });
  const file = plant(spool, 'pending', { id: 'p', priority: 3 });
  assert.deepEqual(await steer(dashboard, 'priority', 'p', 'ada', { priority: 6 }), {
    kind: 'conflict',
    text: 'change the priority of p: it would be rejected: uid 33 may submit X.y with a priority of at most 5, got 6; who may: everybody (priority at most 5); nothing was changed',
    state: 'pending',
  });
  assert.equal(fs.existsSync(file), true);
  assert.deepEqual(journal.lines, []);
  assert.equal((await steer(dashboard, 'priority', 'p', 'ada', { priority: 5 })).kind, 'done');
});

test('a priority that is none is refused before anything is moved', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  const file = plant(spool, 'pending', { id: 'p' });
  for (const priority of [0, 11, 1.5, undefined]) {
    await assert.rejects(steer(dashboard, 'priority', 'p', 'ada', { priority }), /expected a whole number from 1 to 10/);
  }
  assert.equal(fs.existsSync(file), true);
});

test('deleting a rejected file takes its reason along', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  plantRejected(spool, 'p5-now-bad.json', '{"clas":"A"}', 'unknown field "clas"');
  assert.equal((await steer(dashboard, 'delete', 'bad', 'ada')).kind, 'done');
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
});

test('every state but completed allows something, and completed nothing', () => {
  for (const state of STATES)
    assert.equal(
      STEER_ACTIONS.some((action) => maySteer(state, action)),
      state !== 'completed',
      state,
    );
});
