/** The ledger's word is final: what it records is not run again, and what it does not record is. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { readJob } from '../../spool/claim.ts';
import type { Job } from '../../spool/job.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { completedLines, findCompleted } from '../../spool/query.ts';
import { type RescueOptions, rescue } from '../../spool/rescue.ts';
import type { Spool } from '../../spool/spool.ts';
import { aJob, aPolicy } from '../support/a-job.ts';
import { tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';
import { whereabouts } from '../support/whereabouts.ts';

const SLOT = 'host-1';

const rescueOptions = (): RescueOptions => ({
  now: Date.now(),
  random: () => 0,
  endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'its runner is dead' } }),
  policyOf: () => aPolicy(),
});

/** Puts a job into the slot as a claim does. */
function claimed(spool: Spool, job: Job): Job {
  spool.disk.makeFolder(spool.slot(SLOT));
  fs.writeFileSync(`${spool.pending}/${job.name}`, JSON.stringify(job.request));
  fs.renameSync(`${spool.pending}/${job.name}`, spool.claimed(SLOT, job.name));
  return job;
}

/** Records the job in the slot as its runner does, and leaves the file, as a crash before the unlink does. */
function record(spool: Spool, job: Job, startedAt = Date.now()): void {
  const read = readJob(spool, spool.claimed(SLOT, job.name), job.name);
  assert.ok(read.kind === 'claimed');
  const span = { startedAt, finishedAt: startedAt + 1, runner: SLOT };
  const ledger = new Ledger(spool, SLOT);
  ledger.append(ledgerLine(job, span, new Date(read.writtenAt).toISOString(), undefined), job.name);
  ledger.close();
}

/** Changes the file's permissions until its change time is well after everything that was recorded of it. */
async function touchLater(file: string): Promise<void> {
  const before = fs.statSync(file).ctimeMs;
  await waitFor(() => {
    fs.chmodSync(file, 0o640);
    fs.chmodSync(file, 0o660);
    return fs.statSync(file).ctimeMs > before + 50;
  }, 'a change time that is later than the record');
}

test('a job that is done is not run again because somebody changed the permissions of its file', async (t) => {
  const spool = tempSpool(t);
  const job = claimed(spool, aJob());
  record(spool, job);
  await touchLater(spool.claimed(SLOT, job.name));
  assert.deepEqual(rescue(spool, SLOT, 'own-1', rescueOptions()), []);
  assert.deepEqual(whereabouts(spool, 'a'), ['ledger']);
});

test('a job that is done is not run again because the whole spool changed hands while the service was down', (t) => {
  const spool = tempSpool(t);
  const job = claimed(spool, aJob());
  const hour = 3_600_000;
  spool.disk.setTimes(spool.claimed(SLOT, job.name), Date.now() - 30 * hour);
  record(spool, job, Date.now() - 29 * hour);
  const [day = ''] = fs.readdirSync(spool.completed);
  spool.disk.setTimes(spool.ledger(day, SLOT), Date.now() - 29 * hour);
  // As `chown -R` does: the change times are of this moment, those of the contents are old.
  fs.chmodSync(spool.claimed(SLOT, job.name), 0o660);
  assert.deepEqual(rescue(spool, SLOT, 'own-1', rescueOptions()), []);
  assert.deepEqual(whereabouts(spool, 'a'), ['ledger']);
});

test('a job that is done is not run again either when it had failed before, or was moved from folder to folder', async (t) => {
  const spool = tempSpool(t);
  const at = new Date(Date.now() - 60_000).toISOString();
  const earlier = { number: 1, outcome: 'failed' as const, startedAt: at, finishedAt: at, runner: 'host-9' };
  const job = claimed(spool, aJob({ request: { attempts: [earlier], spent: 1, acceptedAt: at, runAt: at } }));
  record(spool, job);
  await touchLater(spool.claimed(SLOT, job.name));
  for (const [dead, own] of [
    [SLOT, 'own-1'],
    ['own-1', 'own-2'],
  ] as const)
    assert.deepEqual(rescue(spool, dead, own, rescueOptions()), []);
  assert.deepEqual(whereabouts(spool, 'a'), ['ledger']);
});

test('a second job of an id is not taken for the first, which is done, whenever its file changed', async (t) => {
  const spool = tempSpool(t);
  const first = claimed(spool, aJob({ runAt: Date.now() - 10_000 }));
  record(spool, first, Date.now() - 9_000);
  fs.rmSync(spool.claimed(SLOT, first.name));
  const second = claimed(spool, aJob({ runAt: Date.now() }));
  await touchLater(spool.claimed(SLOT, second.name));
  assert.equal(rescue(spool, SLOT, 'own-1', rescueOptions()).length, 1);
  assert.deepEqual(whereabouts(spool, 'a'), ['retrying', 'ledger']);
});

test('a second job of the very same file name is not taken for the first, which is done', async (t) => {
  const spool = tempSpool(t);
  const first = claimed(spool, aJob());
  record(spool, first);
  fs.rmSync(spool.claimed(SLOT, first.name));
  const recordedAt = Date.now();
  await waitFor(() => Date.now() > recordedAt + 20, 'a later moment than that of the record');
  claimed(spool, aJob());
  assert.equal(rescue(spool, SLOT, 'own-1', rescueOptions()).length, 1);
  assert.deepEqual(whereabouts(spool, 'a'), ['retrying', 'ledger']);
});

test('a line that a power cut tore does not swallow the next job that is recorded', (t) => {
  const spool = tempSpool(t);
  const job = claimed(spool, aJob({ id: 'good' }));
  const day = new Date().toISOString().slice(0, 10);
  fs.mkdirSync(spool.ledgerDay(day));
  fs.writeFileSync(spool.ledger(day, SLOT), '{"id":"torn","class":"A","met');
  record(spool, job);
  assert.equal(findCompleted(spool, 'good')?.id, 'good');
  assert.deepEqual(
    [...completedLines(spool)].map(({ id }) => id),
    ['good'],
  );
  assert.deepEqual(rescue(spool, SLOT, 'own-1', rescueOptions()), [], 'and its job is not run again');
});

test('a whole ledger is appended to without an empty line in between', (t) => {
  const spool = tempSpool(t);
  for (const id of ['a', 'b']) record(spool, claimed(spool, aJob({ id })));
  const [day = ''] = fs.readdirSync(spool.completed);
  assert.match(fs.readFileSync(spool.ledger(day, SLOT), 'utf8'), /^\{"id":"a",.*\}\n\{"id":"b",.*\}\n$/);
});
