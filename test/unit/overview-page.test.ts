import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import { jobFileName } from '../../spool/filename.ts';
import { dayOf } from '../../spool/layout.ts';
import { acquireSlot, type Holder } from '../../spool/lease.ts';
import { pause } from '../../spool/marker.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { overviewPages } from '../../ui/pages/overview.ts';
import { afterwards } from '../support/afterwards.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';

const HOSTILE = '<img src=x onerror=alert(1)>';
const iso = (ms: number): string => new Date(ms).toISOString();

async function overview(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, spool } = await makeDashboard(t, overrides);
  const app = await appOf(dashboard, overviewPages);
  const page = async () => {
    const answer = await app.request(`${dashboard.basePath}/dashboard`);
    assert.equal(answer.status, 200);
    return await answer.text();
  };
  return { page, spool };
}

async function work(t: TestContext, spool: Spool, kind: Holder['kind'], dispatcher?: string): Promise<string> {
  const lease = await acquireSlot(spool, { kind, dispatcher, staleMs: 5_000, onLost: () => assert.fail('the lease was lost') });
  afterwards(t, () => lease.release());
  return lease.slot;
}

/** A dispatcher and a runner, both of them this process. */
async function startWork(t: TestContext, spool: Spool): Promise<string> {
  return await work(t, spool, 'runner', await work(t, spool, 'dispatcher'));
}

function complete(spool: Spool, id: string, at: number): void {
  const line = {
    id,
    class: 'ExampleJob',
    method: 'execute',
    params: [],
    priority: 5,
    runAt: iso(at - 300),
    acceptedAt: iso(at - 300),
    startedAt: iso(at - 200),
    finishedAt: iso(at),
    durationMs: 200,
    attempts: [{ number: 1, outcome: 'completed', startedAt: iso(at - 200), finishedAt: iso(at), runner: 'host-1' }],
  };
  fs.mkdirSync(spool.ledgerDay(dayOf(at)), { recursive: true });
  fs.appendFileSync(spool.ledger(dayOf(at), 'host-1'), `${JSON.stringify(line)}\n`);
}

function fail(spool: Spool, id: string, at: number, message: string, name = 'FetchUrl'): void {
  const error = { name: 'TypeError', message };
  const attempts = [{ number: 1, outcome: 'failed', startedAt: iso(at - 200), finishedAt: iso(at), runner: 'host-1', error }];
  const file = `${spool.failed}/${jobFileName({ priority: 5, runAt: at - 300, id })}`;
  fs.writeFileSync(file, JSON.stringify({ class: name, method: 'head', params: ['secret'], attempts }));
  fs.utimesSync(file, at / 1_000, at / 1_000);
}

const claim = (spool: Spool, slot: string, id: string) =>
  fs.writeFileSync(
    spool.claimed(slot, jobFileName({ priority: 5, runAt: Date.now() - 1_000, id })),
    '{"class":"WordCount","method":"count","params":[]}',
  );

test('whoever opens the dashboard of a service that is well reads that first', async (t) => {
  const { page, spool } = await overview(t);
  await startWork(t, spool);
  complete(spool, 'a', Date.now() - 1_000);
  const text = await page();
  assert.match(text, /<strong>All is well\.<\/strong> 1 runner is alive, 0 jobs run, nothing that is due waits\./);
  assert.doesNotMatch(text, /attention/);
});

test('what is not well stands first, each with its way out', async (t) => {
  const { page, spool } = await overview(t, { minFreeBytes: Number.MAX_SAFE_INTEGER });
  await startWork(t, spool);
  pause(spool);
  const text = await page();
  assert.match(text, /<h2 id="verdict">2 things need attention<\/h2>/);
  assert.match(text, /<li>Paused: [^<]* <a href="\/dashboard\/runners">Resume<\/a><\/li>/);
  assert.doesNotMatch(text, /All is well/);
});

test('every state has its count, which leads to its jobs', async (t) => {
  const { page, spool } = await overview(t);
  for (const id of ['a', 'b']) complete(spool, id, Date.now() - 1_000);
  fail(spool, 'c', Date.now() - 1_000, 'no');
  const text = await page();
  const counts = [...text.matchAll(/href="\/dashboard\/jobs\?state=(\w+)"><b>([\d,]+)<\/b>/g)].map(
    ([, state, count]) => `${state} ${count}`,
  );
  assert.deepEqual(counts, ['running 0', 'pending 0', 'scheduled 0', 'retrying 0', 'failed 1', 'completed 2', 'cancelled 0', 'rejected 0']);
});

test('the last hour and day are drawn, with how long jobs waited and ran', async (t) => {
  const { page, spool } = await overview(t);
  for (let index = 0; index < 9; index++) complete(spool, `a-${index}`, Date.now() - 1_000);
  fail(spool, 'b', Date.now() - 1_000, 'no');
  const text = await page();
  assert.match(text, /In the last 60 minutes: 9 completed, 1 failed\./);
  assert.match(text, /In the last 24 hours: 9 completed, 1 failed\./);
  assert.match(text, /9 <span class="muted">\(90\.0% of all that ended\)/);
  assert.match(text, /<dd>100ms median, 95% within 100ms<\/dd>/);
  assert.match(text, /<dd>200ms median, 95% within 200ms<\/dd>/);
});

test('a runner shows what it runs, for how long and how far it is', async (t) => {
  const { page, spool } = await overview(t);
  const slot = await startWork(t, spool);
  claim(spool, slot, 'big');
  fs.writeFileSync(spool.progress(slot), '42');
  const text = await page();
  fs.rmSync(spool.slot(slot), { recursive: true });
  assert.match(text, new RegExp(`<span class="mono">${slot}</span>`));
  assert.match(text, /href="\/dashboard\/jobs\/big">big<\/a> WordCount\.count/);
  assert.match(text, /<progress max="100" value="42" aria-label="Progress of job big"><\/progress> 42%/);
  assert.match(text, /data-style="since"/);
});

test('the last ten failures are there, newest first, and what jobs say is shown inert', async (t) => {
  const { page, spool } = await overview(t);
  for (let index = 0; index < 12; index++) fail(spool, `f-${index}`, Date.now() - index * 1_000 - 10, `${HOSTILE} ${index}`, HOSTILE);
  const text = await page();
  const shown = [...text.matchAll(/<tr id="job-(f-\d+)">/g)].map(([, id]) => id);
  assert.deepEqual(
    shown,
    Array.from({ length: 10 }, (_, index) => `f-${index}`),
  );
  assert.ok(text.includes('&lt;img src=x onerror=alert(1)&gt; 0'));
  assert.doesNotMatch(text, /<img src=x|secret/);
});

test('an empty spool says how to begin, with a job that is allowed here', async (t) => {
  const { page, spool } = await overview(t);
  const text = await page();
  assert.match(text, /The spool is empty/);
  assert.ok(text.includes(`cd ${spool.root}`));
  assert.match(text, /mv tmp\/first\.json incoming\/p5-now-first\.json/);
  assert.match(text, /await runBackgroundJob\(&quot;ExampleJob&quot;, &quot;execute&quot;/);
  assert.doesNotMatch(text, /<svg class="chart"/);
});

test('where nothing is allowed, the empty spool says that instead', async (t) => {
  const { page } = await overview(t, { allowlist: [] });
  assert.match(await page(), /no handler is on the allow-list/);
});

test('files that were rejected within the hour are counted, older ones are not', async (t) => {
  const { page, spool } = await overview(t);
  await startWork(t, spool);
  for (const [index, at] of [Date.now() - 5_000, Date.now() - 7_200_000].entries()) {
    fs.writeFileSync(`${spool.rejected}/bad-${index}.json`, '{');
    fs.writeFileSync(spool.reason(`bad-${index}.json`), JSON.stringify({ reason: 'no JSON', rejectedAt: iso(at) }));
    for (const file of [`${spool.rejected}/bad-${index}.json`, spool.reason(`bad-${index}.json`)])
      fs.utimesSync(file, at / 1_000, at / 1_000);
  }
  assert.match(await page(), /1 file was rejected in the last hour/);
});

test('behind a proxy every link stays under the base path', async (t) => {
  const { page, spool } = await overview(t, { basePath: '/under/here' });
  fail(spool, 'c', Date.now() - 1_000, 'no');
  const paths = [...(await page()).matchAll(/(?:href|action|src)="([^"#]*)/g)].map(([, path]) => path);
  assert.deepEqual(
    paths.filter((path) => path !== '' && !path?.startsWith('/under/here/')),
    [],
  );
});
