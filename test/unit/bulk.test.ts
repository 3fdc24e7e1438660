import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import { batchFileName } from '../../spool/batch-name.ts';
import { jobStatus } from '../../spool/query.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { jobsPages } from '../../ui/pages/jobs.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';
import { failedAttempt, noticeIn, plant, postForm } from '../support/plant.ts';
import { seedSpool } from '../support/seed.ts';
import { waitFor } from '../support/wait-for.ts';

type Fields = Record<string, string | string[]>;

async function bulk(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, spool, journal } = await makeDashboard(t, overrides);
  const app = await appOf(dashboard, jobsPages);
  const post = (fields: Fields) => postForm(app, '/dashboard/jobs/bulk', fields);
  /** Asks, and gives the fields of the form that the confirmation page holds. */
  const ask = async (fields: Fields) => {
    await dashboard.catalog.refresh(0);
    const response = await post(fields);
    const text = await response.text();
    const form = /<section id="confirm".*?<\/section>/s.exec(text)?.[0] ?? '';
    const hidden: Record<string, string[]> = {};
    for (const [, name = '', value = ''] of form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)) {
      hidden[name] = [...(hidden[name] ?? []), value.replaceAll('&quot;', '"').replaceAll('&amp;', '&')];
    }
    return { status: response.status, text, hidden };
  };
  const get = async (path: string) => (await app.request(path)).text();
  return { post, ask, get, app, spool, journal };
}

const namesIn = (folder: string): string[] => fs.readdirSync(folder);

test('nothing is changed before it is confirmed, and the question says how many and what', async (t) => {
  const { ask, spool } = await bulk(t);
  seedSpool(spool, { failed: 12 });
  const { status, text, hidden } = await ask({ action: 'delete', scope: 'filter', state: 'failed', q: '' });
  assert.equal(status, 200);
  assert.match(text, /Delete 12 jobs\?/);
  assert.match(text, /Nothing brings them back/);
  assert.deepEqual([hidden.count, hidden.confirmed], [['12'], ['yes']]);
  assert.equal(namesIn(spool.failed).length, 12);
});

test('those selected are retried, and the notice says how many', async (t) => {
  const { ask, post, spool, journal } = await bulk(t);
  seedSpool(spool, { failed: 3 });
  const { text, hidden } = await ask({
    action: 'retry',
    state: 'failed',
    id: ['failed-0', 'failed-2'],
    back: '/dashboard/jobs?state=failed',
  });
  assert.match(text, /Retry 2 jobs\?/);
  const response = await post(hidden);
  assert.deepEqual([response.status, response.headers.get('Location')], [303, '/dashboard/jobs?state=failed']);
  assert.equal(noticeIn(response).text, 'Retried 2');
  assert.equal(namesIn(spool.failed).length, 1);
  assert.deepEqual(
    journal.lines.map(({ text: line }) => line),
    ['retried by hand, it was failed', 'retried by hand, it was failed', 'bulk retry: Retried 2'],
  );
});

test('a job that moved on between the question and the answer is skipped and counted with the reason', async (t) => {
  const { ask, post, spool } = await bulk(t);
  const files = ['a', 'b', 'c'].map((id) => plant(spool, 'failed', { id, attempts: [failedAttempt()] }));
  const { hidden } = await ask({ action: 'delete', state: 'failed', id: ['a', 'b', 'c'] });
  // Somebody else retries b, and a runner has claimed it already.
  fs.mkdirSync(spool.slot('host-1'), { recursive: true });
  fs.renameSync(files[1] as string, spool.claimed('host-1', (files[1] as string).split('/').at(-1) as string));
  const response = await post(hidden);
  assert.equal(noticeIn(response).text, 'Deleted 2 · skipped 1 (already running)');
  assert.equal(namesIn(spool.slot('host-1')).length, 1);
});

test('a job that was retried and has failed again since is not the one that was seen', async (t) => {
  const { ask, post, spool } = await bulk(t);
  const file = plant(spool, 'failed', { id: 'a', attempts: [failedAttempt()] });
  const { hidden } = await ask({ action: 'delete', state: 'failed', id: ['a'] });
  fs.unlinkSync(file);
  plant(spool, 'failed', { id: 'a', attempts: [failedAttempt(1), failedAttempt(2, 'again', Date.now() + 1_000)] });
  assert.equal(noticeIn(await post(hidden)).text, 'Deleted 0 · skipped 1 (failed again)');
  assert.equal(namesIn(spool.failed).length, 1);
});

test('what comes after the question is not touched', async (t) => {
  const { ask, post, spool } = await bulk(t);
  seedSpool(spool, { failed: 4 });
  const { hidden } = await ask({ action: 'delete', scope: 'filter', state: 'failed', q: '' });
  const later = Date.now() + 1_000;
  plant(spool, 'failed', { id: 'later', attempts: [failedAttempt(1, 'x', later)] });
  await waitFor(() => Date.now() > Number(hidden.asOf?.[0]), 'the clock to move on');
  const response = await post(hidden);
  assert.match(noticeIn(response).text, /^Deleted 4/);
  assert.deepEqual(
    namesIn(spool.failed).map((name) => /-([a-z]+)\.json$/.exec(name)?.[1]),
    ['later'],
  );
});

test('only jobs that match the search are touched', async (t) => {
  const { ask, post, spool } = await bulk(t);
  plant(spool, 'failed', { id: 'a', attempts: [failedAttempt(1, 'no route')] });
  plant(spool, 'failed', { id: 'b', attempts: [failedAttempt(1, 'disk full')] });
  const { text, hidden } = await ask({ action: 'retry', scope: 'filter', state: 'failed', q: 'error:"no route"' });
  assert.match(text, /that match <code>error:&quot;no route&quot;<\/code>/);
  await post(hidden);
  assert.match(namesIn(spool.failed)[0] ?? '', /-b\.json$/);
});

test('what the selected jobs do not allow is left out, and said before', async (t) => {
  const { ask, spool } = await bulk(t);
  plant(spool, 'failed', { id: 'a', attempts: [failedAttempt()] });
  plant(spool, 'pending', { id: 'b' });
  const { text, hidden } = await ask({ action: 'retry', id: ['a', 'b', 'ghost'] });
  assert.match(text, /Retry 1 job\?/);
  assert.match(text, /Left out: 1 \(pending\), 1 \(no longer known\)/);
  assert.deepEqual([hidden.id, hidden.seen], [['a'], ['failed']]);
});

test('more than a thousand jobs are changed only when their number is typed', async (t) => {
  const { ask, post, spool } = await bulk(t);
  seedSpool(spool, { pending: 1_001 });
  const { text, hidden } = await ask({ action: 'cancel', scope: 'filter', state: 'pending', q: '' });
  assert.match(text, /type their number, 1,001/);
  for (const typed of ['', '1000', 'yes']) {
    const refused = await post({ ...hidden, typed });
    assert.equal(refused.status, 422);
    assert.match(await refused.text(), /nothing was changed/);
  }
  assert.equal(namesIn(spool.pending).length, 1_001);
  assert.equal((await post({ ...hidden, typed: '1,001' })).status, 303);
});

test('many jobs go on in the background: the page follows them, and says at the end what was done', async (t) => {
  const { ask, post, get, spool, journal } = await bulk(t);
  seedSpool(spool, { failed: 500 });
  const { text, hidden } = await ask({ action: 'retry', scope: 'filter', state: 'failed', q: '', back: '/dashboard/jobs?state=failed' });
  assert.match(text, /goes on in the background/);
  const location = (await post(hidden)).headers.get('Location') ?? '';
  assert.match(location, /^\/dashboard\/operations\/[0-9a-f]+$/);
  const first = await get(location);
  assert.match(first, /Retry 500 jobs/);
  await waitFor(async () => (await get(location)).includes('Back to the list'), 'the operation to end');
  const last = await get(location);
  assert.match(last, /Retried 500\./);
  assert.doesNotMatch(last, /data-live/, 'nothing more will happen on that page');
  assert.deepEqual([namesIn(spool.failed).length, namesIn(spool.incoming).length], [0, 500]);
  assert.equal(journal.lines.at(-1)?.text, 'bulk retry finished: Retried 500');
});

test('an operation stops when it is told to, and what it had not reached stays', async (t) => {
  const { ask, post, get, app, spool } = await bulk(t);
  seedSpool(spool, { failed: 900 });
  const { hidden } = await ask({ action: 'delete', scope: 'filter', state: 'failed', q: '' });
  const location = (await post(hidden)).headers.get('Location') ?? '';
  await postForm(app, `${location}/stop`);
  await waitFor(async () => (await get(location)).includes('Back to the list'), 'the operation to end');
  const left = namesIn(spool.failed).length;
  const text = await get(location);
  if (left > 0) assert.match(text, new RegExp(`Stopped\\. .*${left} jobs? w(as|ere) not touched`));
});

test('an operation of another life of the service is not an error', async (t) => {
  const { app } = await bulk(t);
  const response = await app.request('/dashboard/operations/0123456789abcdef');
  assert.equal(response.status, 404);
  assert.match(await response.text(), /What it had done is done; what it had not, it left alone/);
});

test('mistakes in the form are answered by a sentence, and change nothing', async (t) => {
  const { post, spool } = await bulk(t);
  seedSpool(spool, { failed: 1 });
  const wrong: [Fields, RegExp][] = [
    [{ action: 'retry' }, /expected the ids of selected jobs, got none/],
    [{ action: 'explode', id: 'failed-0' }, /action: expected/],
    [{ action: 'priority', id: 'failed-0' }, /priority: expected a whole number from 1 to 10, got nothing/],
    [{ action: 'retry', scope: 'filter', state: 'failed', q: 'klass:x' }, /unknown qualifier/],
    [{ action: 'retry', id: 'failed-0', confirmed: 'yes' }, /expected what the confirmation page sends/],
    [{ action: 'retry', id: 'failed-0', evil: '1' }, /unknown field/],
  ];
  for (const [fields, sentence] of wrong) {
    const response = await post(fields);
    assert.equal(response.status, 422, JSON.stringify(fields));
    assert.match((await response.text()).replaceAll('&quot;', '"'), sentence);
  }
  assert.equal(namesIn(spool.failed).length, 1);
});

test('of lines of a batch and of jobs, those are left out that would be rejected with the new priority', async (t) => {
  const limitation = ({ method }: { method: string }, priority: number) =>
    method === 'low' && priority > 5 ? 'no more than 5' : undefined;
  const { ask, post, spool } = await bulk(t, { limitation });
  const line = (method: string) => `${JSON.stringify({ class: 'ExampleJob', method })}\n`;
  const batch = { priority: 3, runAt: Date.UTC(2026, 10, 22), id: 'b', from: 1, to: 4 };
  fs.writeFileSync(`${spool.pending}/${batchFileName(batch)}`, ['high', 'low', 'high', 'high'].map(line).join(''));
  plant(spool, 'pending', { id: 'single', priority: 3, method: 'low' });
  const { hidden } = await ask({ action: 'priority', priority: '9', scope: 'filter', state: 'pending', q: '' });
  assert.equal(noticeIn(await post(hidden)).text, 'Changed the priority of 3 · skipped 2 (more than who submitted them may ask for)');
  const prioritiesOf = (ids: string[]) => ids.map((id) => jobStatus(spool, id)?.priority);
  assert.deepEqual(prioritiesOf(['b.1', 'b.2', 'b.3', 'b.4', 'single']), [9, 3, 9, 9, 3]);
});

test('the priority of many waiting jobs is changed at once', async (t) => {
  const { ask, post, spool } = await bulk(t);
  for (const id of ['a', 'b']) plant(spool, 'pending', { id });
  const { text, hidden } = await ask({ action: 'priority', priority: '9', state: 'pending', id: ['a', 'b'] });
  assert.match(text, /Set the priority of 2 jobs to 9\?/);
  assert.equal(noticeIn(await post(hidden)).text, 'Changed the priority of 2');
  assert.deepEqual(
    namesIn(spool.pending).map((name) => name.slice(0, 3)),
    ['p9-', 'p9-'],
  );
});
