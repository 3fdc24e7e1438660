import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import { jobFileName } from '../../spool/filename.ts';
import { parseFilter } from '../../spool/filter.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { failuresPages } from '../../ui/pages/failures.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';

const HOUR = 3_600_000;

async function failures(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, spool } = await makeDashboard(t, overrides);
  const app = await appOf(dashboard, failuresPages);
  const get = async (query = '') => {
    const answer = await app.request(`/dashboard/failures${query}`);
    return { status: answer.status, text: await answer.text() };
  };
  return { get, spool, dashboard };
}

/** A job that failed `agoMs` before now. */
function fail(spool: Spool, id: string, agoMs: number, name: string, error: { name: string; message: string }): void {
  const at = Date.now() - agoMs;
  const times = { startedAt: new Date(at - 200).toISOString(), finishedAt: new Date(at).toISOString() };
  const attempts = [{ number: 1, outcome: 'failed', ...times, runner: 'host-1', error }];
  const file = `${spool.failed}/${jobFileName({ priority: 5, runAt: at - 300, id })}`;
  fs.writeFileSync(file, JSON.stringify({ class: name, method: 'head', params: [], attempts }));
  fs.utimesSync(file, at / 1_000, at / 1_000);
}

const TIMEOUT = { name: 'TypeError', message: 'fetch failed' };
const FULL = { name: 'ENOSPC', message: 'no space left' };

test('failures are one line for each handler and error, the most frequent first', async (t) => {
  const { get, spool } = await failures(t);
  fail(spool, 'a', 60_000, 'CompressFile', FULL);
  for (const id of ['b', 'c', 'd']) fail(spool, id, 60_000, 'FetchUrl', TIMEOUT);
  const { text } = await get();
  assert.deepEqual(
    [...text.matchAll(/scope="row" data-label="Handler">([^<]+)</g)].map(([, handler]) => handler),
    ['FetchUrl.head', 'CompressFile.head'],
  );
  assert.match(text, /4 failed jobs, 2 kinds of failures\./);
  assert.match(text, /aria-label="3 jobs of FetchUrl\.head that failed with TypeError: fetch failed">3</);
});

test('each window shows its own failures, and every tab how many it has', async (t) => {
  const { get, spool } = await failures(t);
  fail(spool, 'hour', 60_000, 'FetchUrl', TIMEOUT);
  fail(spool, 'day', 5 * HOUR, 'CompressFile', FULL);
  fail(spool, 'week', 50 * HOUR, 'WordCount', FULL);
  fail(spool, 'month', 24 * 20 * HOUR, 'ExampleJob', FULL);
  const counts = (text: string) => [...text.matchAll(/class="count">([^<]+)</g)].map(([, count]) => count);
  const hour = (await get('?window=1h')).text;
  assert.deepEqual(counts(hour), ['1', '2', '3']);
  assert.match(hour, /window=1h" aria-current="page"/);
  assert.doesNotMatch(hour, /CompressFile/);
  const week = (await get('?window=7d')).text;
  assert.match(week, /WordCount/);
  assert.doesNotMatch(week, /ExampleJob/);
  assert.match((await get()).text, /window=24h" aria-current="page"/);
});

test('"retry all" sends the filter that found them, and no more of the past than is shown', async (t) => {
  const { get, spool } = await failures(t);
  for (const id of ['b', 'c']) fail(spool, id, 60_000, 'FetchUrl', { name: 'Error', message: 'said "no" & <left>' });
  const { text } = await get('?window=1h');
  const form = /<form[^>]*action="\/dashboard\/jobs\/bulk".*?<\/form>/s.exec(text)?.[0] ?? assert.fail('no form posts to the bulk action');
  const field = (name: string) =>
    unescaped(new RegExp(`name="${name}" value="([^"]*)"`).exec(form)?.[1] ?? assert.fail(`no field ${name}`));
  assert.deepEqual([field('action'), field('scope'), field('state')], ['retry', 'filter', 'failed']);
  assert.equal(field('back'), '/dashboard/failures?window=1h');
  const parsed = parseFilter(field('q'), Date.now());
  assert.ok(parsed.ok, 'the filter is understood');
  assert.deepEqual(parsed.filter.classes, ['FetchUrl']);
  assert.ok(Math.abs((parsed.filter.since ?? 0) - (Date.now() - HOUR)) < 60_000);
  assert.match(form, /aria-label="Retry all 2 failed jobs of FetchUrl\.head/);
});

const unescaped = (text: string): string =>
  text.replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#39;', "'").replaceAll('&amp;', '&');

test('a group keeps its row while others come, so that nobody presses the wrong button', async (t) => {
  const { get, spool } = await failures(t);
  fail(spool, 'a', 60_000, 'CompressFile', FULL);
  const rowOf = (text: string) => /<tr id="(failure-[^"]+)">(?:(?!<tr).)*CompressFile/s.exec(text)?.[1];
  const before = rowOf((await get()).text);
  for (const id of ['b', 'c']) fail(spool, id, 30_000, 'FetchUrl', TIMEOUT);
  fail(spool, 'd', 30_000, 'CompressFile', FULL);
  const again = await makeDashboard(t, { spool });
  const text = await (await (await appOf(again.dashboard, failuresPages)).request('/dashboard/failures')).text();
  assert.ok(before);
  assert.equal(rowOf(text), before);
});

test('what a job failed with is shown and never obeyed', async (t) => {
  const { get, spool } = await failures(t);
  fail(spool, 'a', 60_000, '<b>Class</b>', { name: 'Error', message: '"><script>alert(1)</script>' });
  const { text } = await get();
  assert.doesNotMatch(text, /<script>|<b>Class/);
  assert.match(text, /&lt;script&gt;alert/);
});

test('a week without failures is good news, and says of which kind', async (t) => {
  const { get } = await failures(t);
  assert.match((await get('?window=7d')).text, /class="empty"><strong>Nothing failed in the last 7 days\./);
});

test('a window that is none of ours is refused with what would do', async (t) => {
  const { get } = await failures(t);
  const { status, text } = await get('?window=2h');
  assert.equal(status, 400);
  assert.match(text, /window: expected &quot;1h&quot; or &quot;24h&quot; or &quot;7d&quot;, got the text &quot;2h&quot;/);
  assert.equal((await get('?since=1h')).status, 400);
});

test('who may change nothing sees the button, and why it does nothing', async (t) => {
  const { get, spool } = await failures(t, { readOnly: true });
  fail(spool, 'a', 60_000, 'FetchUrl', TIMEOUT);
  assert.match((await get()).text, /<button[^>]*disabled title="this service is read-only/);
});
