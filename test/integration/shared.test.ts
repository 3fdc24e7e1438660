/** Jobs of a shared method run side by side in one process, and what befalls one of them is not its neighbours' fault. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { holderOfSlot, slots } from '../../spool/lease.ts';
import { platform } from '../../spool/platform.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { linesUntil } from '../support/service-log.ts';
import { allCompleted, ended, NEIGHBOURS, outcomes, pidOf, startSideBySide, touch } from '../support/side-by-side.ts';
import { waitFor } from '../support/wait-for.ts';
import { whereabouts } from '../support/whereabouts.ts';

test('a hundred jobs that only wait run in one runner at once, and never more than the method says', async (t) => {
  const { spool, drop, began, begun, openGate } = await startSideBySide(t, { JOBSPOOL_RUNNERS: '2' });
  const ids = Array.from({ length: 100 }, (_, index) => `w${index}`);
  for (const id of ids) drop(id, 'wait');
  await begun(ids);
  assert.equal(new Set(ids.map((id) => pidOf(spool, id))).size, 1, 'one runner runs them all, and the other is free');
  const few = Array.from({ length: 12 }, (_, index) => `f${index}`);
  for (const id of few) drop(id, 'few');
  await waitFor(() => few.filter(began).length > 1, 'two of them to run beside each other');
  openGate();
  await allCompleted(spool, [...ids, ...few]);
  const most = Math.max(...few.map((id) => jobStatus(spool, id)?.result as number));
  assert.ok(most > 1 && most <= 3, `at most 3 at once, and more than one: ${most}`);
});

test('what jobs print, log and report while they share a process is found with the right one', async (t) => {
  const { spool, drop, begun, openGate } = await startSideBySide(t);
  for (const [index, id] of NEIGHBOURS.entries()) drop(id, 'print', [10 * (index + 1)]);
  await begun(NEIGHBOURS);
  for (const [index, id] of NEIGHBOURS.entries())
    await waitFor(() => jobStatus(spool, id)?.progress === 10 * (index + 1), `the progress of ${id}`);
  openGate();
  await allCompleted(spool, NEIGHBOURS);
  for (const id of NEIGHBOURS) {
    const lines = fs.readFileSync(spool.jobLog(id), 'utf8').trimEnd().split('\n').slice(1);
    assert.equal(lines.length, 41);
    assert.deepEqual(
      lines.filter((line) => !line.includes(`${id} `)),
      [],
    );
  }
});

test('one of many that obeys its signal is cancelled, or times out, alone, and its runner goes on', async (t) => {
  const { spool, mix, begun, openGate } = await startSideBySide(t);
  mix('cancelled', 'polite');
  mix('late', 'polite', { timeout: '1s', retries: 0 });
  for (const id of NEIGHBOURS) mix(id, 'wait');
  await begun(['cancelled', ...NEIGHBOURS]);
  const runner = pidOf(spool, 'n1');
  touch(spool, 'cancelled');
  assert.deepEqual(outcomes(await ended(spool, 'cancelled')), ['cancelled', 'cancelled']);
  assert.deepEqual(outcomes(await ended(spool, 'late')), ['failed', 'timed-out']);
  assert.equal(pidOf(spool, 'n1'), runner, 'the neighbours run on');
  openGate();
  await allCompleted(spool, NEIGHBOURS);
  assert.deepEqual(new Set(NEIGHBOURS.map((id) => jobStatus(spool, id)?.result)), new Set([runner]));
});

for (const [how, kind] of [
  ['ignores its signal', 'wait'],
  ['blocks the process', 'block'],
] as const) {
  test(`a job that ${how} is cancelled with its process, and its neighbours run again without having spent an attempt`, async (t) => {
    const { spool, mix, begun, openGate } = await startSideBySide(t);
    for (const id of NEIGHBOURS) mix(id, 'wait', { retries: 0 });
    await begun(NEIGHBOURS);
    const runner = pidOf(spool, 'n1');
    mix('guilty', kind);
    await begun(['guilty']);
    touch(spool, 'guilty');
    assert.deepEqual(outcomes(await ended(spool, 'guilty')), ['cancelled', 'cancelled']);
    await waitFor(() => platform.processStart(runner) === undefined, 'its process to be gone');
    openGate();
    await allCompleted(spool, NEIGHBOURS);
    for (const id of NEIGHBOURS) {
      assert.notEqual(jobStatus(spool, id)?.result, runner);
      await linesUntil(spool, id, 'released');
    }
    await waitFor(() => !fs.existsSync(spool.cancelMarker('guilty')), 'the marker to be gone');
  });
}

test('the first job that shares a runner which has been idle is watched like all others', async (t) => {
  const { spool, mix } = await startSideBySide(t);
  await waitFor(() => slots(spool).some((slot) => holderOfSlot(spool, slot)?.kind === 'runner'), 'a runner');
  const since = performance.now();
  // Several looks of a watchdog that finds nothing to watch, and rests.
  await waitFor(() => performance.now() - since > 1_000, 'the runner to have been idle for a while');
  mix('late', 'polite', { timeout: '300ms', retries: 0 });
  assert.deepEqual(outcomes(await ended(spool, 'late')), ['failed', 'timed-out']);
});

test('a job that blocks the process past its timeout has timed out, and its neighbours have spent nothing', async (t) => {
  const { spool, mix, begun, openGate } = await startSideBySide(t);
  for (const id of NEIGHBOURS) mix(id, 'wait', { retries: 0 });
  await begun(NEIGHBOURS);
  mix('guilty', 'block', { timeout: '200ms', retries: 1 });
  const status = await ended(spool, 'guilty');
  assert.deepEqual(outcomes(status), ['failed', 'timed-out', 'timed-out']);
  openGate();
  await allCompleted(spool, NEIGHBOURS);
});

test('of jobs that are late because another blocks the process none has spent an attempt: that one has timed out', async (t) => {
  const { spool, mix, begun, openGate } = await startSideBySide(t);
  for (const id of NEIGHBOURS) mix(id, 'wait', { timeout: '15s', retries: 0 });
  await begun(NEIGHBOURS);
  mix('guilty', 'block', { retries: 0 });
  await begun(['guilty']);
  openGate();
  const status = await ended(spool, 'guilty');
  assert.deepEqual(outcomes(status), ['failed', 'timed-out']);
  assert.match(status.error?.message ?? '', /it blocked the process that it shares with others/);
  await allCompleted(spool, NEIGHBOURS);
});

test('an error that nobody catches fails the job it belongs to; the neighbours end, and then the process does', async (t) => {
  const { spool, mix, begun, openGate } = await startSideBySide(t);
  for (const id of NEIGHBOURS) mix(id, 'wait');
  await begun(NEIGHBOURS);
  const runner = pidOf(spool, 'n1');
  mix('guilty', 'explode', { retries: 0 });
  const status = await ended(spool, 'guilty');
  assert.deepEqual([...outcomes(status), status.error?.message], ['failed', 'failed', 'nobody catches this']);
  mix('next', 'wait');
  await begun(['next']);
  assert.notEqual(pidOf(spool, 'next'), runner, 'the broken process takes no other job');
  assert.equal(pidOf(spool, 'n1'), runner);
  openGate();
  await allCompleted(spool, [...NEIGHBOURS, 'next']);
  assert.equal(jobStatus(spool, 'n1')?.result, runner);
  await waitFor(() => platform.processStart(runner) === undefined, 'the process to end');
});

test('when a shared process is killed from outside, each of its jobs has crashed once and runs again', async (t) => {
  const { spool, mix, begun, openGate, folder } = await startSideBySide(t);
  for (const id of NEIGHBOURS) mix(id, 'wait');
  await begun(NEIGHBOURS);
  const runner = pidOf(spool, 'n1');
  for (const id of NEIGHBOURS) fs.rmSync(path.join(folder, `began-${id}`));
  process.kill(runner, 'SIGKILL');
  await begun(NEIGHBOURS);
  openGate();
  await allCompleted(spool, NEIGHBOURS, ['completed', 'crashed', 'completed']);
});

test('a stop of the service releases what shares a process and does not end in time, and no attempt is spent', async (t) => {
  const { spool, service, mix, begun } = await startSideBySide(t, { JOBSPOOL_SHUTDOWN_GRACE: '200ms' });
  mix('polite', 'polite');
  for (const id of NEIGHBOURS) mix(id, 'wait');
  await begun(['polite', ...NEIGHBOURS]);
  assert.equal(await service.stop(), 0);
  for (const id of ['polite', ...NEIGHBOURS]) {
    assert.deepEqual(whereabouts(spool, id), ['pending']);
    assert.deepEqual(jobStatus(spool, id)?.attempts, []);
  }
});

test('a better job that wants a runner to itself is not passed by those that could share one', async (t) => {
  const { spool, drop, openGate, folder } = await startSideBySide(t);
  const order = () => fs.readFileSync(path.join(folder, 'order'), 'utf8').trim().split('\n');
  for (const id of ['s1', 's2', 's3', 's4']) drop(id, 'together');
  await waitFor(() => fs.existsSync(path.join(folder, 'order')) && order().length === 2, 'two to begin');
  drop('urgent', 'alone', [], 9);
  await waitFor(() => jobStatus(spool, 'urgent')?.state === 'pending', 'it to be accepted');
  openGate();
  await allCompleted(spool, ['s1', 's2', 's3', 's4', 'urgent']);
  assert.equal(order()[2], 'urgent');
});

test('short jobs of a shared method and of another one, mixed, run once each', async (t) => {
  const { spool, drop, mix, folder } = await startSideBySide(t, { JOBSPOOL_RUNNERS: '2' });
  const ids = Array.from({ length: 400 }, (_, index) => `j${index}`);
  for (const [index, id] of ids.entries()) index % 4 === 0 ? drop(id, 'alone') : mix(id, 'alone');
  await waitFor(() => [...completedLines(spool)].length >= ids.length, 'all to complete', { timeoutMs: 120_000 });
  const ran = fs.readFileSync(path.join(folder, 'order'), 'utf8').trim().split('\n');
  assert.deepEqual(ran.toSorted(), ids.toSorted());
});

test('what a cancelled job started beside its neighbours ends with the process that they share', async (t) => {
  const { spool, mix, begun, openGate, folder } = await startSideBySide(t);
  mix('n1', 'wait');
  mix('parent', 'child');
  await begun(['n1', 'parent']);
  const child = Number(fs.readFileSync(path.join(folder, 'child'), 'utf8'));
  touch(spool, 'parent');
  assert.deepEqual(outcomes(await ended(spool, 'parent')), ['cancelled', 'cancelled']);
  openGate();
  await allCompleted(spool, ['n1']);
  await waitFor(() => platform.processStart(child) === undefined, 'the child to be gone');
});

test('a job that uses up the descriptors of the process does not crash its neighbours, which can still be cancelled', async (t) => {
  const { spool, mix, begun, openGate, events } = await startSideBySide(t);
  for (const id of NEIGHBOURS) mix(id, 'wait');
  mix('polite', 'polite');
  await begun([...NEIGHBOURS, 'polite']);
  const runner = pidOf(spool, 'n1');
  mix('hoard', 'hoard');
  await begun(['hoard']);
  touch(spool, 'polite');
  await waitFor(() => /record polite as cancelled: EMFILE/.test(events()), 'the cancelled job to have stopped');
  openGate();
  assert.deepEqual(outcomes(await ended(spool, 'polite')), ['cancelled', 'cancelled']);
  await allCompleted(spool, [...NEIGHBOURS, 'hoard']);
  assert.equal(jobStatus(spool, 'n1')?.result, runner);
});
