/** Batches in the dashboard and the API, without a server. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { parseFilter } from '../../spool/filter.ts';
import { countByState, jobStatus } from '../../spool/query.ts';
import { runBulk } from '../../ui/bulk.ts';
import { makeClient } from '../support/api.ts';
import { makeDashboard } from '../support/dashboard.ts';
import { putBatch, putFile } from '../support/job-files.ts';
import { postForm } from '../support/plant.ts';

const NOW = Date.now();
const HOUR = 3_600_000;

test('a line has a page, an answer of the API and buttons as any other job', async (t) => {
  const { app, spool } = await makeDashboard(t);
  putBatch(spool, 'pending', { id: 'b', to: 5, runAt: NOW + HOUR });
  const page = await (await app.request('/dashboard/jobs/b.3')).text();
  assert.match(page, /line 3 of .*b@1-5\.ndjson/);
  const answer = (await (await app.request('/api/jobs/b.3')).json()) as { state: string; params: unknown };
  assert.deepEqual([answer.state, answer.params], ['scheduled', [3]]);
  assert.equal((await postForm(app, '/dashboard/jobs/b.3/priority', { priority: '9' })).status, 303);
  assert.equal(jobStatus(spool, 'b.3')?.priority, 9);
  assert.equal((await app.request('/api/jobs/b.5', { method: 'DELETE', headers: { 'Sec-Fetch-Site': 'same-origin' } })).status, 200);
  assert.equal(countByState(spool).scheduled, 4);
  assert.deepEqual(fs.readdirSync(spool.running), []);
});

for (const action of ['cancel', 'run-now', 'delete', 'priority'] as const) {
  test(`${action} on all that match is done to the lines of batches as to single jobs, and its account adds up`, async (t) => {
    const { dashboard, spool, journal } = await makeDashboard(t);
    putBatch(spool, 'pending', { id: 'b', to: 450, runAt: NOW + HOUR });
    putBatch(spool, 'pending', { id: 'c', from: 4, to: 6, runAt: NOW + HOUR });
    putFile(spool, 'pending', { id: 'single', runAt: NOW + HOUR });
    const parsed = parseFilter('state:scheduled', NOW);
    assert.ok(parsed.ok);
    const order = { action, priority: action === 'priority' ? 9 : undefined, asOf: Date.now() + 1, expected: 454, who: 'me' };
    const progress = await runBulk(
      dashboard,
      { ...order, selection: { kind: 'filter', filter: parsed.filter } },
      { done: 0, skipped: new Map() },
    );
    assert.deepEqual(progress, { done: 454, skipped: new Map() });
    const { scheduled, pending, cancelled } = countByState(spool);
    const expected = { cancel: [0, 0, 454], 'run-now': [0, 454, 0], delete: [0, 0, 0], priority: [454, 0, 0] }[action];
    assert.deepEqual([scheduled, pending, cancelled], expected);
    assert.equal(journal.lines.filter(({ text }) => text.includes('by hand')).length, 454);
    if (action === 'priority') assert.equal(jobStatus(spool, 'b.450')?.priority, 9);
    assert.deepEqual(fs.readdirSync(spool.running), []);
  });
}

test('lines that were claimed meanwhile are skipped and counted, the others are done', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  const file = putBatch(spool, 'pending', { id: 'b', to: 30 });
  await dashboard.catalog.refresh();
  // The catalog has seen the whole; then a runner took the first ten.
  fs.mkdirSync(spool.slot('host-7'));
  fs.linkSync(file, file.replace('@1-30', '@11-30'));
  fs.renameSync(file, `${spool.slot('host-7')}/${file.slice(file.lastIndexOf('/') + 1).replace('@1-30', '@1-10')}`);
  const jobs = Array.from({ length: 30 }, (_, at) => ({ id: `b.${at + 1}`, seen: 'pending' as const }));
  const order = { action: 'delete' as const, priority: undefined, asOf: Date.now() + 1, expected: 30, who: 'me' };
  const { done, skipped } = await runBulk(dashboard, { ...order, selection: { kind: 'picked', jobs } }, { done: 0, skipped: new Map() });
  assert.equal(done, 20);
  assert.equal(
    [...skipped.values()].reduce((sum, count) => sum + count, 0),
    10,
  );
});

test('an array of jobs is submitted whole, many of them as a batch, and its ids come back in order', async (t) => {
  const { ask, spool, journal } = await makeClient(t);
  const jobs = Array.from({ length: 150 }, (_, at) => ({ class: 'ExampleJob', method: 'execute', params: [`number ${at + 1}`] }));
  const { status, body } = await ask('POST', '/api/jobs', jobs);
  assert.equal(status, 201);
  const { ids } = body as { ids: string[] };
  assert.equal(new Set(ids).size, 150);
  assert.deepEqual(jobStatus(spool, ids[149] as string)?.params, ['number 150']);
  assert.equal(fs.readdirSync(spool.incoming).length, 1);
  const few = await ask('POST', '/api/jobs', [{ class: 'ExampleJob', method: 'execute', params: ['x'], id: 'own', delay: '1h' }]);
  assert.deepEqual(few.body, { ids: ['own'] });
  assert.deepEqual(
    journal.lines.map(({ text }) => text),
    [`enqueued 150 jobs by the API, from ${ids[0]} on`, 'enqueued 1 job by the API, from own on'],
  );
  assert.equal(jobStatus(spool, 'own')?.state, 'scheduled');
});

test('of an array with a mistake nothing is submitted, and each mistake says which job it is of', async (t) => {
  const { ask, spool } = await makeClient(t);
  const good = { class: 'ExampleJob', method: 'execute', params: ['x'] };
  for (const [bad, path] of [
    [{ ...good, class: 'Nobody' }, 'body[1].class'],
    [{ ...good, prio: 3 }, 'body[1].prio'],
    [{ ...good, delay: 'soon' }, 'body[1].delay'],
    [{ ...good, delay: '4000000d' }, 'body[1].delay'],
    ['no object', 'body[1]'],
  ] as const) {
    const { status, body } = await ask('POST', '/api/jobs', [good, bad]);
    assert.equal(status, 422);
    assert.equal((body as { mistakes: { path: string }[] }).mistakes[0]?.path, path);
  }
  const twins = await ask('POST', '/api/jobs', [good, { ...good, id: 'one' }, good, { ...good, id: 'one' }]);
  assert.equal(twins.status, 422);
  assert.deepEqual(twins.body.mistakes, [{ path: 'body[3].id', message: 'job 4: id: job 2 has the id "one" already' }]);
  assert.equal((await ask('POST', '/api/jobs', [])).status, 422);
  assert.equal((await ask('POST', '/api/jobs', [good], { 'Idempotency-Key': 'once' })).status, 422);
  assert.deepEqual(fs.readdirSync(spool.incoming), []);
});
