/** The jobs of batches as the files say them: where each is, how it is, and how many there are. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { disk } from '../../spool/disk.ts';
import { countByState, isLiveOnDisk, jobStatus, locate, places } from '../../spool/query.ts';
import { ACCEPTED_AT, putBatch, putFailed, putFile, putLine } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const NOW = Date.now();
const HOUR = 3_600_000;
const acceptedAt = new Date(ACCEPTED_AT).toISOString();

test('each line of a batch that waits is a job of its own, with what its line asks for', (t) => {
  const spool = tempSpool(t);
  const lines = ['{"class":"A","params":[1],"retries":7}', '{"class":"B","method":"build","params":{"x":2},"timeout":"5s"}'];
  putBatch(spool, 'pending', { id: 'mails', to: 2, lines, priority: 8 });
  putBatch(spool, 'pending', { id: 'later', from: 3, to: 4, runAt: NOW + HOUR });
  const first = jobStatus(spool, 'mails.1');
  assert.deepEqual(
    { ...first, runAt: undefined },
    {
      id: 'mails.1',
      state: 'pending',
      class: 'A',
      method: 'handle',
      params: [1],
      retries: 7,
      priority: 8,
      runAt: undefined,
      acceptedAt,
      attempts: [],
      submittedBy: process.getuid?.(),
    },
  );
  assert.equal(jobStatus(spool, 'mails.2')?.timeout, '5s');
  assert.equal(jobStatus(spool, 'later.4')?.state, 'scheduled');
  for (const id of ['mails', 'mails.0', 'mails.3', 'mails.01', 'later.2', 'later.5']) assert.equal(jobStatus(spool, id), undefined, id);
  const { line, state } = locate(spool, 'later.3') ?? {};
  assert.deepEqual([line, state], [3, 'scheduled']);
});

test('of the lines that a runner has in hand, one runs, those before it are done, and those behind it wait', (t) => {
  const spool = tempSpool(t);
  const day = Date.now();
  putBatch(spool, 'running/host-7', { id: 'b', to: 6 });
  for (const line of [1, 2]) putLine(spool, `b.${line}`, day + line, { acceptedAt }, 'host-7');
  // Another job, and an earlier life of the id, say nothing of it.
  putLine(spool, 'b.5', day + 3, { acceptedAt: '2020-01-01T00:00:00.000Z' }, 'host-7');
  putLine(spool, 'other', day + 4, {}, 'host-7');
  const states = [1, 2, 3, 4, 5, 6].map((line) => jobStatus(spool, `b.${line}`)?.state);
  assert.deepEqual(states, ['completed', 'completed', 'running', 'pending', 'pending', 'pending']);
  assert.equal(jobStatus(spool, 'b.3')?.runner, 'host-7');
  assert.equal(jobStatus(spool, 'b.3')?.startedAt, new Date(day + 2).toISOString(), 'it began when the one before it was over');
  assert.deepEqual(
    [...places(spool, 'pending')].map(({ line }) => line),
    [4, 5, 6],
  );
  const { pending, running, completed } = countByState(spool);
  assert.deepEqual({ pending, running, completed }, { pending: 3, running: 1, completed: 4 });
});

test('a part on its way out of a slot waits, a line with a file of its own is that file', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'running/host-7', { id: 'b', to: 9 });
  putBatch(spool, 'running/host-7', { id: 'b', from: 5, to: 9, bound: '.pending=' });
  fs.writeFileSync(`${spool.slot('host-7')}/.retrying=p5-20260101T000000.000Z-b.1.json`, '{"class":"A"}');
  const states = [1, 2, 3, 4, 5, 9].map((line) => jobStatus(spool, `b.${line}`)?.state);
  assert.deepEqual(states, ['running', 'running', 'pending', 'pending', 'pending', 'pending']);
  const { pending, running } = countByState(spool);
  assert.deepEqual({ pending, running }, { pending: 7, running: 2 });
});

test('counts are of jobs, not of files', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', from: 11, to: 10_000, lines: ['{"class":"A"}'] });
  putBatch(spool, 'pending', { id: 'c', to: 5, runAt: NOW + HOUR });
  putFile(spool, 'retrying', { id: 'b.3', runAt: NOW + HOUR });
  putFailed(spool, 'b.4', NOW);
  const { pending, scheduled, retrying, failed } = countByState(spool, NOW);
  assert.deepEqual({ pending, scheduled, retrying, failed }, { pending: 9_990, scheduled: 5, retrying: 1, failed: 1 });
  assert.equal(jobStatus(spool, 'b.3')?.state, 'retrying');
  assert.equal(jobStatus(spool, 'b.4')?.state, 'failed');
});

test('an id is in use while its line waits, and that of a batch as long as any of it does', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', from: 5, to: 9 });
  putBatch(spool, 'running/host-1', { id: 'c', from: 2, to: 3 });
  for (const id of ['b', 'b.5', 'b.9', 'c', 'c.2']) assert.ok(isLiveOnDisk(spool, id), id);
  for (const id of ['b.4', 'b.10', 'c.1', 'd', 'b.5.1']) assert.ok(!isLiveOnDisk(spool, id), id);
});

test('a job of a batch is known from the moment in which its file was dropped, and says so when that was rejected', (t) => {
  const spool = tempSpool(t);
  dropFile(spool, 'p7-now-mails.ndjson', '{"class":"A"}\n{"class":"B"}\n');
  assert.equal(jobStatus(spool, 'mails.2')?.state, 'pending');
  assert.equal(jobStatus(spool, 'mails.2')?.class, 'B');
  assert.equal(jobStatus(spool, 'mails.3'), undefined);
  assert.equal(jobStatus(spool, 'mails')?.priority, 7);
  assert.equal(countByState(spool).pending, 1, 'until it is accepted it is one row');
  fs.renameSync(`${spool.incoming}/p7-now-mails.ndjson`, `${spool.rejected}/p7-now-mails.ndjson`);
  fs.writeFileSync(spool.reason('p7-now-mails.ndjson'), JSON.stringify({ reason: 'line 2: no such class', rejectedAt: acceptedAt }));
  for (const id of ['mails', 'mails.1']) {
    const { state, reason } = jobStatus(spool, id) ?? {};
    assert.deepEqual([state, reason], ['rejected', 'line 2: no such class'], id);
  }
  assert.equal(jobStatus(spool, 'mails.3'), undefined);
});

test('a line that was spoilt, or is not there, does not hide its job', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 3, lines: ['{"class":"A"}', 'nonsense'] });
  assert.deepEqual(
    [1, 2, 3].map((line) => jobStatus(spool, `b.${line}`)?.state),
    ['pending', 'pending', 'pending'],
  );
  assert.equal(jobStatus(spool, 'b.2')?.class, undefined);
});

test('a job whose file gets another name each time one reaches for it is known all the same', (t) => {
  const facts: typeof disk.facts = (file) => (file.endsWith('.ndjson') ? undefined : disk.facts(file));
  const spool = tempSpool(t, { disk: { ...disk, facts } });
  putBatch(spool, 'pending', { id: 'b', to: 3 });
  assert.equal(jobStatus(spool, 'b.2')?.state, 'pending');
  assert.equal(jobStatus(spool, 'b.4'), undefined);
});
