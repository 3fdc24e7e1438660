import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { Hono } from 'hono';
import { pause } from '../../spool/marker.ts';
import type { Dashboard, Env } from '../../ui/dashboard.ts';
import { frameOf } from '../../ui/frame.ts';
import { liveRoutes } from '../../ui/live.ts';
import { gapMs, isDue, jobMark, versionsOf } from '../../ui/live-marks.ts';
import { leaveNotice } from '../../ui/notice.ts';
import { afterwards } from '../support/afterwards.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const JOB = { class: 'ExampleJob', method: 'execute', params: ['Sample Data'] };

test('an open page is told first which version it talks to, then that something changed', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  const events = await openStream(t, dashboard, 'view=overview');
  await waitFor(() => events.has('hello'), 'hello');
  assert.match(events.of('hello')[0]?.data ?? '', /"version":"[0-9a-f]{24}"/);
  assert.ok(Number(events.of('hello')[0]?.retry) >= 1_000);
  dropFile(spool, 'p5-now-new-1.json', JOB);
  await waitFor(() => events.has('changed'), 'changed');
});

test('a page that shows one state is told of that state at once, and of others rarely', () => {
  const seen = { main: '4', aside: '1.4' };
  assert.equal(isDue(seen, { main: '5', aside: '1.5' }, 1_000, 1_000), true);
  assert.equal(isDue(seen, { main: '5', aside: '1.5' }, 999, 1_000), false);
  assert.equal(isDue(seen, { main: '4', aside: '2.4' }, 1_000, 1_000), false);
  assert.equal(isDue(seen, { main: '4', aside: '2.4' }, 5_000, 1_000), true);
  assert.equal(isDue(seen, seen, 60_000, 1_000), false);
});

test('however many pages are open, together they are drawn again no more than twenty times a second', () => {
  for (const pages of [1, 9, 50, 100, 200]) assert.ok(pages / (gapMs(pages) / 1_000) <= 20, `${pages} pages`);
  assert.equal(gapMs(1), 1_000);
});

test('what happened between the drawing of a page and the opening of its stream is not missed', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  await dashboard.catalog.refresh(0);
  const seen = versionsOf(dashboard);
  dropFile(spool, 'p5-now-between.json', JOB);
  await dashboard.catalog.refresh(0);
  const events = await openStream(t, dashboard, `view=jobs&seen=${seen}`);
  await waitFor(() => events.has('changed'), 'changed');
});

test('the marker of a pause is told to the overview', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  const events = await openStream(t, dashboard, 'view=overview');
  await waitFor(() => events.has('hello'), 'hello');
  pause(spool);
  await waitFor(() => events.has('changed'), 'changed');
});

test('a pause, or a line of the log, that came between the drawing of a page and the opening of its stream is not missed', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  const at = Date.now();
  pause(spool);
  fs.writeFileSync(`${spool.logs}/background_jobs.log`, '{}\n');
  for (const view of ['overview', 'runners', 'logs']) {
    const events = await openStream(t, dashboard, `view=${view}&at=${at}`);
    await waitFor(() => events.has('changed'), `changed for ${view}`);
  }
});

test('the page of a job is drawn again for what changed before its stream was open, and not for nothing', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  fs.writeFileSync(`${spool.failed}/p5-20261122T101500.000Z-over.json`, JSON.stringify(JOB));
  const job = (await dashboard.catalog.find('over', Date.now()))?.job;
  const drawn = await openStream(t, dashboard, `view=job&id=over&drawn=${jobMark(job)}`);
  const before = await openStream(t, dashboard, 'view=job&id=over&drawn=otherwise');
  await waitFor(() => before.has('done'), 'done');
  assert.equal(drawn.has('done') || drawn.has('changed'), false);
});

test('the page of a job is told when the job ends, and gets its log without a byte lost or doubled', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  const file = `${spool.pending}/p5-20261122T101500.000Z-one.json`;
  fs.writeFileSync(file, JSON.stringify(JOB));
  fs.writeFileSync(spool.jobLog('one'), 'before\n');
  const events = await openStream(t, dashboard, 'view=job&id=one&from=7');
  await waitFor(() => events.has('changed'), 'the first look');
  fs.appendFileSync(spool.jobLog('one'), 'Grüße, 1\n');
  await waitFor(() => events.text() === 'Grüße, 1\n', 'the first line');
  fs.appendFileSync(spool.jobLog('one'), 'line 2\n');
  await waitFor(() => events.text() === 'Grüße, 1\nline 2\n', 'the second line');
  const last = events.of('log').at(-1);
  const again = await openStream(t, dashboard, 'view=job&id=one&from=0', { 'Last-Event-ID': last?.id ?? '' });
  fs.renameSync(file, `${spool.failed}/p5-20261122T101500.000Z-one.json`);
  await waitFor(() => events.has('done') && again.has('done'), 'done');
  fs.appendFileSync(spool.jobLog('one'), 'line 3\n');
  await waitFor(() => again.text() === 'line 3\n', 'the line that came after the place where it was');
});

test('a flood of output comes in portions, all of it', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  const text = Array.from({ length: 6_000 }, (_, index) => `line ${index} of a job that prints\n`).join('');
  fs.writeFileSync(spool.jobLog('flood'), text);
  const events = await openStream(t, dashboard, 'view=job&id=flood&from=0');
  await waitFor(() => events.text().length >= text.length, 'all of the log');
  assert.equal(events.text(), text);
  for (const { data } of events.of('log')) assert.ok(data.length < 100_000);
});

test('what an action did is shown on the page that follows it, and not taken by a refresh of another tab', async (t) => {
  const { dashboard } = await makeDashboard(t);
  const app = new Hono<Env>();
  app.get('/left', (context) => {
    leaveNotice(context, '', { kind: 'done', text: 'Paused.' });
    return context.text('');
  });
  app.get('/', (context) => context.text(frameOf(context, dashboard).notice?.text ?? 'none'));
  const cookie = (await app.request('/left')).headers.get('Set-Cookie')?.split(';')[0] ?? '';
  const refresh = await app.request('/', { headers: { Cookie: cookie, 'Jobspool-Live': 'refresh' } });
  assert.equal(await refresh.text(), 'none');
  assert.equal(refresh.headers.get('Set-Cookie'), null);
  assert.equal(await (await app.request('/', { headers: { Cookie: cookie } })).text(), 'Paused.');
});

test('streams end with a word when the service stops', async (t) => {
  const stopping = new AbortController();
  const { dashboard } = await makeDashboard(t, { stopping: stopping.signal });
  const pages = await Promise.all(['view=overview', 'view=jobs&state=failed', 'view=logs'].map((query) => openStream(t, dashboard, query)));
  stopping.abort();
  for (const page of pages) await waitFor(() => page.hasEnded() && page.has('bye'), 'the end');
  const late = await openStream(t, dashboard, 'view=overview');
  await waitFor(() => late.hasEnded() && late.has('bye'), 'the end of one that came late');
});

test('nothing is looked at while no page is open', async (t) => {
  const { dashboard } = await makeDashboard(t);
  let looks = 0;
  const refresh = dashboard.catalog.refresh.bind(dashboard.catalog);
  dashboard.catalog.refresh = (...age) => {
    looks += 1;
    return refresh(...age);
  };
  const events = await openStream(t, dashboard, 'view=overview');
  await waitFor(() => looks > 1, 'the second look');
  await events.close();
  const after = looks;
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.ok(looks <= after + 1, `${looks - after} looks`);
});

test('no more than 200 pages are served at once; one more is told to come back, and may when one has gone', async (t) => {
  const { dashboard } = await makeDashboard(t);
  const app = await appOf(dashboard, liveRoutes);
  const pages = await Promise.all(Array.from({ length: 200 }, () => openStream(t, dashboard, 'view=overview', {}, app)));
  const refused = await app.request('/dashboard/live?view=overview', FROM_HERE);
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('Retry-After'), '10');
  await pages[0]?.close();
  await waitFor(async () => {
    const response = await app.request('/dashboard/live?view=overview', FROM_HERE);
    await response.body?.cancel();
    return response.status === 200;
  }, 'a free place');
});

test('a query that is wrong is answered with a sentence', async (t) => {
  const { dashboard } = await makeDashboard(t);
  const app = await appOf(dashboard, liveRoutes);
  const wrong = [
    '',
    'view=nothing',
    'view=jobs&state=odd',
    'view=job',
    'view=job&id=a&from=-1',
    'view=job&id=a&from=x',
    'view=overview&seen=1',
  ];
  for (const query of wrong) {
    const response = await app.request(`/dashboard/live?${query}`, FROM_HERE);
    assert.equal(response.status, 400, query);
    assert.match(await response.text(), /open a live stream: /);
  }
});

test('a spool that cannot be read is said in the log, and looked at again', async (t) => {
  const { dashboard, journal } = await makeDashboard(t);
  dashboard.catalog.refresh = () => Promise.reject(new Error('EIO: i/o error, scandir'));
  const events = await openStream(t, dashboard, 'view=overview');
  await waitFor(() => journal.lines.some(({ level, text }) => level === 'warn' && /live updates: .*EIO/.test(text)), 'a warning');
  assert.equal(events.hasEnded(), false);
});

type Event = { event: string; data: string; id: string; retry: string };

type App = Awaited<ReturnType<typeof appOf>>;

const FROM_HERE = { headers: { Host: 'localhost' } };

async function openStream(t: TestContext, dashboard: Dashboard, query: string, headers: Record<string, string> = {}, given?: App) {
  const app = given ?? (await appOf(dashboard, liveRoutes));
  const response = await app.request(`/dashboard/live?${query}`, { headers: { ...FROM_HERE.headers, ...headers } });
  assert.equal(response.status, 200, await (response.status === 200 ? '' : response.text()));
  assert.match(response.headers.get('Content-Type') ?? '', /^text\/event-stream/);
  assert.equal(response.headers.get('X-Accel-Buffering'), 'no');
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const close = () => reader.cancel().catch(() => undefined);
  afterwards(t, close);
  let text = '';
  let hasEnded = false;
  const decoder = new TextDecoder();
  (async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += decoder.decode(part.value, { stream: true });
    hasEnded = true;
  })();
  const of = (name: string) => eventsIn(text).filter(({ event }) => event === name);
  return {
    of,
    has: (name: string) => of(name).length > 0,
    text: () =>
      of('log')
        .map(({ data }) => (JSON.parse(data) as { text: string }).text)
        .join(''),
    hasEnded: () => hasEnded,
    close,
  };
}

function eventsIn(text: string): Event[] {
  const whole = text.slice(0, text.lastIndexOf('\n\n') + 1).split('\n\n');
  return whole.map((block) => {
    const fields = Object.fromEntries(
      block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
    );
    return { event: '', data: '', id: '', retry: '', ...fields };
  });
}
