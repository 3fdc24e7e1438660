/** Walks every route that the service has, those of tomorrow too, and asks of each what must be true of all. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { replaceFile, type Spool } from '../../spool/spool.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { credentials, makeDashboard, wholeApp } from '../support/dashboard.ts';

const UNSAFE = ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'];
const EVERYBODYS = /^\/(healthz$|readyz$|assets\/)/;

const OPERATOR = { Authorization: 'Bearer secret' };
const VIEWER = { Authorization: 'Bearer looking' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', 'Sec-Fetch-Site': 'same-origin' };

test('every route but health and assets asks who is there', async (t) => {
  const { ask, routes } = await walk(t);
  for (const { method, address, route } of routes.filter((one) => !EVERYBODYS.test(one.route))) {
    assert.equal((await ask(method, address)).status, 401, `${method} ${route}`);
  }
});

test('nothing is changed for a stranger, a viewer or another site, nor in a read-only service', async (t) => {
  const walked = await walk(t);
  const readOnly = await walk(t, { spool: walked.spool, readOnly: true });
  const before = snapshot(walked.spool);
  for (const { route, address } of walked.addresses.filter((one) => !EVERYBODYS.test(one.route))) {
    for (const method of UNSAFE) {
      const refusals = {
        'a stranger': [await walked.ask(method, address, FORM), 401],
        'a viewer': [await walked.ask(method, address, { ...FORM, ...VIEWER }), 403],
        'a read-only service': [await readOnly.ask(method, address, { ...FORM, ...OPERATOR }), 403],
        'another site': [await walked.ask(method, address, { ...FORM, ...OPERATOR, 'Sec-Fetch-Site': 'cross-site' }), 403],
        'another origin': [await walked.ask(method, address, { ...OPERATOR, Origin: 'https://evil.example' }), 403],
      } as const;
      for (const [who, [answer, status]] of Object.entries(refusals)) assert.equal(answer.status, status, `${method} ${route} by ${who}`);
    }
  }
  assert.deepEqual(snapshot(walked.spool), before);
});

test('looking at a page changes nothing on disk', async (t) => {
  const { ask, routes, spool } = await walk(t);
  const before = snapshot(spool);
  for (const { address, route } of routes.filter(({ method }) => method === 'GET')) {
    for (const method of ['GET', 'HEAD']) {
      const { status, text } = await ask(method, address, OPERATOR);
      assert.ok(status < 400 || (status === 404 && UNKNOWN.test(route)), `${method} ${address}: ${status} ${text}`);
      assert.deepEqual(snapshot(spool), before, `${method} ${address}`);
    }
  }
});

test('no route fails on a hostile address or query', async (t) => {
  const { ask, routes, spool } = await walk(t);
  const before = snapshot(spool);
  for (const { route } of routes.filter(({ method }) => method === 'GET')) {
    for (const value of ['%00', '..%2f..%2fversion', '%ff', '__proto__', '%3Cscript%3E', 'x'.repeat(3_000)]) {
      const { status, isPage, text } = await ask(
        'GET',
        `${filled(route, value)}?q=${value}&state=${value}&after=${value}&${value}=1`,
        OPERATOR,
      );
      assert.ok(status < 500, `GET ${route} with ${value}: ${status} ${text}`);
      assert.ok(!isPage || !text.includes('<script>'), `GET ${route} with ${value}`);
    }
  }
  assert.deepEqual(snapshot(spool), before);
});

// Without it, the refusals above could be those of routes that nobody gets to.
test('an operator on a page of ours gets to every route that changes something', async (t) => {
  const { ask, routes } = await walk(t);
  for (const { method, address } of routes.filter((one) => one.method !== 'GET')) {
    const { status, text } = await ask(method, address, { ...FORM, ...OPERATOR });
    assert.ok(![401, 403, 421, 429].includes(status) && status < 500, `${method} ${address}: ${status} ${text}`);
  }
});

test('all routes were there to be walked', async (t) => {
  const { routes } = await walk(t);
  const pages = routes.filter(({ method }) => method === 'GET');
  assert.ok(pages.length >= 20, `only ${pages.length} routes to look at: ${pages.map(({ route }) => route)}`);
  const changes = routes.filter(({ method }) => method !== 'GET');
  assert.ok(changes.length >= 18, `only ${changes.length} routes that change something: ${changes.map(({ route }) => route)}`);
  for (const route of ['/dashboard', '/dashboard/jobs/:id', '/job-logs', '/api/jobs', '/healthz']) {
    assert.ok(
      pages.some((page) => page.route === route),
      route,
    );
  }
});

test('the base path alone leads to the dashboard, with and without a slash', async (t) => {
  for (const [basePath, addresses] of [
    ['', ['/']],
    ['/deep/jobs', ['/deep/jobs', '/deep/jobs/']],
  ] as const) {
    const { dashboard } = await makeDashboard(t, { basePath });
    const app = await wholeApp(dashboard);
    for (const address of addresses) assert.equal((await app.request(address)).headers.get('Location'), `${basePath}/dashboard`, address);
    assert.equal((await app.request(`${basePath}/dashboard/`)).status, 200);
  }
});

/** Routes whose thing is in no spool, so that what they say of the one they are asked for is that there is none. */
const UNKNOWN = /^\/(dashboard|api)\/operations\//;

/** What a route must be asked with, where it answers nothing without. */
const QUERIES: Record<string, string> = {
  '/dashboard/live': '?view=overview',
  '/job-logs/download': '?log=events',
  '/job-logs/clear': '?log=events',
};

const PARAMETERS: Record<string, string> = { id: 'failed-1', slot: 'host-1', name: 'icon.svg' };

const filled = (route: string, value?: string): string =>
  route.replace(/:(\w+)(\{[^/]*\})?\??/g, (_, name: string) => value ?? PARAMETERS[name] ?? 'x');

async function walk(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, spool } = await makeDashboard(t, {
    credentials: credentials({ password: 'right', token: 'secret', viewerToken: 'looking' }),
    ...overrides,
  });
  if (!overrides.spool) seed(spool);
  const app = await wholeApp(dashboard);
  const all = app.routes.map(({ method, path: route }) => ({ method, route, address: `${filled(route)}${QUERIES[route] ?? ''}` }));
  const once = <T extends { method: string; address: string }>(list: T[]): T[] => [
    ...new Map(list.map((one) => [`${one.method} ${one.address}`, one])).values(),
  ];
  return {
    spool,
    /** Handlers for `ALL` methods are middleware, as far as anybody can tell. */
    routes: once(all.filter(({ method }) => method !== 'ALL')),
    /** Every address, whatever it answers to. */
    addresses: once(all.map(({ route, address }) => ({ method: '', route, address: address.replaceAll('*', 'x') }))),
    ask: async (method: string, address: string, headers: Record<string, string> = {}) => {
      const body = method === 'GET' || method === 'HEAD' ? null : '';
      const answer = await app.request(address, { method, headers, body });
      return { status: answer.status, isPage: isPage(answer), text: await textOf(answer) };
    },
  };
}

const isPage = (answer: Response): boolean => answer.headers.get('Content-Type')?.startsWith('text/html') ?? false;

// A stream of events never ends by itself.
async function textOf(answer: Response): Promise<string> {
  if (!answer.headers.get('Content-Type')?.startsWith('text/event-stream')) return await answer.text();
  await answer.body?.cancel();
  return '';
}

/** Every file with its content and the time it was written. */
function snapshot(spool: Spool): Record<string, string> {
  const names = fs.readdirSync(spool.root, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const file = path.join(spool.root, name);
      const { mtimeMs, ino, mode } = fs.statSync(file);
      const content = fs.statSync(file).isFile() ? fs.readFileSync(file, 'latin1') : '';
      return [name, `${ino} ${mode} ${mtimeMs} ${content}`];
    }),
  );
}

/** A job in every state, logs, and a marker. */
function seed(spool: Spool): void {
  const request = { class: 'ExampleJob', method: 'execute', params: ['x'], acceptedAt: '2026-11-22T10:00:00.000Z' };
  const attempt = {
    number: 1,
    outcome: 'failed',
    startedAt: '2026-11-22T10:00:01.000Z',
    finishedAt: '2026-11-22T10:00:02.000Z',
    runner: 'host-1',
    error: { name: 'Error', message: 'it broke', stack: 'Error: it broke\n    at here' },
  };
  const put = (file: string, body: object | string) => {
    fs.mkdirSync(path.dirname(file), { recursive: true });
    replaceFile(spool, file, typeof body === 'string' ? body : JSON.stringify(body));
  };
  const name = (id: string, runAt = '20261122T100000.000Z') => `p5-${runAt}-${id}.json`;
  put(path.join(spool.pending, name('pending-1')), request);
  put(path.join(spool.pending, name('scheduled-1', '20991122T100000.000Z')), request);
  put(path.join(spool.retrying, name('retrying-1', '20991122T100000.000Z')), { ...request, attempts: [attempt] });
  put(path.join(spool.failed, name('failed-1')), { ...request, attempts: [attempt] });
  put(path.join(spool.cancelled, name('cancelled-1')), request);
  put(path.join(spool.slot('host-1'), name('running-1')), request);
  put(path.join(spool.rejected, 'broken.json'), '{');
  put(spool.reason('broken.json'), { reason: 'the body is not JSON', at: '2026-11-22T10:00:00.000Z' });
  put(spool.ledger('2026-11-22', 'host-1'), `${JSON.stringify(completedLine(request, attempt))}\n`);
  put(spool.jobLog('failed-1'), 'it began\nit broke\n');
  put(path.join(spool.logs, 'background_jobs.log'), '{"level":"info","time":"2026-11-22T10:00:00.000Z","msg":"started"}\n');
  put(path.join(spool.logs, 'background_jobs_errors.log'), '{"level":"error","time":"2026-11-22T10:00:00.000Z","msg":"failed"}\n');
  put(spool.cancelMarker('running-1'), '');
}

const completedLine = ({ acceptedAt, ...request }: { acceptedAt: string }, attempt: { startedAt: string; finishedAt: string }) => ({
  id: 'completed-1',
  ...request,
  priority: 5,
  runAt: acceptedAt,
  acceptedAt,
  startedAt: attempt.startedAt,
  finishedAt: attempt.finishedAt,
  durationMs: 1_000,
  attempts: [{ ...attempt, outcome: 'completed', error: undefined }],
});
