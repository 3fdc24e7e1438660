import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Hono } from 'hono';
import type { Credentials } from '../../ui/access/credentials.ts';
import type { Dashboard, Env } from '../../ui/dashboard.ts';
import { appOf, credentials, makeDashboard } from '../support/dashboard.ts';

const whoami = () =>
  new Hono<Env>()
    .get('/dashboard', (context) => context.text(`${context.get('role')} ${context.get('who')}`))
    .get('/api/jobs', (context) => context.json({ who: context.get('who') }))
    .post('/dashboard/pause', (context) => context.text('done'));

async function appWith(t: TestContext, given: Partial<Credentials> = {}, overrides: Partial<Dashboard> = {}) {
  const { dashboard, journal } = await makeDashboard(t, { credentials: credentials(given), ...overrides });
  const app = await appOf(dashboard, whoami);
  const as = (authorization: string | undefined, path = '/dashboard') =>
    app.request(path, authorization === undefined ? {} : { headers: { Authorization: authorization } });
  return { app, as, journal };
}

const basic = (name: string, password: string): string => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;

test('without any password or token, everybody on this computer may do everything', async (t) => {
  const { as, app } = await appWith(t);
  assert.equal(await (await as(undefined)).text(), 'operator anybody');
  assert.equal(await (await as(basic('who', 'ever'))).text(), 'operator anybody');
  assert.equal((await app.request('/dashboard/pause', { method: 'POST' })).status, 200);
});

test('the user name and the password let a person in, nothing else does', async (t) => {
  const { as } = await appWith(t, { user: 'ann', password: 'right' });
  assert.equal(await (await as(basic('ann', 'right'))).text(), 'operator ann');
  assert.equal(await (await as(basic('ann', 'right').replace('Basic', 'bAsIc  '))).text(), 'operator ann');
  for (const wrong of [
    basic('ann', 'wrong'),
    basic('ann', ''),
    basic('', 'right'),
    basic('bob', 'right'),
    basic('ann', 'right '),
    basic('Ann', 'right'),
    'Bearer right',
    `Basic ${Buffer.from('annright').toString('base64')}`,
  ]) {
    assert.equal((await as(wrong)).status, 401, wrong);
  }
});

test('a header that is no sign-in at all is refused and harms nothing', async (t) => {
  const { as } = await appWith(t, { password: 'right' });
  for (const strange of ['Basic', 'Basic %%%', 'Basic ////', 'Bearer', 'Digest username="admin"', `Negotiate ${'x'.repeat(500)}`]) {
    assert.equal((await as(strange)).status, 401, strange);
  }
});

test('a huge Authorization header is refused without being decoded', async (t) => {
  const { as } = await appWith(t, { password: 'right', token: 'secret' });
  for (const huge of [`Basic ${'QUFB'.repeat(500_000)}`, `Bearer ${'x'.repeat(2_000_000)}`, `Basic${' '.repeat(1_000_000)}x`]) {
    const before = performance.now();
    assert.equal((await as(huge)).status, 401);
    assert.ok(performance.now() - before < 1_000);
  }
});

test('a password may hold colons and letters of any alphabet, typed composed or decomposed', async (t) => {
  const { as } = await appWith(t, { user: 'jörg', password: 'a:b:pässwörd:日本:🔑' });
  assert.equal(await (await as(basic('jörg', 'a:b:pässwörd:日本:🔑'))).text(), 'operator jörg');
  assert.equal((await as(basic('jörg', 'a:b:pässwörd:日本:🔑'.normalize('NFD')))).status, 200);
  assert.equal((await as(basic('jörg', 'a'))).status, 401);
});

test('a token lets programs in, and is no password', async (t) => {
  const { as } = await appWith(t, { token: 'secret' });
  assert.deepEqual(await (await as('Bearer secret', '/api/jobs')).json(), { who: 'token' });
  for (const wrong of ['Bearer', 'Bearer secre', 'Bearer secrett', basic('admin', 'secret'), basic('admin', ''), 'secret']) {
    assert.equal((await as(wrong, '/api/jobs')).status, 401, wrong);
  }
});

test('a password alone lets no bearer in, also not an empty one', async (t) => {
  const { as } = await appWith(t, { password: 'right' });
  for (const bearer of ['Bearer right', 'Bearer ', 'Bearer undefined', 'Bearer admin:right']) {
    assert.equal((await as(bearer, '/api/jobs')).status, 401, bearer);
  }
});

test('an empty password in the configuration lets nobody in', async (t) => {
  const { as } = await appWith(t, { password: '', token: '' });
  for (const authorization of [undefined, basic('admin', ''), 'Bearer ', 'Bearer']) assert.equal((await as(authorization)).status, 401);
});

test('viewers may look and change nothing, by password and by token', async (t) => {
  const { app, as } = await appWith(t, { password: 'right', viewerUser: 'guest', viewerPassword: 'look', viewerToken: 'looking' });
  assert.equal(await (await as(basic('guest', 'look'))).text(), 'viewer guest');
  assert.equal(await (await as('Bearer looking')).text(), 'viewer viewer token');
  for (const authorization of [basic('guest', 'look'), 'Bearer looking']) {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']) {
      const answer = await app.request('/dashboard/pause', { method, headers: { Authorization: authorization } });
      assert.equal(answer.status, 403, method);
      assert.match(await answer.text(), /viewer/);
    }
  }
  const operator = await app.request('/dashboard/pause', { method: 'POST', headers: { Authorization: basic('admin', 'right') } });
  assert.equal(operator.status, 200);
});

test('names and passwords are not mixed between the operator and the viewer', async (t) => {
  const { as } = await appWith(t, { user: 'ann', password: 'one', viewerUser: 'guest', viewerPassword: 'two' });
  for (const wrong of [basic('ann', 'two'), basic('guest', 'one')]) assert.equal((await as(wrong)).status, 401);
});

test('a viewer password alone still asks everybody for it, and makes nobody an operator', async (t) => {
  const { as } = await appWith(t, { viewerPassword: 'look' });
  assert.equal((await as(undefined)).status, 401);
  assert.equal((await as(basic('admin', ''))).status, 401);
  assert.equal(await (await as(basic('viewer', 'look'))).text(), 'viewer viewer');
});

test('a read-only service refuses every change, also by its operator', async (t) => {
  const { app } = await appWith(t, { token: 'secret' }, { readOnly: true });
  const headers = { Authorization: 'Bearer secret' };
  const refused = await app.request('/dashboard/pause', { method: 'POST', headers });
  assert.equal(refused.status, 403);
  assert.match(await refused.text(), /read-only \(JOBSPOOL_READ_ONLY\)/);
  const problem = await app.request('/api/jobs', { method: 'DELETE', headers });
  assert.equal(problem.headers.get('Content-Type'), 'application/problem+json');
  assert.equal((await app.request('/dashboard', { headers })).status, 200);
});

test('a browser is asked for a password, a program for what it may offer', async (t) => {
  const { as } = await appWith(t, { password: 'right', token: 'secret' });
  const page = await as(undefined);
  assert.equal(page.status, 401);
  assert.equal(page.headers.get('WWW-Authenticate'), 'Basic realm="Jobspool", charset="UTF-8"');
  assert.match(page.headers.get('Content-Type') ?? '', /^text\/html/);
  const problem = await as(undefined, '/api/jobs');
  assert.equal(problem.status, 401);
  assert.equal(problem.headers.get('WWW-Authenticate'), 'Basic realm="Jobspool", charset="UTF-8", Bearer realm="Jobspool"');
  assert.equal(problem.headers.get('Content-Type'), 'application/problem+json');
  const { status, title, detail, type, instance } = (await problem.json()) as Record<string, unknown>;
  assert.deepEqual(
    { status, title, type, instance, detail: typeof detail },
    { status: 401, title: 'Sign in', type: 'about:blank', instance: '/api/jobs', detail: 'string' },
  );
});

test('a browser is not asked again and again for a password that does not exist', async (t) => {
  const { as } = await appWith(t, { token: 'secret' });
  const page = await as(undefined);
  assert.equal(page.headers.get('WWW-Authenticate'), 'Bearer realm="Jobspool"');
  assert.match(await page.text(), /JOBSPOOL_PASSWORD/);
});

test('health and assets ask for nothing', async (t) => {
  const { app } = await appWith(t, { password: 'right' });
  assert.equal((await app.request('/healthz')).status, 200);
  assert.equal((await app.request('/readyz')).status, 200);
  assert.equal((await app.request('/assets/0/icon.svg')).status, 200);
});

test('addresses that do not exist say so only to those who are signed in', async (t) => {
  const { as } = await appWith(t, { password: 'right' }, { basePath: '/jobs' });
  assert.equal((await as(undefined, '/jobs/nothing')).status, 401);
  assert.equal((await as(basic('admin', 'right'), '/jobs/nothing')).status, 404);
});

test('a failed sign-in is logged with the name made inert, and without the password', async (t) => {
  const { as, journal } = await appWith(t, { password: 'right' });
  await as(basic('a\r\nERROR forged\u001b[31m\u202e\u2028<b>"', 'my-secret-password'));
  await as('Bearer my-secret-token');
  const [person, program, ...more] = journal.lines;
  assert.equal(more.length, 0);
  assert.equal(person?.level, 'warn');
  assert.match(person?.text ?? '', /^a sign-in as the user "a��ERROR forged�\[31m��<b>\\"" from unknown failed/);
  assert.match(program?.text ?? '', /^a sign-in as a token from unknown failed/);
  assert.doesNotMatch(JSON.stringify(journal.lines), /my-secret/);
});

test('a user name is cut in the log', async (t) => {
  const { as, journal } = await appWith(t, { password: 'right' });
  await as(basic('x'.repeat(3_000), 'y'));
  assert.ok((journal.lines[0]?.text ?? '').length < 300);
});

test('a request that offers nothing is no failed sign-in', async (t) => {
  const { as, journal } = await appWith(t, { password: 'right' });
  for (let count = 0; count < 30; count += 1) assert.equal((await as(undefined)).status, 401);
  assert.deepEqual(journal.lines, []);
});
