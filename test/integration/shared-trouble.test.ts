/** What goes wrong around runners that jobs share: nothing is lost, nothing is done twice that was done. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { holderOfSlot, slots } from '../../spool/lease.ts';
import { pause, resume } from '../../spool/marker.ts';
import { platform } from '../../spool/platform.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { brokenPromises } from '../support/invariants.ts';
import { allCompleted, ended, NEIGHBOURS, outcomes, pidOf, SIDE_BY_SIDE, startSideBySide, touch } from '../support/side-by-side.ts';
import { canMount, smallDisk } from '../support/small-disk.ts';
import { startService } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';
import { slotsEmpty, whereabouts } from '../support/whereabouts.ts';

const numbered = (letter: string, count: number) => Array.from({ length: count }, (_, index) => `${letter}${index}`);
const completedIds = (spool: Spool) => [...completedLines(spool)].map(({ id }) => id).toSorted();
const runnersOf = (spool: Spool) => slots(spool).filter((slot) => holderOfSlot(spool, slot)?.kind === 'runner');

test('jobs that share a runner and end while the disk is full are recorded once each when there is room', async (t) => {
  if (!canMount()) return t.skip('SKIPPED: only root on Linux can mount a small disk');
  const disk = smallDisk(t);
  const env = { JOBSPOOL_MIN_FREE: '0', JOBSPOOL_DURABILITY: 'full' };
  const { spool, mix, begun, openGate, ran, service } = await startSideBySide(t, env, disk.at('spool'));
  for (const id of NEIGHBOURS) mix(id, 'count');
  mix('broken', 'fail', { retries: 0 });
  const all = [...NEIGHBOURS, 'broken'];
  await begun(all);
  mix('next', 'count');
  await begun(['next']);
  disk.fill();
  openGate();
  await waitFor(() => ran().length === 5, 'all handlers to end');
  const kept = () => service.output().match(/the runner keeps the outcome/g)?.length ?? 0;
  await waitFor(() => kept() === 5, 'each outcome to be kept');
  for (const id of all) assert.equal(jobStatus(spool, id)?.state, 'running', id);
  disk.makeRoom();
  await allCompleted(spool, [...NEIGHBOURS, 'next']);
  const broken = await ended(spool, 'broken');
  assert.deepEqual([...outcomes(broken), broken.error?.message], ['failed', 'failed', 'broken is done']);
  assert.equal(jobStatus(spool, 'n2')?.result, 'n2 is done');
  assert.deepEqual(ran().toSorted(), [...all, 'next'].toSorted(), 'each ran once');
  mix('after', 'count');
  await allCompleted(spool, ['after']);
});

test('when the dispatcher is killed, what shares a runner is finished and recorded, can be cancelled, and another carries on', async (t) => {
  const { spool, service, mix, begun, openGate, ran } = await startSideBySide(t);
  for (const id of NEIGHBOURS) mix(id, 'count');
  mix('polite', 'polite');
  await begun([...NEIGHBOURS, 'polite']);
  const runner = pidOf(spool, 'n1');
  process.kill(service.pid, 'SIGKILL');
  await waitFor(() => platform.processStart(service.pid) === undefined, 'the dispatcher to be gone');
  mix('later', 'count');
  touch(spool, 'polite');
  assert.deepEqual(outcomes(await ended(spool, 'polite')), ['cancelled', 'cancelled'], 'nobody but the runner can have seen it');
  assert.equal(pidOf(spool, 'n1'), runner);
  await startService(t, { dir: service.dir, allowlist: SIDE_BY_SIDE, env: { JOBSPOOL_RUNNERS: '1' } });
  assert.equal(pidOf(spool, 'n1'), runner, 'who is alive is not rescued');
  openGate();
  await allCompleted(spool, [...NEIGHBOURS, 'later']);
  assert.deepEqual(ran().toSorted(), [...NEIGHBOURS, 'later'].toSorted());
  await waitFor(() => platform.processStart(runner) === undefined, 'the runner without a dispatcher to end');
});

test('what a shared runner has in hand beyond what it runs waits through a pause, and runs once after it', async (t) => {
  const { spool, mix, begun, openGate, ran } = await startSideBySide(t, { JOBSPOOL_RUNNERS: '2' });
  const waits = numbered('w', 19);
  for (const id of waits) mix(id, 'count');
  await begun(waits);
  // One place is left in the first runner: short jobs go through it, and many of them are in hand.
  const shorts = numbered('s', 300);
  for (const id of shorts) mix(id, 'short');
  await waitFor(() => ran().length > 50, 'the short ones to run');
  pause(spool);
  await waitFor(
    () => runnersOf(spool).flatMap((slot) => spool.disk.names(spool.slot(slot))).length <= waits.length,
    'only what waits to run',
  );
  fs.rmSync(path.join(spool.pending, fs.readdirSync(spool.pending)[0] as string));
  resume(spool);
  const left = () => shorts.filter((id) => whereabouts(spool, id).some((place) => place !== 'ledger'));
  await waitFor(() => left().length === 0, 'the short ones to complete', { timeoutMs: 60_000 });
  openGate();
  await allCompleted(spool, waits);
  assert.equal(new Set(ran()).size, ran().length, 'each ran once');
  assert.equal(ran().length, waits.length + shorts.length - 1, 'all but the one that was removed');
});

test('runners that are replaced one after the other under a steady load of shared jobs lose and double nothing', async (t) => {
  const { spool, mix, ran } = await startSideBySide(t, { JOBSPOOL_RUNNERS: '2', JOBSPOOL_DURABILITY: 'full' });
  const ids: string[] = [];
  const gone = new Set<string>();
  for (let round = 0; round < 6; round++) {
    const more = numbered(`r${round}.`, 150);
    for (const id of more) mix(id, 'short');
    ids.push(...more);
    await waitFor(() => ran().length > ids.length - 120, 'them to run');
    const [slot] = runnersOf(spool).filter((one) => !gone.has(one));
    if (slot === undefined) continue;
    gone.add(slot);
    fs.writeFileSync(spool.drain(slot), '');
  }
  await waitFor(() => completedIds(spool).length >= ids.length, 'all to complete', { timeoutMs: 120_000 });
  assert.ok(gone.size >= 2);
  await waitFor(() => runnersOf(spool).every((slot) => !gone.has(slot)), 'the drained runners to end');
  assert.deepEqual(ran().toSorted(), ids.toSorted());
  assert.deepEqual(completedIds(spool), ids.toSorted());
  await slotsEmpty(spool);
  assert.deepEqual(brokenPromises(spool, ids), []);
});

test('shared jobs, jobs with a runner and jobs with a process to themselves run by their priority', async (t) => {
  const { spool, drop, openGate, ran } = await startSideBySide(t);
  pause(spool);
  const kinds = ['together', 'alone', 'apart', 'few', 'short'] as const;
  const expected: string[] = [];
  for (let priority = 10; priority > 0; priority--) {
    const id = `${kinds[priority % 5]}-${String(priority).padStart(2, '0')}`;
    expected.push(id);
    const method = kinds[priority % 5] as (typeof kinds)[number];
    drop(id, method === 'few' || method === 'short' ? 'together' : method, [], priority);
  }
  openGate();
  await waitFor(() => spool.disk.names(spool.pending).length === expected.length, 'all to be accepted');
  resume(spool);
  await allCompleted(spool, expected);
  assert.deepEqual(ran(), expected);
});

test('with durability full each of many jobs that share a runner is recorded once, and is there after a stop', async (t) => {
  const { spool, mix, begun, openGate, service, ran } = await startSideBySide(t, { JOBSPOOL_DURABILITY: 'full' });
  const ids = numbered('d', 20);
  for (const id of ids) mix(id, 'count');
  await begun(ids);
  openGate();
  await allCompleted(spool, ids);
  assert.equal(await service.stop(), 0);
  assert.deepEqual(completedIds(openSpool(service.dir, { durability: 'none' })), ids.toSorted());
  assert.deepEqual(ran().toSorted(), ids.toSorted());
});
