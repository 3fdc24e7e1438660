import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import { jobFileName } from '../../spool/filename.ts';
import { acquireSlot, type Holder, holderOfSlot } from '../../spool/lease.ts';
import { isDrainRequested, isPaused } from '../../spool/marker.ts';
import { replaceFile, type Spool } from '../../spool/spool.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { runnersPages } from '../../ui/pages/runners.ts';
import { afterwards } from '../support/afterwards.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';

async function runners(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, spool, journal } = await makeDashboard(t, overrides);
  const app = await appOf(dashboard, runnersPages);
  const page = async () => (await app.request('/dashboard/runners')).text();
  const post = (path: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}) =>
    app.request(path, { method: 'POST', body: new URLSearchParams(fields), headers: { 'Sec-Fetch-Site': 'same-origin', ...headers } });
  return { page, post, spool, journal };
}

async function work(t: TestContext, spool: Spool, kind: Holder['kind'], dispatcher?: string): Promise<string> {
  const lease = await acquireSlot(spool, { kind, dispatcher, staleMs: 5_000, onLost: () => assert.fail('the lease was lost') });
  afterwards(t, () => lease.release());
  return lease.slot;
}

const rowOf = (text: string, id: string): string =>
  new RegExp(`<tr id="${id}">.*?</tr>`, 's').exec(text)?.[0] ?? assert.fail(`no row ${id} on the page`);

test('a runner is shown with its host, pid, memory, heartbeat and what it runs', async (t) => {
  const { page, spool } = await runners(t);
  const dispatcher = await work(t, spool, 'dispatcher');
  const slot = await work(t, spool, 'runner', dispatcher);
  const job = spool.claimed(slot, jobFileName({ priority: 5, runAt: Date.now(), id: 'big' }));
  fs.writeFileSync(job, '{"class":"WordCount","method":"count","params":[]}');
  const text = await page();
  fs.unlinkSync(job);
  const row = rowOf(text, `runner-${slot}`);
  assert.match(row, /alive/);
  assert.match(row, /jobs\/big">big<\/a> WordCount\.count/);
  assert.match(row, new RegExp(`data-label="Pid">${process.pid}<`));
  assert.match(row, /data-label="Heartbeat">\d+(ms|\.\ds|s) ago</);
  if (process.platform === 'linux') assert.match(row, /data-label="Memory">[\d.]+ MiB</);
  assert.match(text, /1 runner, 1 at work/);
  assert.match(rowOf(text, `dispatcher-${dispatcher}`), /data-label="Runners">1</);
});

test('what a dead runner left is shown apart, without a button', async (t) => {
  const { page, spool } = await runners(t);
  const slot = await work(t, spool, 'runner');
  const holder = holderOfSlot(spool, slot);
  replaceFile(spool, spool.holder('host-77'), JSON.stringify({ ...holder, slot: 'host-77', pid: 4_194_000, processStart: '1' }));
  spool.disk.makeFolder(spool.slot('host-77'));
  fs.writeFileSync(
    spool.claimed('host-77', jobFileName({ priority: 5, runAt: Date.now(), id: 'left' })),
    '{"class":"A","method":"b","params":[]}',
  );
  const row = rowOf(await page(), 'dead-host-77');
  assert.match(row, /dead/);
  assert.match(row, /jobs\/left"/);
  assert.doesNotMatch(row, /<form/);
});

test('without anybody at work the page says what that means', async (t) => {
  const { page } = await runners(t);
  const text = await page();
  assert.match(text, /No runner is alive: nothing is run\./);
  assert.match(text, /No dispatcher is alive: nothing new is accepted or run/);
});

test('pause and resume act at once, lead back, and the log knows who it was', async (t) => {
  const { page, post, spool, journal } = await runners(t);
  assert.match(await page(), /action="\/dashboard\/pause"/);
  const paused = await post('/dashboard/pause', { back: '/dashboard/runners' });
  assert.deepEqual([paused.status, paused.headers.get('Location'), isPaused(spool)], [303, '/dashboard/runners', true]);
  const text = await page();
  assert.match(text, /<h2 id="intake">Paused<\/h2>/);
  assert.match(text, /action="\/dashboard\/resume"/);
  const resumed = await post('/dashboard/resume', { back: '/dashboard' });
  assert.deepEqual([resumed.status, resumed.headers.get('Location'), isPaused(spool)], [303, '/dashboard', false]);
  assert.deepEqual(
    journal.lines.map((line) => line.text),
    ['paused in the dashboard', 'resumed in the dashboard'],
  );
  for (const { fields } of journal.lines) assert.equal(typeof (fields as { who?: unknown }).who, 'string');
});

test('to pause what is paused changes nothing, and says so', async (t) => {
  const { post, spool, journal } = await runners(t);
  assert.match(noticeOf(await post('/dashboard/resume')), /It was not paused/);
  await post('/dashboard/pause');
  assert.match(noticeOf(await post('/dashboard/pause')), /It was paused already/);
  assert.deepEqual([isPaused(spool), journal.lines.length], [true, 1]);
});

const noticeOf = (answer: Response): string => decodeURIComponent(answer.headers.get('Set-Cookie') ?? '');

test('a drain is asked for in the spool, and the runner is shown as draining', async (t) => {
  const { page, post, spool, journal } = await runners(t);
  const slot = await work(t, spool, 'runner');
  const answer = await post(`/dashboard/runners/${slot}/drain`, { back: '/dashboard/runners' });
  assert.deepEqual([answer.status, isDrainRequested(spool, slot)], [303, true]);
  assert.match(noticeOf(answer), /is draining/);
  assert.ok(journal.lines[0]?.text.includes(slot));
  const row = rowOf(await page(), `runner-${slot}`);
  assert.match(row, /draining/);
  assert.doesNotMatch(row, /<form/);
  assert.match(noticeOf(await post(`/dashboard/runners/${slot}/drain`)), /asked to drain already/);
});

test('only a runner can be drained, and nothing outside its folder is touched', async (t) => {
  const { post, spool, journal } = await runners(t);
  const dispatcher = await work(t, spool, 'dispatcher');
  const refused = await post(`/dashboard/runners/${dispatcher}/drain`);
  assert.equal(refused.status, 409);
  assert.match(await refused.text(), /is a dispatcher; stop its process instead/);
  for (const slot of ['nobody-1', '..%2F..%2Fpaused', '%3Cimg%3E', '..%2Fversion']) {
    const unknown = await post(`/dashboard/runners/${slot}/drain`);
    assert.equal(unknown.status, 404, slot);
    assert.doesNotMatch(await unknown.text(), /<img>/);
  }
  assert.deepEqual([journal.lines, isPaused(spool)], [[], false]);
});

test('nobody is led to another server, and nobody else may press the buttons', async (t) => {
  const { post, spool } = await runners(t);
  const led = await post('/dashboard/pause', { back: '//evil.example/' });
  assert.equal(led.headers.get('Location'), '/dashboard/runners');
  const crossed = await post('/dashboard/resume', {}, { 'Sec-Fetch-Site': 'cross-site', Origin: 'https://evil.example' });
  assert.deepEqual([crossed.status, isPaused(spool)], [403, true]);
});

test('where nothing may be changed the buttons are off and a post is refused', async (t) => {
  const { page, post, spool } = await runners(t, { readOnly: true });
  assert.match(await page(), /<button[^>]*disabled title="this service is read-only/);
  assert.deepEqual([(await post('/dashboard/pause')).status, isPaused(spool)], [403, false]);
});
