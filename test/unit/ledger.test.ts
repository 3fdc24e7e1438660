import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { type Disk, disk } from '../../spool/disk.ts';
import type { Job } from '../../spool/job.ts';
import { Ledger, ledgerLine, recordedIn } from '../../spool/ledger.ts';
import { completedLines, findCompleted } from '../../spool/query.ts';
import { type RescueOptions, rescue } from '../../spool/rescue.ts';
import type { Spool } from '../../spool/spool.ts';
import { aJob, aPolicy } from '../support/a-job.ts';
import { crashAtEveryStep } from '../support/breaking-disk.ts';
import { tempSpool } from '../support/spool.ts';
import { whereabouts } from '../support/whereabouts.ts';

const SLOT = 'host-1';

function claim(spool: Spool, id = 'a'): Job {
  const job = aJob({ id });
  spool.disk.makeFolder(spool.slot(SLOT));
  fs.writeFileSync(spool.claimed(SLOT, job.name), JSON.stringify(job.request));
  return job;
}

function lineOf(job: Job, result?: unknown, acceptedAt = Date.now()) {
  const startedAt = Date.now();
  return ledgerLine(job, { startedAt, finishedAt: startedAt + 5, runner: SLOT }, new Date(acceptedAt).toISOString(), result);
}

/** The line of a claimed job, accepted when its file was written. */
const lineOfClaimed = (spool: Spool, job: Job) => lineOf(job, undefined, fs.lstatSync(spool.claimed(SLOT, job.name)).mtimeMs);

const rescueOptions: RescueOptions = {
  now: Date.now(),
  random: () => 0,
  endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'its runner is dead' } }),
  policyOf: () => aPolicy(),
};

/** A job that is done, its line in the ledger, and its file not yet unlinked: what a crash leaves. */
function recorded(t: TestContext): { spool: Spool; job: Job } {
  const spool = tempSpool(t);
  const job = claim(spool);
  const ledger = new Ledger(spool, SLOT);
  ledger.append(lineOfClaimed(spool, job), job.name);
  ledger.close();
  return { spool, job };
}

test('a completed job is one line, and its file is gone once the line is safe', async (t) => {
  const spool = tempSpool(t, { durability: 'full' });
  const job = claim(spool);
  const ledger = new Ledger(spool, SLOT);
  ledger.append(lineOf(job, { sum: 3 }), job.name);
  assert.deepEqual(whereabouts(spool, 'a'), [`running/${SLOT}`, 'ledger']);
  await ledger.commit();
  ledger.close();
  assert.deepEqual(whereabouts(spool, 'a'), ['ledger']);
  const { durationMs, result, attempts } = findCompleted(spool, 'a') ?? assert.fail('no line');
  assert.deepEqual({ durationMs, result, attempts: attempts.length }, { durationMs: 5, result: { sum: 3 }, attempts: 1 });
});

test('what is written while a group is on its way to the disk is in the next, before commit resolves', async (t) => {
  const spool = tempSpool(t, { durability: 'full' });
  const jobs = ['a', 'b', 'c'].map((id) => claim(spool, id));
  const ledger = new Ledger(spool, SLOT);
  let committed = Promise.resolve();
  for (const job of jobs) {
    ledger.append(lineOf(job), job.name);
    committed = ledger.commit();
  }
  await committed;
  ledger.close();
  assert.deepEqual(fs.readdirSync(spool.slot(SLOT)), []);
});

test('jobs that end soon after each other share a sync, and a full group waits for nobody', async (t) => {
  let syncs = 0;
  const counting: Disk = {
    ...disk,
    sync: (fd) => {
      syncs += 1;
      return disk.sync(fd);
    },
  };
  const spool = tempSpool(t, { durability: 'full', disk: counting });
  const ledger = new Ledger(spool, SLOT, 3_600_000);
  const record = (id: string) => {
    const job = claim(spool, id);
    ledger.append(lineOf(job), job.name);
    return ledger.commit();
  };
  await record('first');
  assert.equal(syncs, 1, 'one that nobody follows is synced at once');
  await Promise.all(Array.from({ length: 64 }, (_, index) => record(`job-${index}`)));
  ledger.close();
  assert.equal(syncs, 2);
  assert.deepEqual(fs.readdirSync(spool.slot(SLOT)), []);
});

test('a crash at any step of recording a job leaves it to be run again or recorded, never both', async (t) => {
  const act = async ({ spool, job }: { spool: Spool; job: Job }, disk: Spool['disk']) => {
    const ledger = new Ledger({ ...spool, disk }, SLOT);
    ledger.append(lineOfClaimed(spool, job), job.name);
    await ledger.commit();
    ledger.close();
  };
  const prepare = () => {
    const spool = tempSpool(t);
    return { spool, job: claim(spool) };
  };
  await crashAtEveryStep(prepare, act, ({ spool }, step) => {
    rescue(spool, SLOT, 'own', rescueOptions);
    const places = whereabouts(spool, 'a');
    assert.ok(places.length === 1 && ['ledger', 'retrying'].includes(places[0] as string), `before step ${step}: ${places}`);
  });
});

test('a job that its ledger records is not run again, though its file was left', (t) => {
  const { spool } = recorded(t);
  assert.deepEqual(rescue(spool, SLOT, 'own', rescueOptions), []);
  assert.deepEqual(whereabouts(spool, 'a'), ['ledger']);
});

test('a recorded job is not run again either when its rescuer crashes at any step and another takes over', async (t) => {
  await crashAtEveryStep(
    () => recorded(t),
    ({ spool }, disk) => rescue({ ...spool, disk }, SLOT, 'own', rescueOptions),
    ({ spool }, step) => {
      for (const dead of [SLOT, 'own']) rescue(spool, dead, `next-${dead}`, rescueOptions);
      assert.deepEqual(whereabouts(spool, 'a'), ['ledger'], `before step ${step}`);
    },
  );
});

test('an id that is used again is not mistaken for the job of that id that is done', (t) => {
  const { spool, job } = recorded(t);
  const { ctimeMs: claimedAt, mtimeMs: writtenAt } = fs.lstatSync(spool.claimed(SLOT, job.name));
  const left = { name: job.name, job, writtenAt, claimedAt };
  assert.deepEqual(recordedIn(spool, [left]), new Set([left]));
  assert.deepEqual(recordedIn(spool, [{ ...left, claimedAt: claimedAt + 60_000 }]).size, 1, 'clocks that differ change nothing');
  assert.deepEqual(recordedIn(spool, [{ ...left, writtenAt: writtenAt + 60_000 }]), new Set(), 'another request');
  assert.deepEqual(recordedIn(spool, [{ ...left, job: { ...job, id: 'b' } }]), new Set(), 'another id');
});

test('a line that a power cut tore harms no other line', (t) => {
  const spool = tempSpool(t);
  const line = JSON.stringify(lineOf(aJob({ id: 'a' })));
  fs.mkdirSync(spool.ledgerDay('2026-11-22'));
  fs.writeFileSync(spool.ledger('2026-11-22', SLOT), `${line}\n${line.slice(0, 20)}\n\0\0\0\n${line}\n${line.slice(0, 7)}`);
  assert.deepEqual(
    [...completedLines(spool)].map(({ id }) => id),
    ['a', 'a'],
  );
});

test('the newest record of an id is found, whole and by its exact id', async (t) => {
  const spool = tempSpool(t);
  const ledger = new Ledger(spool, SLOT);
  for (const [id, result] of [
    ['a', 1],
    ['aa', 2],
    ['a', 3],
    ['b', '{"id":"a",'],
  ] as const)
    ledger.append(lineOf(aJob({ id }), result), 'x');
  await ledger.commit();
  ledger.close();
  assert.equal(findCompleted(spool, 'a')?.result, 3);
  assert.equal(findCompleted(spool, 'aa')?.result, 2);
  assert.equal(findCompleted(spool, 'none'), undefined);
});
