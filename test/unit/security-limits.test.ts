/** No request, file or job makes the service work for minutes, hold the rest up, or answer with a page that no browser bears. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test from 'node:test';
import { loadAllowlist } from '../../jobs/load-allowlist.ts';
import { listen } from '../../service/listen.ts';
import { Intake } from '../../spool/accept.ts';
import { jobFileName } from '../../spool/filename.ts';
import { matches, parseFilter } from '../../spool/filter.ts';
import { MASK } from '../../spool/mask.ts';
import type { JobStatus } from '../../spool/query.ts';
import { checkRequest } from '../../spool/request.ts';
import { afterwards } from '../support/afterwards.ts';
import { makeDashboard, wholeApp } from '../support/dashboard.ts';
import { plant, plantRejected, postForm } from '../support/plant.ts';
import { tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

test('a filter of hundreds of values is refused: each would be looked for in every job', async (t) => {
  const { app } = await makeDashboard(t);
  for (const text of [`id:${'a*b,'.repeat(500)}`, 'a '.repeat(1_900), 'error:a '.repeat(300), `class:${'a,'.repeat(200)}`]) {
    const parsed = parseFilter(text, Date.now());
    assert.match(parsed.ok ? 'it was taken' : parsed.reason, /at most 100 values, got \d+/);
    assert.equal((await app.request(`/dashboard/jobs?q=${encodeURIComponent(text)}`)).status, 422);
  }
  assert.ok(parseFilter(`id:${Array.from({ length: 100 }, (_, index) => `job-${index}`).join()}`, Date.now()).ok);
});

test('the text of a job is put together once, however many texts are looked for in it', () => {
  let made = 0;
  const counted = { toJSON: () => `${'x'.repeat(1_000)}${++made}` };
  const job = { id: 'a', state: 'failed', params: [], priority: 5, runAt: '', attempts: [], result: counted } as unknown as JobStatus;
  const parsed = parseFilter('x '.repeat(90), Date.now());
  assert.ok(parsed.ok && matches(parsed.filter, job));
  assert.equal(made, 1);
});

test('why a request is refused is told in a few sentences, however much is wrong with it', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`key-${index}`, 1]));
  const long = { ['k'.repeat(500_000)]: 1 };
  const list = await loadAllowlist(path.resolve(import.meta.dirname, '../../jobs/allowlist.ts'));
  for (const extra of [many, long]) {
    const checked = checkRequest({ class: 'ExampleJob', ...extra });
    assert.ok(!checked.ok && checked.reason.length < 3_000, 'the body');
    assert.match(checked.reason, /unknown field "k/);
    const request = { class: 'WordCount', method: 'count', params: { path: 'x', ...extra } };
    const refused = list.check(request);
    assert.ok(!refused.ok && refused.reason.length < 3_000, 'the parameters');
  }
  const spool = tempSpool(t);
  fs.writeFileSync(`${spool.incoming}/p5-now-a.json`, JSON.stringify({ class: 'x'.repeat(300_000), ...many }));
  const intake = new Intake(spool, { refusal: () => undefined, isLive: () => false });
  const refused = intake.accept('p5-now-a.json', Date.now(), 0);
  assert.ok(refused.kind === 'rejected' && refused.reason.length < 3_000);
  assert.ok(fs.statSync(spool.reason('p5-now-a.json')).size < 4_000);
});

test('a page of jobs stays small whatever their files say', async (t) => {
  const { app, spool } = await makeDashboard(t);
  const huge = 'm'.repeat(400_000);
  const error = { name: huge, message: huge, stack: huge };
  const at = new Date().toISOString();
  const attempts = [{ number: 1, outcome: 'failed' as const, startedAt: at, finishedAt: at, runner: huge, error }];
  plant(spool, 'failed', { id: 'a', params: { [huge]: huge }, attempts });
  plant(spool, 'pending', { id: 'b', params: [huge], attempts, runAt: Date.now() + 1e9 });
  plantRejected(spool, 'c.json', 'x', huge);
  const sizes: Record<string, number> = {};
  for (const page of [
    '/dashboard',
    '/dashboard/jobs',
    '/dashboard/jobs?state=failed',
    '/dashboard/jobs?state=rejected',
    '/dashboard/failures',
    '/dashboard/runners',
  ])
    sizes[page] = (await (await app.request(page)).text()).length;
  for (const id of ['a', 'b', 'c']) sizes[`/dashboard/jobs/${id}`] = (await (await app.request(`/dashboard/jobs/${id}`)).text()).length;
  assert.deepEqual(
    Object.entries(sizes).filter(([, size]) => size > 200_000),
    [],
  );
});

test('nesting too deep for the stack is a mistake in the form, and no error of the service', async (t) => {
  const { app, spool, journal } = await makeDashboard(t);
  plant(spool, 'failed', { id: 'a', params: [{ password: 'p' }] });
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  for (const from of ['', 'a'])
    for (const params of [deep, `["${MASK}",${deep}]`]) {
      const response = await postForm(app, '/dashboard/enqueue', { handler: 'ExampleJob.execute', params, from });
      assert.equal(response.status, 422, `${from} ${params.slice(0, 12)}`);
    }
  assert.deepEqual(
    journal.lines.filter(({ level }) => level === 'error'),
    [],
  );
});

test('a form names no more jobs than the API does', async (t) => {
  const { app } = await makeDashboard(t);
  const response = await postForm(app, '/dashboard/jobs/bulk', { action: 'retry', id: Array(1_001).fill('a') });
  assert.equal(response.status, 422);
  assert.match(await response.text(), /id: expected a list with a length of at most 1000/);
  assert.equal((await postForm(app, '/dashboard/jobs/bulk', { action: 'retry', id: Array(1_000).fill('a') })).status, 200);
});

test('asking only for the head of a live stream keeps none open', async (t) => {
  const { app } = await makeDashboard(t);
  for (let asked = 0; asked < 250; asked++) {
    const response = await app.request('/dashboard/live?view=overview', { method: 'HEAD' });
    assert.equal(response.status, 200);
  }
  const stream = await app.request('/dashboard/live?view=overview');
  assert.equal(stream.status, 200);
  assert.equal(stream.headers.get('Content-Type'), 'text/event-stream');
  await stream.body?.cancel();
});

test('what a job returned may be nested deeper than the stack is high', async (t) => {
  const { app, spool } = await makeDashboard(t);
  const day = new Date().toISOString().slice(0, 10);
  const at = new Date().toISOString();
  fs.mkdirSync(spool.ledgerDay(day));
  const attempts = [{ number: 1, outcome: 'completed', startedAt: at, finishedAt: at, runner: 'h-1' }];
  const line = { id: 'a', class: 'A', method: 'b', params: [], priority: 5, runAt: at, acceptedAt: at, startedAt: at, finishedAt: at };
  const start = JSON.stringify({ ...line, durationMs: 1, attempts }).slice(0, -1);
  fs.writeFileSync(spool.ledger(day, 'h-1'), `${start},"result":${'['.repeat(50_000)}${']'.repeat(50_000)}}\n`);
  for (const page of ['/dashboard/jobs?state=completed', '/dashboard/jobs?q=anything', '/dashboard/jobs/a', '/api/jobs/a'])
    assert.equal((await app.request(page)).status, 200, page);
});

test('a job whose file was never a job is shown by its name alone', async (t) => {
  const { app, spool } = await makeDashboard(t);
  fs.writeFileSync(`${spool.failed}/${jobFileName({ priority: 5, runAt: 0, id: 'a' })}`, '['.repeat(500_000));
  assert.equal((await app.request('/dashboard/jobs/a')).status, 200);
  assert.equal((await app.request('/dashboard/jobs?q=x')).status, 200);
});

test('connections that are held open leave the process descriptors for its jobs', async (t) => {
  const { dashboard } = await makeDashboard(t);
  const server = await listen((await wholeApp(dashboard)).fetch, '127.0.0.1', 0);
  afterwards(t, () => server.close(100));
  const sockets: net.Socket[] = [];
  afterwards(t, () => {
    for (const socket of sockets) socket.destroy();
  });
  // In portions: what the kernel has no room to queue, it lets wait for seconds.
  while (sockets.length < 1_200) {
    const portion = Array.from({ length: 100 }, () => net.connect(server.port, '127.0.0.1').on('error', () => {}));
    sockets.push(...portion);
    await waitFor(() => portion.every(({ connecting }) => !connecting), 'the connections to be made');
  }
  await waitFor(() => sockets.filter(({ destroyed }) => destroyed).length >= 200, 'the connections that are too many to be closed');
  for (const socket of sockets) socket.destroy();
  await waitFor(
    () =>
      fetch(`http://127.0.0.1:${server.port}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      ),
    'an answer to others again',
  );
});
