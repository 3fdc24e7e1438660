import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { SpoolError } from '../../spool/errors.ts';
import type { Dashboard, Env } from '../../ui/dashboard.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';

const HOSTILE = '<img src=x onerror=alert(1)>\u001b[31m\r\nforged';

async function throwing(t: TestContext, error: unknown, overrides: Partial<Dashboard> = {}) {
  const { dashboard, journal } = await makeDashboard(t, overrides);
  const fail = () => {
    throw error;
  };
  const app = await appOf(dashboard, () => new Hono<Env>().get('/dashboard/x', fail).get('/api/x', fail));
  return {
    page: () => app.request(`${dashboard.basePath}/dashboard/x`),
    problem: async () => {
      const answer = await app.request(`${dashboard.basePath}/api/x`);
      assert.equal(answer.headers.get('Content-Type'), 'application/problem+json');
      return (await answer.json()) as { status: number; title: string; detail: string; instance: string; type: string };
    },
    app,
    journal,
  };
}

test('an error that nobody expected says nothing of itself, and is found in the log by its reference', async (t) => {
  const { page, problem, journal } = await throwing(t, new Error(`password is hunter2 ${HOSTILE}`));
  const answer = await page();
  assert.equal(answer.status, 500);
  const text = await answer.text();
  assert.doesNotMatch(text, /hunter2|onerror|\.ts:\d/);
  const reference = /reference ([0-9a-f]{8})/.exec(text)?.[1] as string;
  const [line] = journal.lines;
  assert.equal(line?.level, 'error');
  assert.match(line?.text ?? '', new RegExp(`^GET /dashboard/x failed \\(reference ${reference}\\): password is hunter2`));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the question
  assert.doesNotMatch(line?.text ?? '', /[\u0000-\u001f]/);
  assert.match(String((line?.fields as { stack?: string } | undefined)?.stack), /errors-page\.test\.ts/);
  const { status, detail, instance } = await problem();
  assert.deepEqual([status, instance], [500, '/api/x']);
  assert.match(detail, /reference [0-9a-f]{8}\.$/);
});

test('an error meant for whoever asked keeps its status and its sentence, inert', async (t) => {
  const { page, problem, journal } = await throwing(t, new HTTPException(422, { message: `priority: expected 1 to 10, got ${HOSTILE}` }));
  const answer = await page();
  assert.equal(answer.status, 422);
  const text = await answer.text();
  assert.match(text, /priority: expected 1 to 10, got &lt;img/);
  assert.doesNotMatch(text, /<img src=x/);
  const { detail, ...rest } = await problem();
  assert.deepEqual(rest, { type: 'about:blank', title: 'Unprocessable Entity', status: 422, instance: '/api/x' });
  assert.match(detail, /^priority:/);
  assert.deepEqual(journal.lines, []);
});

test('what the spool refuses is no failure of ours', async (t) => {
  const statuses = { NOT_FOUND: 404, CONFLICT: 409, INVALID_REQUEST: 422, INVALID_ID: 422, WAIT_TIMEOUT: 504, SPOOL_ACCESS: 503 } as const;
  for (const [code, status] of Object.entries(statuses)) {
    const { problem, page } = await throwing(t, new SpoolError(code as keyof typeof statuses, `cancel job 1: ${code}`));
    const said = await problem();
    assert.deepEqual([said.status, said.detail], [status, `cancel job 1: ${code}`]);
    assert.equal((await page()).status, status);
  }
});

test('a full disk is said to be one', async (t) => {
  const { problem } = await throwing(t, Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }));
  const { status, detail } = await problem();
  assert.equal(status, 507);
  assert.match(detail, /disk of the spool is full/);
});

test('the page of an error leads on, under the base path', async (t) => {
  const { page } = await throwing(t, new HTTPException(404, { message: 'job x: no such job' }), { basePath: '/deep/jobs' });
  const text = await (await page()).text();
  assert.match(text, /<h1>Not Found<\/h1>/);
  assert.match(text, /href="\/deep\/jobs\/dashboard"/);
  assert.match(text, /<main id="main"/);
});

test('an unknown address says which it was, inert', async (t) => {
  const { app } = await throwing(t, new Error('unused'));
  const page = await app.request('/nothing/%3Cscript%3Ealert(1)%3C/script%3E/<b>?x=<i>');
  assert.equal(page.status, 404);
  const text = await page.text();
  assert.match(text, /Nothing answers to GET \/nothing/);
  assert.doesNotMatch(text, /<script>alert|<b>|<i>/);
  const problem = await app.request('/api/nothing', { method: 'POST' });
  assert.equal(problem.status, 404);
  assert.match(((await problem.json()) as { detail: string }).detail, /^Nothing answers to POST \/api\/nothing\./);
});

test('outside the base path only the way there is told', async (t) => {
  const { app } = await throwing(t, new Error('unused'), { basePath: '/jobs' });
  for (const path of ['/', '/dashboard', '/jobsx/dashboard', '/healthz']) {
    const answer = await app.request(path);
    assert.equal(answer.status, 404, path);
    assert.match(await answer.text(), /The dashboard is at \/jobs\/dashboard\.\n$/);
  }
});
