/** An id may be in use again: what is done in a list is done to the job that was seen there. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { pause } from '../../spool/marker.ts';
import { runBulk } from '../../ui/bulk.ts';
import { steer } from '../../ui/steering.ts';
import { makeDashboard } from '../support/dashboard.ts';
import { failedAttempt, noticeIn, plant, plantRejected, postForm } from '../support/plant.ts';
import { tempSpool } from '../support/spool.ts';

const HOUR = 3_600_000;

test('the rejected duplicate is deleted that was seen, and not the job that lives', async (t) => {
  const { app, spool } = await makeDashboard(t);
  const live = plant(spool, 'pending', { id: 'x', runAt: Date.now() + HOUR });
  plantRejected(spool, 'p5-now-x.json', '{"class":"ExampleJob"}', 'duplicate');
  const list = await (await app.request('/dashboard/jobs?state=rejected')).text();
  const href = /href="([^"]*\/delete\?[^"]*)"/.exec(list)?.[1]?.replaceAll('&amp;', '&');
  assert.ok(href);
  const page = await (await app.request(href)).text();
  assert.match(page, /chip-rejected/);
  assert.match(page, /name="seen" value="rejected"/);
  const answer = await postForm(app, '/dashboard/jobs/x/delete', { back: '/dashboard/jobs', seen: 'rejected' });
  assert.deepEqual([answer.status, noticeIn(answer).text], [303, 'x is deleted; it was rejected']);
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
  assert.ok(fs.existsSync(live));
});

test('a failed job that was retried before its deletion was confirmed is left alone', async (t) => {
  const { app, spool } = await makeDashboard(t);
  const again = plant(spool, 'pending', { id: 'x', attempts: [failedAttempt()] });
  const answer = await postForm(app, '/dashboard/jobs/x/delete', { seen: 'failed' });
  assert.equal(noticeIn(answer).kind, 'refused');
  assert.match(noticeIn(answer).text, /^delete x: it is pending, and not failed as it was seen; nothing was changed$/);
  assert.ok(fs.existsSync(again));
  const page = await app.request('/dashboard/jobs/x/delete?seen=failed');
  assert.equal(page.status, 409);
  assert.match(await page.text(), /It is pending now, and not failed/);
});

test('what was rejected is not promised to run', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  plantRejected(spool, 'p5-now-x.json', '{"class":"Nobody"}', 'not on the allow-list');
  assert.deepEqual(await steer(dashboard, 'retry', 'x', 'ada'), {
    kind: 'done',
    text: 'x is handed in again, to be accepted or rejected anew; it was rejected',
  });
});

test('one folder among the rejected files does not keep the others from being deleted', async (t) => {
  const { dashboard, spool } = await makeDashboard(t);
  fs.mkdirSync(`${spool.rejected}/folder.json`);
  plantRejected(spool, 'a.json', '{}', 'why');
  plantRejected(spool, 'z.json', '{}', 'why');
  const order = {
    action: 'delete',
    priority: undefined,
    selection: { kind: 'filter', filter: rejected },
    expected: 3,
    who: 'ada',
  } as const;
  const progress = await runBulk(dashboard, { ...order, asOf: Date.now() + 1_000 }, { done: 0, skipped: new Map() });
  assert.deepEqual([progress.done, [...progress.skipped]], [2, [['a folder', 1]]]);
});

test('a bulk action as of an earlier moment counts what was there then', async (t) => {
  const { app, spool } = await makeDashboard(t);
  const asOf = Date.now() - 10_000;
  for (const id of ['a', 'b', 'c']) plant(spool, 'failed', { id, attempts: [failedAttempt(1, 'x', asOf - 1_000)] });
  for (const id of ['d', 'e']) plant(spool, 'failed', { id, attempts: [failedAttempt(1, 'x', asOf + 1_000)] });
  const order = { action: 'retry', filter: 'state:failed', asOf: new Date(asOf).toISOString() };
  const send = async (body: object): Promise<unknown> => {
    const headers = { 'Content-Type': 'application/json' };
    return (await app.request('/api/jobs/bulk', { method: 'POST', body: JSON.stringify(body), headers })).json();
  };
  assert.deepEqual(await send({ ...order, dryRun: true }), {
    dryRun: true,
    count: 3,
    byState: { failed: 3 },
    skipped: {},
    asOf: order.asOf,
  });
  assert.deepEqual(await send(order), { done: 3, skipped: {}, text: 'Retried 3' });
});

test('two who pause at the same time both have paused', (t) => {
  const spool = tempSpool(t);
  // Somebody else pauses between the look and the act.
  const late = { ...spool, disk: { ...spool.disk, exists: onceFalse(spool.disk.exists) } };
  spool.disk.create(spool.paused, '', false);
  pause(late);
  assert.ok(fs.existsSync(spool.paused));
});

function onceFalse(exists: (file: string) => boolean): (file: string) => boolean {
  let calls = 0;
  return (file) => calls++ > 0 && exists(file);
}

const rejected = { states: ['rejected' as const], ids: [], classes: [], methods: [], errors: [], params: [], texts: [], submitters: [] };
