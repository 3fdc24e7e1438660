/** Who submitted a job, wherever it is shown. The service's own files say so themselves here: a test that may be another user is in test/integration/drop-folder.test.ts. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { maskJob } from '../../spool/mask.ts';
import { jobStatus } from '../../spool/query.ts';
import { authorOf, submittedIn, submitterOf } from '../../spool/submitter.ts';
import { aRequest } from '../support/a-job.ts';
import { makeClient } from '../support/api.ts';
import { makeDashboard } from '../support/dashboard.ts';
import { putLine } from '../support/job-files.ts';
import { failedAttempt, plant } from '../support/plant.ts';
import { tempSpool } from '../support/spool.ts';

const STRANGER = 54_119;

test('what a file says of who submitted it counts in the service’s own files, and in no other', (t) => {
  const spool = tempSpool(t);
  const own = process.geteuid?.();
  assert.equal(submitterOf(spool, 33, own), 33);
  assert.equal(submitterOf(spool, 33, 0), 33, 'root may do anything');
  assert.equal(submitterOf(spool, 33, STRANGER), STRANGER);
  assert.equal(submitterOf(spool, 0, STRANGER), STRANGER);
  assert.equal(submitterOf(spool, undefined, STRANGER), STRANGER);
  assert.equal(submitterOf(spool, 33, undefined), undefined, 'a platform without users');
  const shared = { uid: STRANGER, isShared: true };
  assert.deepEqual(
    submittedIn(aRequest({ submittedBy: 33 }), authorOf(spool, shared)),
    aRequest({ submittedBy: STRANGER, isForgeable: true }),
  );
  assert.deepEqual(submittedIn(aRequest({ submittedBy: 33 }), authorOf(spool, undefined)), aRequest());
});

test('in a drop folder a file of the service that others may write is not beyond doubt, and elsewhere all may write it', (t) => {
  const shared = { uid: process.geteuid?.() ?? 0, isShared: true };
  assert.equal(authorOf(tempSpool(t), shared)?.isForgeable, false);
  const spool = tempSpool(t);
  fs.chmodSync(spool.pending, 0o700);
  fs.chmodSync(spool.incoming, 0o3770);
  assert.deepEqual(submittedIn(aRequest({ submittedBy: 33 }), authorOf(spool, shared)), aRequest({ submittedBy: 33, isForgeable: true }));
  assert.equal(authorOf(spool, { ...shared, isShared: false })?.isForgeable, false);
});

test('the API, its filter and the page of a job tell who submitted it, in every state', async (t) => {
  const { ask, spool, dashboard } = await makeClient(t);
  plant(spool, 'pending', { id: 'waits', submittedBy: 33 });
  plant(spool, 'failed', { id: 'failed', submittedBy: 33, attempts: [failedAttempt()] });
  plant(spool, 'pending', { id: 'other', submittedBy: 34 });
  putLine(spool, 'done', Date.now() - 5_000, { submittedBy: 33 });
  putLine(spool, 'old', Date.now() - 5_000);
  fs.writeFileSync(path.join(spool.pending, 'p5-20200101T000000.000Z-many@1-2.ndjson'), '{"class":"A"}\n{"class":"A","submittedBy":33}\n');
  for (const id of ['waits', 'failed', 'done', 'many.2']) assert.equal((await ask('GET', `/api/jobs/${id}`)).body.submittedBy, 33, id);
  assert.equal((await ask('GET', '/api/jobs/many.1')).body.submittedBy, process.geteuid?.());
  assert.equal((await ask('GET', '/api/jobs/old')).body.submittedBy, undefined);
  const { body } = await ask('GET', '/api/jobs?q=submittedBy:33');
  assert.deepEqual((body.jobs as { id: string }[]).map(({ id }) => id).sort(), ['done', 'failed', 'many.2', 'waits']);
  const { app } = await makeDashboard(t, { spool, catalog: dashboard.catalog });
  assert.match(await (await app.request('/dashboard/jobs/failed')).text(), /<dt>Submitted by<\/dt><dd>uid 33<\/dd>/);
  assert.equal(maskJob(jobStatus(spool, 'waits') ?? assert.fail()).submittedBy, 33);
});

test('a request that is posted cannot say who submitted it', async (t) => {
  const { ask } = await makeClient(t);
  const { status, text } = await ask('POST', '/api/jobs', { class: 'ExampleJob', method: 'execute', params: ['x'], submittedBy: 33 });
  assert.equal(status, 422, text);
  assert.match(text, /submittedBy/);
});
