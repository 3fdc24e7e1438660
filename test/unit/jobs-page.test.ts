import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import type { ListPage } from '../../spool/catalog.ts';
import type { JobStatus } from '../../spool/query.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import type { Frame } from '../../ui/frame.ts';
import { jobsPages } from '../../ui/pages/jobs.ts';
import { urlsUnder } from '../../ui/urls.ts';
import { type Jobs, jobsPage } from '../../ui/views/jobs.ts';
import { triesOf, triesSentence } from '../../ui/views/tries.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';
import { failedAttempt, plant, plantRejected } from '../support/plant.ts';
import { seedSpool } from '../support/seed.ts';

async function jobs(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, spool } = await makeDashboard(t, overrides);
  const app = await appOf(dashboard, jobsPages);
  const get = async (query = '') => {
    await dashboard.catalog.refresh(0);
    const response = await app.request(`${dashboard.basePath}/dashboard/jobs${query}`);
    return { status: response.status, text: await response.text() };
  };
  return { get, spool, dashboard };
}

const rowsOf = (text: string): string[] => [...text.matchAll(/<tr id="job-([^"]*)"/g)].map(([, id]) => id as string);
const rowOf = (text: string, id: string): string =>
  new RegExp(`<tr id="job-${id}">.*?</tr>`, 's').exec(text)?.[0] ?? assert.fail(`no row ${id} on the page`);
const buttonsOf = (row: string): string[] => [...row.matchAll(/>([^<>]+)<\/(?:button|a)>/g)].map(([, word]) => word as string).slice(1);

test('a tab shows its jobs, and how many there are in the others', async (t) => {
  const { get, spool } = await jobs(t);
  seedSpool(spool, { completed: 3, failed: 4, pending: 2, scheduled: 1, retrying: 1, cancelled: 1, rejected: 1 });
  const { text } = await get('?state=failed');
  assert.equal(rowsOf(text).length, 4);
  const counts = [...text.matchAll(/>([a-z() ]+) <span class="count">([\d,]+)<\/span>/g)].map(([, name, count]) => `${name} ${count}`);
  assert.deepEqual(counts, [
    'all 13',
    'active (running) 0',
    'scheduled 1',
    'pending 2',
    'retrying 1',
    'failed 4',
    'completed 3',
    'cancelled 1',
    'rejected 1',
  ]);
  assert.equal(rowsOf((await get('?state=active')).text).length, 0);
  assert.equal(rowsOf((await get()).text).length, 13);
});

test('each state has the columns and the buttons that suit it', async (t) => {
  const { get, spool } = await jobs(t);
  plant(spool, 'running/host-1', { id: 'run', attempts: [failedAttempt()], spent: 1 });
  fs.writeFileSync(spool.progress('host-1'), '42');
  plant(spool, 'pending', { id: 'wait', priority: 8 });
  plant(spool, 'pending', { id: 'later', runAt: Date.now() + 3_600_000 });
  plant(spool, 'retrying', { id: 'again', attempts: [failedAttempt(1, 'no route')], spent: 1, runAt: Date.now() + 60_000 });
  plant(spool, 'failed', { id: 'broke', attempts: [failedAttempt(1, 'disk full')] });
  plantRejected(spool, 'p5-now-bad.json', '{"clas":"A"}', 'unknown field "clas"');

  const running = rowOf((await get('?state=running')).text, 'run');
  assert.match(running, /data-label="Tries" ?><span[^>]*>2\/4</);
  assert.match(running, /<progress max="100" value="42"/);
  assert.match(running, /data-label="Runner" ?><span class="mono">host-1</);
  assert.deepEqual(buttonsOf(running), ['Cancel']);
  const pending = rowOf((await get('?state=pending')).text, 'wait');
  assert.match(pending, /data-label="Priority" ?>8</);
  assert.deepEqual(buttonsOf(pending), ['Cancel']);
  assert.deepEqual(buttonsOf(rowOf((await get('?state=scheduled')).text, 'later')), ['Run now', 'Cancel']);
  const retrying = rowOf((await get('?state=retrying')).text, 'again');
  assert.match(retrying, /Error: no route/);
  assert.deepEqual(buttonsOf(retrying), ['Run now', 'Cancel']);
  const failed = rowOf((await get('?state=failed')).text, 'broke');
  assert.match(failed, /Error: disk full/);
  assert.deepEqual(buttonsOf(failed), ['Retry', 'Delete…']);
  assert.match(rowOf((await get('?state=rejected')).text, 'bad'), /unknown field &quot;clas&quot;/);
});

test('a filter that cannot be read is said to be wrong, and what was typed is still there', async (t) => {
  const { get } = await jobs(t);
  const { status, text } = await get('?state=failed&q=klass:Send');
  assert.equal(status, 422);
  assert.match(text, /unknown qualifier &quot;klass:&quot;/);
  assert.match(text, /<input type="search"[^>]* value="klass:Send"/);
  assert.equal((await get('?state=failed&q=state:pending')).status, 422);
  assert.equal((await get('?state=nonsense')).status, 400);
});

test('a search is kept by tabs, pages and actions, and can be cleared', async (t) => {
  const { get, spool } = await jobs(t);
  seedSpool(spool, { failed: 60 });
  const { text } = await get('?state=failed&q=failed');
  assert.equal(rowsOf(text).length, 50);
  assert.match(text, /href="\/dashboard\/jobs\?state=pending&amp;q=failed"/);
  assert.match(text, /href="\/dashboard\/jobs\?state=failed&amp;q=failed&amp;after=[^"]+">Next page/);
  assert.match(text, /name="back" value="\/dashboard\/jobs\?state=failed&amp;q=failed"/);
  assert.match(text, /href="\/dashboard\/jobs\?state=failed">Clear/);
  assert.match(text, /Retry all 60 that match…/);
});

test('the pages of a list have each job once, and lead back to the newest', async (t) => {
  const { get, spool } = await jobs(t);
  seedSpool(spool, { failed: 120 });
  const seen: string[] = [];
  let query = '?state=failed';
  for (;;) {
    const { text } = await get(query);
    seen.push(...rowsOf(text));
    assert.equal(/<body[^>]* data-hold/.test(text), query !== '?state=failed', 'updates wait on later pages');
    if (query !== '?state=failed') assert.match(text, /href="\/dashboard\/jobs\?state=failed">Newest/);
    const next = /rel="next" [^>]*href="\/dashboard\/jobs(\?state=failed&amp;after=[^"]+)"/.exec(text)?.[1];
    if (next === undefined) break;
    query = next.replaceAll('&amp;', '&');
  }
  assert.equal(seen.length, 120);
  assert.equal(new Set(seen).size, 120);
});

test('what a job or a producer wrote cannot become part of the page', async (t) => {
  const { get, spool } = await jobs(t);
  const evil = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'';
  plant(spool, 'failed', { id: 'evil', class: evil, params: [evil], attempts: [failedAttempt(1, evil)] });
  plantRejected(spool, `p5-now-"><img src=x onerror=alert(3)>.json`, evil, evil);
  for (const query of ['', '?state=failed', '?state=rejected', `?q=${encodeURIComponent('"<script>alert(4)</script>"')}`]) {
    const { text } = await get(query);
    assert.doesNotMatch(text, /<script>alert|<img src=x/);
  }
});

test('secrets in parameters are neither shown nor found', async (t) => {
  const { get, spool } = await jobs(t);
  plant(spool, 'failed', { id: 'a', params: [{ user: 'ada', apiKey: 'k-123456' }], attempts: [failedAttempt()] });
  const { text } = await get('?state=failed');
  assert.match(text, /ada/);
  assert.doesNotMatch(text, /k-123456/);
  assert.deepEqual(rowsOf((await get('?q=k-123456')).text), []);
  assert.deepEqual(rowsOf((await get('?q=ada')).text), ['a']);
});

test('an empty list says whether nothing was ever there, nothing is in the state, or nothing matches', async (t) => {
  const { get, spool } = await jobs(t);
  const ever = (await get()).text;
  assert.match(ever, /No job was ever enqueued here/);
  assert.match(ever, /jobspool run/);
  assert.match(ever, /runBackgroundJob/);
  assert.match((await get('?state=failed')).text, /Nothing has failed\./);
  seedSpool(spool, { failed: 1 });
  assert.match((await get('?state=failed&q=nowhere')).text, /No failed job matches <code>nowhere<\/code>/);
});

test('who may only look gets no boxes to check, and buttons that say why they do nothing', async (t) => {
  const { get, spool } = await jobs(t, { readOnly: true });
  seedSpool(spool, { failed: 1 });
  const { text } = await get('?state=failed');
  assert.doesNotMatch(text, /type="checkbox"|id="selected"|id="every"/);
  for (const [button] of rowOf(text, 'failed-0').matchAll(/<button[^>]*>/g))
    assert.match(button, /disabled title="this service is read-only/);
});

test('under a base path every link and form stays below it', async (t) => {
  const { get, spool } = await jobs(t, { basePath: '/tools/jobs' });
  seedSpool(spool, { failed: 60, pending: 1 });
  const { text } = await get('?state=failed');
  const targets = [...text.matchAll(/ (?:href|action|src|hx-post)="([^"#][^"]*)"/g)].map(([, target]) => target as string);
  assert.ok(targets.length > 100);
  assert.deepEqual(
    targets.filter((target) => !target.startsWith('/tools/jobs/')),
    [],
  );
});

const FRAME: Frame = {
  url: urlsUnder(''),
  asset: (name) => name,
  here: '/dashboard/jobs',
  who: 'ada',
  readOnlyBecause: undefined,
  trouble: undefined,
  theme: undefined,
  now: Date.now(),
  notice: undefined,
  version: '0',
  seen: '',
};

const shown = (page: Partial<ListPage>, over: Partial<Jobs> = {}): string =>
  String(
    jobsPage(FRAME, {
      tab: 'failed',
      q: 'error:oops',
      after: undefined,
      counts: { scheduled: 0, pending: 0, running: 0, retrying: 0, completed: 0, failed: 9_000, cancelled: 0, rejected: 0 },
      page: { jobs: [], next: undefined, total: undefined, stoppedEarly: false, searched: 0, ...page },
      mistake: undefined,
      unread: { ledgerBytes: 0, files: 0 },
      suggestions: [],
      firstJob: undefined,
      triesOf: (job) => triesOf(job, 3),
      ...over,
    }),
  );

test('a search that stopped early says how far it looked, and goes on from there', () => {
  const nothing = shown({ stoppedEarly: true, searched: 5_000, next: 'c7' });
  assert.match(nothing, /No failed job found yet that matches/);
  assert.match(nothing, /looked at 5,000 jobs and stopped there/);
  assert.match(nothing, /after=c7">Go on searching/);
  const job: JobStatus = { id: 'a', state: 'failed', priority: 5, runAt: '2026-11-22T10:00:00.000Z', attempts: [] };
  const some = shown({ jobs: [job], stoppedEarly: true, searched: 5_000, next: 'c7' });
  assert.match(some, /The search looked at 5,000 jobs and stopped there/);
  assert.match(some, /after=c7">Go on searching/);
  assert.match(some, /Retry all that match…/, 'how many is not known');
});

test('a list that is still being read says so', () => {
  assert.match(shown({}, { unread: { ledgerBytes: 3_000_000, files: 2 } }), /3 MiB of the ledger and 2 files to go/);
  assert.doesNotMatch(shown({}, { tab: 'pending', unread: { ledgerBytes: 3_000_000, files: 2 } }), /to go/);
});

test('tries are counted within the budget that a retry by hand renewed', () => {
  const base = { id: 'a', priority: 5, runAt: '2026-11-22T10:00:00.000Z' };
  const tries = (job: Partial<JobStatus> & Pick<JobStatus, 'state' | 'attempts'>, retries: number | undefined) =>
    triesSentence(triesOf({ ...base, ...job }, retries));
  const attempts = (count: number) => Array.from({ length: count }, (_, index) => failedAttempt(index + 1));
  assert.equal(tries({ state: 'running', attempts: attempts(1), spent: 1 }, 3), '2 attempts of at most 4');
  assert.equal(
    tries({ state: 'running', attempts: attempts(4) }, 3),
    '1 of at most 4 since it was last retried by hand; 5 attempts in all',
  );
  assert.equal(tries({ state: 'failed', attempts: attempts(4) }, 3), '4 attempts of at most 4');
  assert.equal(tries({ state: 'failed', attempts: attempts(8) }, 3), '8 attempts in all');
  assert.equal(tries({ state: 'completed', attempts: attempts(1) }, undefined), '1 attempt in all');
});
