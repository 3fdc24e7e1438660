/** What another site, another program under our name, a stranger behind the same proxy, or a viewer might try. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import { Hono } from 'hono';
import { MASK } from '../../spool/mask.ts';
import type { Spool } from '../../spool/spool.ts';
import { accessControl } from '../../ui/access/control.ts';
import type { Env } from '../../ui/dashboard.ts';
import { credentials, makeDashboard } from '../support/dashboard.ts';
import { putFailed, putFile, putLine, putRejected } from '../support/job-files.ts';
import { noticeIn, plant, postForm } from '../support/plant.ts';

test('a notice that another program under our name put into the cookie is no link out of here, and no error', async (t) => {
  const { app, journal } = await makeDashboard(t);
  const odd = { isEscaped: true, callbacks: [1], toString: 'x' };
  const forged: unknown[] = [
    ...['javascript:alert(1)', '//evil.example', '/\\evil.example', 'https://evil.example', '\t/x', odd, undefined].map((path) => ({
      kind: 'done',
      text: 'forged',
      link: { path, text: 'click' },
    })),
    { kind: 'done', text: 'forged', link: { path: '/dashboard', text: odd } },
    { kind: 'done', text: 'forged', link: 'x' },
    { kind: 'done', text: odd },
    { kind: '__proto__', text: 'forged' },
    { kind: 'done', text: 'forged', more: 1 },
    [],
    null,
    'x',
  ];
  for (const notice of forged) {
    const response = await app.request('/dashboard', {
      headers: { Cookie: `jobspool_notice=${encodeURIComponent(JSON.stringify(notice))}` },
    });
    assert.equal(response.status, 200, JSON.stringify(notice));
    assert.doesNotMatch(await response.text(), /forged|evil|javascript:/, JSON.stringify(notice));
  }
  const ours = { kind: 'refused', text: '<b>ours</b>', link: { path: '/dashboard/jobs/a', text: '<i>' } };
  const page = await app.request('/dashboard', { headers: { Cookie: `jobspool_notice=${encodeURIComponent(JSON.stringify(ours))}` } });
  assert.match(await page.text(), /&lt;b&gt;ours&lt;\/b&gt; <a href="\/dashboard\/jobs\/a">&lt;i&gt;<\/a>/);
  assert.deepEqual(journal.lines, []);
});

test('a page of another site makes us search nothing, neither by a fetch nor by an image; a link leads here all the same', async (t) => {
  const { app } = await makeDashboard(t, { credentials: credentials({ auth: 'none' }) });
  const ask = async (path: string, headers: Record<string, string>, method = 'GET') =>
    (await app.request(path, { method, headers })).status;
  for (const path of ['/dashboard/jobs?q=params:x', '/api/jobs', '/dashboard/live?view=overview', '/job-logs/download?log=events'])
    for (const site of ['cross-site', 'same-site', ''])
      for (const mode of ['no-cors', 'cors', 'websocket', '']) {
        assert.equal(await ask(path, { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode }), 403, `${path} ${site} ${mode}`);
        assert.equal(await ask(path, { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode }, 'HEAD'), 403);
      }
  const link = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' };
  for (const headers of [link, { 'Sec-Fetch-Site': 'same-origin', 'Sec-Fetch-Mode': 'cors' }, { 'Sec-Fetch-Site': 'none' }, {}])
    assert.equal(await ask('/dashboard/jobs', headers), 200);
  assert.equal(await ask('/healthz', { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }), 200);
});

test('a stranger who fails a thousand times behind the same proxy does not lock out those who work here', async (t) => {
  const { dashboard } = await makeDashboard(t, { credentials: credentials({ password: 'right', token: 'secret' }) });
  const now = Date.parse('2026-11-22T10:00:00Z');
  const app = new Hono<Env>();
  app.use(accessControl(dashboard, () => now));
  app.get('/dashboard', (context) => context.text(context.get('who')));
  const basic = (name: string, password: string) => `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  const ask = async (Authorization: string, from: string) =>
    (
      await app.request(
        '/dashboard',
        { headers: { Authorization, 'X-Forwarded-For': from } },
        { incoming: { socket: { remoteAddress: '10.0.0.1' } } },
      )
    ).status;
  const people: [string, string][] = [
    [basic('admin', 'right'), '198.51.100.1'],
    ['Bearer secret', '198.51.100.2'],
  ];
  for (const [offer, from] of people) assert.equal(await ask(offer, from), 200);
  for (let count = 0; count < 1_000; count += 1) await ask(basic(`user-${count}`, 'x'), `203.0.113.${count % 250}`);
  for (const [offer, from] of people) assert.equal(await ask(offer, from), 200);
  assert.equal(await ask(basic('admin', 'right'), '198.51.100.9'), 429);
  // Who has signed in may not guess without end either.
  for (let count = 0; count < 10; count += 1) assert.equal(await ask(basic('admin', 'wrong'), '198.51.100.1'), 401);
  assert.equal(await ask(basic('admin', 'right'), '198.51.100.1'), 429);
});

test('the secret of a job goes to no other handler by way of a duplicate', async (t) => {
  const { app, spool } = await makeDashboard(t, { refusal: () => undefined });
  plant(spool, 'failed', { id: 'a', class: 'FetchUrl', method: 'head', params: [{ url: 'x', token: 'hunter2' }] });
  const params = JSON.stringify([{ url: 'y', token: MASK }]);
  const send = (fields: Record<string, string>) => postForm(app, '/dashboard/enqueue', { from: 'a', params, ...fields });
  for (const handler of ['ExampleJob.execute', 'FetchUrl.get', 'FetchUrl.head.head', 'fetchurl.head']) {
    const response = await send({ handler });
    assert.equal(response.status, 422, handler);
    const text = await response.text();
    assert.match(text, /the secrets of the original go to no other handler/);
    assert.doesNotMatch(text, /hunter2/);
  }
  assert.deepEqual(spool.disk.names(spool.incoming), []);
  assert.equal((await send({ handler: 'FetchUrl.head' })).status, 303);
  const [name = ''] = spool.disk.names(spool.incoming);
  assert.deepEqual(JSON.parse(fs.readFileSync(`${spool.incoming}/${name}`, 'utf8')).params, [{ url: 'y', token: 'hunter2' }]);
});

test('by nothing that a search answers can a masked value be told from another', async (t) => {
  const [guessed, other] = [await withSecret(t, 'hunter2'), await withSecret(t, 'qwertzu')];
  for (const q of ['hunter2', 'params:hunter2', 'params:token":"h', '"token":"hunter2"', 'hun', `params:"\\"hunter2\\""`])
    for (const state of ['', 'pending', 'retrying', 'scheduled', 'failed', 'cancelled', 'rejected', 'completed'])
      assert.deepEqual(await guessed(q, state), await other(q, state), `${q} ${state}`);
  const { jobs } = (await guessed('hello', '')) as unknown as { jobs: unknown[] };
  assert.equal(jobs.length, 6);
});

/** A spool with a secret in every place; gives what a search says of it, and what a bulk action would. */
async function withSecret(t: TestContext, secret: string) {
  const { app, spool } = await makeDashboard(t);
  const params = [{ note: 'hello', token: secret, nested: { password: [secret] } }];
  const at = Date.UTC(2026, 10, 1);
  const request = { params };
  putFile(spool, 'pending', { id: 'pending', request });
  putFile(spool, 'pending', { id: 'scheduled', request, runAt: Date.UTC(2099, 0, 1) });
  putFile(spool, 'retrying', { id: 'retrying', request, runAt: Date.UTC(2099, 0, 1) });
  putFile(spool, 'cancelled', { id: 'cancelled', request });
  putFailed(spool, 'failed', at, 'it broke', request);
  putLine(spool, 'completed', at, { params, result: { token: secret, cookie: { a: secret } } });
  putRejected(spool, 'rejected.json', at);
  ofOneTime(spool);
  return async (q: string, state: string) => {
    const query = new URLSearchParams({ q, ...(state === '' ? {} : { state }) });
    const { asOf, ...page } = (await (await app.request(`/api/jobs?${query}`)).json()) as Record<string, unknown>;
    const order = { action: 'delete', filter: `${state === '' ? '' : `state:${state} `}${q}`, dryRun: true };
    const init = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(order) };
    const { asOf: _asOf, ...plan } = (await (await app.request('/api/jobs/bulk', init)).json()) as Record<string, unknown>;
    return { ...page, plan };
  };
}

function ofOneTime(spool: Spool): void {
  for (const folder of [spool.pending, spool.retrying, spool.cancelled, spool.failed, spool.rejected])
    for (const name of fs.readdirSync(folder)) fs.utimesSync(`${folder}/${name}`, 1_795_000_000, 1_795_000_000);
}

test('no word in `back` leads to another server, whatever the base path', async (t) => {
  for (const basePath of ['', '/jobs']) {
    const { app } = await makeDashboard(t, { basePath });
    const words = [
      ...[
        '//evil.example',
        '/\\evil.example',
        '\\\\evil.example',
        '/\t/evil.example',
        '/\n/evil.example',
        ' //evil.example',
        '/ /evil.example',
      ],
      ...[
        'https://evil.example',
        'javascript:alert(1)',
        'data:text/html,x',
        '@evil.example',
        '.evil.example',
        ':80@evil.example',
        '/.//evil.example',
      ],
      ...[
        '/../..//evil.example',
        '/%2f%2fevil.example',
        '/%5cevil.example',
        '/%09/evil.example',
        '/%0d%0aX-Injected: 1',
        '/\r\nX-Injected: 1',
        '/\u2028',
      ],
      ...[`/${'a'.repeat(5_000)}`, '?x', '#x', '', '/@evil.example', '/;//evil.example', '/é', '/\u{1f600}', '/dashboard#"><x'],
    ];
    for (const back of words) {
      const response = await postForm(app, `${basePath}/dashboard/jobs/none/retry`, { back });
      assert.equal(response.status, 303, JSON.stringify(back));
      assert.equal(response.headers.get('X-Injected'), null);
      const to = new URL(response.headers.get('Location') ?? '', 'http://here.example/x/y');
      assert.equal(to.origin, 'http://here.example', JSON.stringify(back));
      assert.equal(noticeIn(response).kind, 'refused');
      const asked = await app.request(`${basePath}/dashboard/jobs/none/delete?${new URLSearchParams({ back })}`);
      for (const [, href = ''] of (await asked.text()).matchAll(/href="([^"]*)"/g))
        assert.equal(new URL(href.replaceAll('&amp;', '&'), 'http://here.example/').origin, 'http://here.example', href);
    }
  }
});

test('whatever is answered may not be framed, sniffed, kept, or run anything that is not ours', async (t) => {
  const { app } = await makeDashboard(t, { basePath: '/jobs', credentials: credentials({ password: 'right', viewerToken: 'look' }) });
  const right = { Authorization: `Basic ${Buffer.from('admin:right').toString('base64')}` };
  const viewer = { Authorization: 'Bearer look' };
  const answers: [number, string, RequestInit][] = [
    [200, '/jobs/dashboard', { headers: right }],
    [302, '/jobs/', { headers: right }],
    [401, '/jobs/dashboard', {}],
    [401, '/jobs/api/jobs', {}],
    [401, '/jobs/api/nothing', {}],
    [403, '/jobs/api/pause', { method: 'POST', headers: viewer }],
    [403, '/jobs/dashboard/pause', { method: 'POST', headers: viewer }],
    [403, '/jobs/dashboard/nothing', { method: 'PUT', headers: viewer }],
    [404, '/jobs/nothing', { headers: right }],
    [404, '/elsewhere', {}],
    [404, '/jobs/assets/x/__proto__', {}],
    [400, '/jobs/dashboard/jobs?x=1', { headers: right }],
    [422, '/jobs/api/jobs?limit=x', { headers: right }],
    [200, '/jobs/healthz', {}],
    [200, '/jobs/api/events', { method: 'HEAD', headers: right }],
  ];
  for (const [status, path, init] of answers) {
    const response = await app.request(path, init);
    assert.equal(response.status, status, path);
    const header = (name: string) => response.headers.get(name);
    assert.match(
      header('Content-Security-Policy') ?? '',
      /^default-src 'none'; script-src 'self'; style-src 'self';.*frame-ancestors 'none'$/,
      path,
    );
    assert.equal(header('X-Frame-Options'), 'DENY', path);
    assert.equal(header('X-Content-Type-Options'), 'nosniff', path);
    assert.equal(header('Cross-Origin-Resource-Policy'), 'same-origin', path);
    assert.equal(header('Access-Control-Allow-Origin'), null, path);
    assert.match(header('Cache-Control') ?? '', /no-store|no-cache/, path);
  }
});

test('a line of a log with half a character in an id is shown', async (t) => {
  const { app, spool } = await makeDashboard(t);
  fs.writeFileSync(`${spool.logs}/background_jobs.log`, '{"level":"info","event":"rejected","id":"a\\ud800<b>","msg":"x"}\n');
  const page = await app.request('/job-logs');
  assert.equal(page.status, 200);
  assert.match(await page.text(), /href="\/dashboard\/jobs\/a%EF%BF%BD%3Cb%3E"/);
});
