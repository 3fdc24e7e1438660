import assert from 'node:assert/strict';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type TestContext } from 'node:test';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { Dashboard, Env } from '../../ui/dashboard.ts';
import { afterwards } from '../support/afterwards.ts';
import { appOf, credentials, makeDashboard } from '../support/dashboard.ts';

const pages = () =>
  new Hono<Env>()
    .get('/dashboard', (context) => context.html(`<!doctype html>${'x'.repeat(5_000)}`))
    .get('/api/jobs', (context) => context.json({ jobs: 'x'.repeat(5_000) }))
    .get('/dashboard/live', (context) => streamSSE(context, (stream) => stream.writeSSE({ event: 'hello', data: 'x'.repeat(5_000) })))
    .post('/api/jobs', async (context) => context.json({ length: (await context.req.text()).length }));

async function appWith(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, journal } = await makeDashboard(t, overrides);
  return { app: await appOf(dashboard, pages), journal };
}

const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

test('every answer forbids the browser what no page of ours needs', async (t) => {
  const { app } = await appWith(t, { basePath: '/jobs' });
  for (const path of [
    '/jobs/dashboard',
    '/jobs/api/jobs',
    '/jobs/healthz',
    '/jobs/assets/0/icon.svg',
    '/jobs/nothing',
    '/',
    '/jobs/dashboard/live',
  ]) {
    const { headers } = await app.request(path);
    const wanted = {
      'Content-Security-Policy': CSP,
      'Referrer-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Resource-Policy': 'same-origin',
      'Strict-Transport-Security': null,
    };
    assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((name) => [name, headers.get(name)])), wanted, path);
  }
});

test('pages, data and refusals are kept by nobody; assets of this version for ever', async (t) => {
  const { app } = await appWith(t, { credentials: credentials({ token: 'secret' }) });
  const headers = { Authorization: 'Bearer secret' };
  for (const path of ['/dashboard', '/api/jobs', '/nothing', '/healthz', '/readyz', '/assets/0/icon.svg']) {
    assert.equal((await app.request(path, { headers })).headers.get('Cache-Control'), 'no-store', path);
  }
  assert.equal((await app.request('/dashboard')).headers.get('Cache-Control'), 'no-store');
  const { assetPath } = await import('../../ui/assets.ts');
  assert.match((await app.request(assetPath('icon.svg'))).headers.get('Cache-Control') ?? '', /immutable/);
});

test('pages and data are sent small, streams of events at once', async (t) => {
  const { app } = await appWith(t);
  const headers = { 'Accept-Encoding': 'gzip' };
  for (const path of ['/dashboard', '/api/jobs']) {
    const answer = await app.request(path, { headers });
    assert.equal(answer.headers.get('Content-Encoding'), 'gzip', path);
    assert.match(answer.headers.get('Vary') ?? '', /Accept-Encoding/);
    assert.ok((await answer.arrayBuffer()).byteLength < 500, path);
  }
  assert.equal((await app.request('/dashboard/live', { headers })).headers.get('Content-Encoding'), null);
});

test('a body of more than 2 MiB is refused in a sentence, whether or not its length is announced', async (t) => {
  const { app } = await appWith(t);
  const small = await app.request('/api/jobs', { method: 'POST', body: 'x'.repeat(2 * 1_048_576) });
  assert.deepEqual(await small.json(), { length: 2 * 1_048_576 });
  const large = 'x'.repeat(2 * 1_048_576 + 1);
  for (const headers of [{}, { 'Content-Length': String(large.length) }]) {
    const answer = await app.request('/api/jobs', { method: 'POST', body: large, headers });
    assert.equal(answer.status, 413);
    assert.match(((await answer.json()) as { detail: string }).detail, /no more than 2 MiB/);
  }
});

test('whoever may not post is refused before their body is read', async (t) => {
  const { app } = await appWith(t, { readOnly: true });
  let pulled = 0;
  const endless = new ReadableStream(
    {
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(65_536));
      },
    },
    { highWaterMark: 0 },
  );
  const answer = await app.request('/api/jobs', { method: 'POST', body: endless, duplex: 'half' } as RequestInit);
  assert.equal(answer.status, 403);
  assert.equal(pulled, 0);
});

test('not ready is a 503 that says why', async (t) => {
  const { app } = await appWith(t, { readiness: async () => ['no runner is ready'] });
  const answer = await app.request('/readyz');
  assert.equal(answer.status, 503);
  assert.deepEqual(await answer.json(), { status: 'not ready', reasons: ['no runner is ready'] });
  assert.equal((await app.request('/healthz')).status, 200);
});

/** Over a real connection, with headers as they are. */
async function listening(t: TestContext, overrides: Partial<Dashboard>) {
  const { app, journal } = await appWith(t, overrides);
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  await new Promise((resolve) => server.once('listening', resolve));
  afterwards(t, () => new Promise((resolve) => server.close(resolve)));
  const { port } = server.address() as AddressInfo;
  const ask = (method: string, path: string, headers: Record<string, string>): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const asked = httpRequest({ port, host: '127.0.0.1', path, method, headers: { Connection: 'close', ...headers } }, (answer) => {
        answer.resume();
        resolve(answer);
      });
      asked.once('error', reject).end();
    });
  return { ask, port, journal };
}

test('over a real connection the sender, the host and the origin are what they are', async (t) => {
  const { ask, port, journal } = await listening(t, { credentials: credentials({ password: 'right', token: 'secret' }) });
  const authorization = { Authorization: 'Bearer secret' };
  assert.equal((await ask('GET', '/dashboard', authorization)).statusCode, 200);
  assert.equal((await ask('POST', '/api/jobs', { ...authorization, Origin: `http://127.0.0.1:${port}` })).statusCode, 200);
  assert.equal((await ask('POST', '/api/jobs', { ...authorization, Origin: 'http://127.0.0.1:1' })).statusCode, 403);
  assert.equal((await ask('GET', '/dashboard', { Authorization: 'Bearer wrong' })).statusCode, 401);
  assert.match(journal.lines[0]?.text ?? '', /from 127\.0\.0\.1 failed/);
  for (let count = 0; count < 9; count += 1) await ask('GET', '/dashboard', { Authorization: 'Bearer wrong' });
  const refused = await ask('GET', '/dashboard', authorization);
  assert.equal(refused.statusCode, 429);
  assert.match(refused.headers['retry-after'] ?? '', /^[1-6]$/);
});

test('over a real connection a strange host is refused where no password is set', async (t) => {
  const { ask } = await listening(t, {});
  assert.equal((await ask('GET', '/dashboard', {})).statusCode, 200);
  assert.equal((await ask('GET', '/dashboard', { Host: 'evil.example' })).statusCode, 421);
});
