import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import { dayOf } from '../../spool/layout.ts';
import { isCancelRequested, requestCancel } from '../../spool/marker.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { jobPages } from '../../ui/pages/job.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';
import { failedAttempt, noticeIn, plant, plantRejected, postForm } from '../support/plant.ts';

async function job(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, spool, journal } = await makeDashboard(t, overrides);
  const app = await appOf(dashboard, jobPages);
  const get = async (path: string) => {
    await dashboard.catalog.refresh(0);
    const response = await app.request(`/dashboard/jobs/${path}`);
    return { status: response.status, text: await response.text() };
  };
  const post = (path: string, fields: Record<string, string> = {}) => postForm(app, `/dashboard/jobs/${path}`, fields);
  return { get, post, spool, journal };
}

test('a failed job shows what it was given, what went wrong each time, and what can be done', async (t) => {
  const { get, spool } = await job(t);
  const attempts = [failedAttempt(1, 'first trouble'), failedAttempt(2, 'second trouble')];
  const file = plant(spool, 'failed', { id: 'a', params: ['Sample Data'], retries: 1, timeout: '5m', attempts });
  const { status, text } = await get('a');
  assert.equal(status, 200);
  assert.match(text, /&quot;Sample Data&quot;/);
  assert.ok(text.indexOf('<li id="attempt-2"') < text.indexOf('<li id="attempt-1"'), 'the newest attempt comes first');
  assert.match(text, /<b>Error<\/b>: first trouble/);
  assert.match(text, /<details><summary>Stack of attempt 2<\/summary><pre[^>]*>Error: second trouble\n {4}at handle/);
  assert.match(text, /2 attempts of at most 2/);
  assert.match(text, /1 after the first attempt <span[^>]*>from the request/);
  assert.match(text, /5m <span[^>]*>from the request/);
  assert.match(text, /exponential <span[^>]*>from the service/);
  assert.match(text, new RegExp(`mv -n ${file} ${spool.incoming}/`));
  assert.match(text, /action="\/dashboard\/jobs\/a\/retry"/);
  assert.match(text, /class="button danger confirm" href="\/dashboard\/jobs\/a\/delete\?back=/);
  assert.match(text, /href="\/dashboard\/enqueue\?from=a"/);
  assert.doesNotMatch(text, /\/a\/cancel|\/a\/run-now|\/a\/priority/);
});

test('a policy says where it comes from', async (t) => {
  const { get, spool } = await job(t);
  plant(spool, 'pending', { id: 'a', class: 'FetchUrl', method: 'head', params: ['https://example.org'], retries: 2 });
  const { text } = await get('a');
  assert.match(text, /2 after the first attempt <span[^>]*>from the request/);
  assert.match(text, /1m <span[^>]*>from the allow-list/);
});

test('a job that is being cancelled says since when, and what happens next', async (t) => {
  const settings = [{ name: 'JOBSPOOL_KILL_GRACE', value: '5s', source: 'default' as const, means: '' }];
  const { get, post, spool } = await job(t, { settings });
  plant(spool, 'running/host-1', { id: 'a' });
  fs.writeFileSync(spool.progress('host-1'), '30');
  assert.match((await get('a')).text, /<progress max="100" value="30"/);
  const response = await post('a/cancel', { back: '/dashboard/jobs/a' });
  assert.deepEqual([response.status, response.headers.get('Location')], [303, '/dashboard/jobs/a']);
  assert.equal(isCancelRequested(spool, 'a'), true);
  const { text } = await get('a');
  assert.match(
    text,
    /Cancellation was asked for <time [^>]*>[^<]*<\/time> ago\. .*after 5s, its processes get TERM, and after 5s more KILL/,
  );
  assert.doesNotMatch(text, /action="\/dashboard\/jobs\/a\/cancel"/, 'it is asked for once');
});

test('an action leads back to where it came from, on this server, and tells what was done', async (t) => {
  const { post, spool } = await job(t);
  for (const id of ['a', 'b', 'c']) plant(spool, 'failed', { id, attempts: [failedAttempt()] });
  const response = await post('a/retry', { back: '/dashboard/jobs?state=failed&q=x' });
  assert.equal(response.headers.get('Location'), '/dashboard/jobs?state=failed&q=x');
  const notice = noticeIn(response);
  assert.deepEqual(
    [notice.kind, notice.text, notice.link?.path],
    ['done', 'a runs again, with all its retries; it was failed', '/dashboard/jobs/a'],
  );
  assert.equal((await post('b/retry', { back: 'https://evil.example/' })).headers.get('Location'), '/dashboard/jobs/b');
  assert.equal((await post('c/retry', { back: '//evil.example/' })).headers.get('Location'), '/dashboard/jobs/c');
});

test('an action that came too late says so and changes nothing', async (t) => {
  const { post, spool } = await job(t);
  plant(spool, 'pending', { id: 'a' });
  const notice = noticeIn(await post('a/retry'));
  assert.deepEqual([notice.kind, notice.text], ['refused', 'retry a: it is pending, which does not allow it; nothing was changed']);
  assert.match(noticeIn(await post('ghost/cancel')).text, /no job of that id is known/);
});

test('the priority of a waiting job is changed from its page, and a wrong one is refused', async (t) => {
  const { get, post, spool } = await job(t);
  plant(spool, 'pending', { id: 'a', priority: 5 });
  assert.match((await get('a')).text, /<input type="number" name="priority"[^>]* value="5"/);
  assert.equal((await post('a/priority', { priority: '11' })).status, 422);
  assert.equal((await post('a/priority', {})).status, 422);
  assert.equal((await post('a/priority', { priority: '9' })).status, 303);
  assert.match(fs.readdirSync(spool.pending)[0] ?? '', /^p9-/);
});

test('deleting asks first, and takes the job away with its log', async (t) => {
  const { get, post, spool } = await job(t);
  const file = plant(spool, 'failed', { id: 'a', attempts: [failedAttempt()] });
  fs.writeFileSync(spool.jobLog('a'), 'it said something\n');
  const { status, text } = await get('a/delete?back=%2Fdashboard%2Fjobs%3Fstate%3Dfailed');
  assert.equal(status, 200);
  assert.match(text, /<section id="confirm".*Delete this job\?/s);
  assert.equal(fs.existsSync(file), true);
  const response = await post('a/delete', { back: '/dashboard/jobs?state=failed' });
  assert.equal(response.headers.get('Location'), '/dashboard/jobs?state=failed');
  assert.deepEqual([fs.existsSync(file), fs.existsSync(spool.jobLog('a'))], [false, false]);
  assert.equal((await get('a/delete')).status, 404);
});

test('what runs and what completed is not deleted, and the page says why', async (t) => {
  const { get, spool } = await job(t);
  plant(spool, 'running/host-1', { id: 'a' });
  const running = await get('a/delete');
  assert.equal(running.status, 409);
  assert.match(running.text, /It runs: cancel it first/);
  assert.doesNotMatch(running.text, /<button class="danger"/);
});

test('a completed job shows its result, how long it waited and ran, and where its line is', async (t) => {
  const { get, spool } = await job(t);
  const at = Date.now() - 10_000;
  const iso = (ms: number) => new Date(ms).toISOString();
  const attempt = { number: 1, outcome: 'completed', startedAt: iso(at), finishedAt: iso(at + 1_500), runner: 'host-1' };
  const times = { runAt: iso(at - 2_000), acceptedAt: iso(at - 3_000), startedAt: iso(at), finishedAt: iso(at + 1_500), durationMs: 1_500 };
  const line = {
    id: 'a',
    class: 'ExampleJob',
    method: 'execute',
    params: ['x'],
    priority: 5,
    ...times,
    attempts: [attempt],
    result: { token: 'tok-9', pages: 7 },
  };
  fs.mkdirSync(spool.ledgerDay(dayOf(at + 1_500)), { recursive: true });
  fs.writeFileSync(spool.ledger(dayOf(at + 1_500), 'host-1'), `${JSON.stringify(line)}\n`);
  const { text } = await get('a');
  assert.match(text, /&quot;pages&quot;: 7/);
  assert.doesNotMatch(text, /tok-9/, 'the secret of a result is masked');
  assert.match(text, /<dt>Waited<\/dt><dd>2s</);
  assert.match(text, /<dt>Ran<\/dt><dd>1\.5s</);
  assert.match(text, /grep -F .*host-1\.ndjson/);
  assert.doesNotMatch(text, /\/a\/delete/);
});

test('an unknown id is answered by a page that says what may have become of it', async (t) => {
  const { get } = await job(t);
  const { status, text } = await get('01JUNKNOWN%3Cscript%3E');
  assert.equal(status, 404);
  assert.match(text, /No job of this id is known/);
  assert.match(text, /removed by age/);
  assert.doesNotMatch(text, /<script>(?!<)/);
});

test('a job of hostile strings is shown, and is only text', async (t) => {
  const { get, spool } = await job(t);
  const evil = '</pre><script>alert(1)</script>';
  plant(spool, 'failed', { id: 'a', class: evil, params: { [evil]: evil, password: 'hunter2' }, attempts: [failedAttempt(1, evil)] });
  const { text } = await get('a');
  assert.doesNotMatch(text, /<script>alert|hunter2/);
  const name = '"><img src=x onerror=alert(1)>';
  plantRejected(spool, `${name}.json`, evil, evil);
  const rejected = await get(encodeURIComponent(name));
  assert.equal(rejected.status, 200);
  assert.doesNotMatch(rejected.text, /<img src=x/);
});

test('hundreds of attempts do not make a page of megabytes', async (t) => {
  const { get, spool } = await job(t);
  const attempts = Array.from({ length: 300 }, (_, index) => failedAttempt(index + 1, 'x'.repeat(3_000)));
  plant(spool, 'failed', { id: 'a', params: ['y'.repeat(200_000)], attempts });
  const { text } = await get('a');
  assert.match(text, /280 earlier attempts not shown/);
  assert.match(text, /characters are not shown/);
  assert.ok(text.length < 300_000, `${text.length} characters`);
});

test('a marker that is asked for by hand shows as one asked for here', async (t) => {
  const { get, spool } = await job(t);
  plant(spool, 'running/host-1', { id: 'a' });
  requestCancel(spool, 'a');
  assert.match((await get('a')).text, /chip-cancelling/);
});
