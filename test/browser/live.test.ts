/** What an open page does by itself: it follows the service, and never disturbs who is reading it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { dropFile, type Service, startService, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

test('an open page', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, folder } = await started(t);
  await t.test('a job that completes is counted on an open page, which is not loaded again', async (t) => {
    const page = await openPage(t, `${base}/dashboard`);
    await page.evaluate('window.sameDocument = true');
    const before = await completed(page);
    quickJob(spool);
    await waitFor(async () => (await completed(page)) === before + 1, 'the count of completed jobs');
    quickJob(spool);
    await waitFor(async () => (await completed(page)) === before + 2, 'the count after the second one');
    assert.equal(await page.evaluate('window.sameDocument'), true);
  });

  await t.test('nothing is refreshed under a selection: it waits, says so, and goes on when nothing is selected', async (t) => {
    reject(spool, 'one');
    const page = await openPage(t, `${base}/dashboard/jobs?state=rejected`);
    const row = (id: string) => page.locator(`tr[id="job-${id}"]`);
    await row('one').waitFor();
    await row('one').locator('input[type=checkbox]').check();
    assert.ok(await page.locator('.selection').isVisible());
    assert.match((await page.locator('[data-selected]').textContent()) ?? '', /1 selected/);
    reject(spool, 'two');
    await page.getByText('Updates wait: rows are selected').waitFor();
    assert.equal(await row('two').count(), 0);
    assert.ok(await row('one').locator('input[type=checkbox]').isChecked());
    await page.keyboard.press('Escape');
    await row('two').waitFor();
    assert.equal(await page.locator('.selection').isVisible(), false);
    assert.equal(await page.locator('.live-bar').isVisible(), false);
  });

  await t.test('what waits can be had at once, and keeps the selection', async (t) => {
    reject(spool, 'three');
    const page = await openPage(t, `${base}/dashboard/jobs?state=rejected`);
    const box = page.locator('tr[id="job-three"] input[type=checkbox]');
    await box.check();
    reject(spool, 'four');
    await page.getByRole('button', { name: 'Load' }).click();
    await page.locator('tr[id="job-four"]').waitFor();
    assert.ok(await box.isChecked());
  });

  await t.test('text that is selected, a field in use and a later page of the list hold the updates too', async (t) => {
    for (let n = 0; n < 60; n++) dropFile(spool, `p5-20991122T10150${n % 10}Z-later-${n}.json`, TALK);
    await waitFor(() => spool.disk.names(spool.pending).length === 60, '60 scheduled jobs');
    const page = await openPage(t, `${base}/dashboard/jobs?state=scheduled`);
    await page.evaluate("getSelection().selectAllChildren(document.querySelector('#live tbody td:nth-child(3)'))");
    dropFile(spool, 'p5-20981122T101500Z-sooner-1.json', TALK);
    await page.getByText('Updates wait: text is selected').waitFor();
    await page.evaluate('getSelection().removeAllRanges()');
    await page.locator('tr[id="job-sooner-1"]').waitFor();

    await page.locator('.pager a[rel=next]').click();
    await page.locator('tr[id="job-sooner-1"]').waitFor({ state: 'detached' });
    dropFile(spool, 'p5-20981122T101500Z-sooner-2.json', TALK);
    await page.getByText('Updates wait: this is not the first page').waitFor();
    await page.getByRole('button', { name: 'Load' }).click();
    await page.locator('.live-bar').waitFor({ state: 'hidden' });
  });

  await t.test('the switch in the head pauses updates, on every page and until it is pressed again', async (t) => {
    const page = await openPage(t, `${base}/dashboard`);
    const before = await completed(page);
    await page.getByRole('button', { name: 'Live', exact: true }).click();
    const id = quickJob(spool);
    await page.getByText('Updates wait: they are paused').waitFor();
    assert.equal(await completed(page), before);
    await waitFor(() => jobStatus(spool, id)?.state === 'completed', 'the job');
    await page.goto(`${base}/dashboard/runners`);
    const isOn = () => page.locator('#tools button').first().getAttribute('aria-pressed');
    assert.equal(await isOn(), 'false');
    await page.goto(`${base}/dashboard`);
    assert.equal(await completed(page), before + 1);
    quickJob(spool);
    await page.getByText('Updates wait: they are paused').waitFor();
    await page.keyboard.press('p');
    await waitFor(async () => (await completed(page)) === before + 2, 'the count when the pause is over');
    assert.equal(await isOn(), 'true');
  });

  await t.test('a hidden tab keeps no stream open, and is right again when it is looked at', async (t) => {
    const page = await openPage(t, 'about:blank');
    let open = 0;
    page.on('request', (request) => {
      if (request.url().includes('/dashboard/live')) open += 1;
    });
    page.on('requestfailed', (request) => {
      if (request.url().includes('/dashboard/live')) open -= 1;
    });
    await page.goto(`${base}/dashboard`);
    await waitFor(() => open === 1, 'a stream');
    await hide(page, true);
    await waitFor(() => open === 0, 'no stream');
    const before = await completed(page);
    const id = quickJob(spool);
    await waitFor(() => jobStatus(spool, id)?.state === 'completed', 'the job');
    assert.equal(await completed(page), before);
    await hide(page, false);
    await waitFor(async () => (await completed(page)) === before + 1, 'the count after it was hidden');
    assert.equal(open, 1);
  });

  await t.test('a page that was drawn by another version loads itself again, once', async (t) => {
    const page = await openPage(t, 'about:blank');
    let loads = 0;
    page.on('load', () => {
      loads += 1;
    });
    const hello = 'event: hello\ndata: {"version":"another"}\nretry: 60000\n\n';
    await page.route('**/dashboard/live**', (route) => route.fulfill({ contentType: 'text/event-stream', body: hello }));
    await page.goto(`${base}/dashboard`);
    await waitFor(() => loads === 2, 'the second load');
    await page.getByText('A new version runs here').waitFor();
    assert.equal(loads, 2);
  });

  await t.test('where no stream can be had, the page asks now and then, and says so', async (t) => {
    const page = await openPage(t, 'about:blank', { expected: /status of 503/ });
    await page.route('**/dashboard/live**', (route) => route.fulfill({ status: 503, body: 'too many pages are open' }));
    await page.goto(`${base}/dashboard`);
    const before = await completed(page);
    quickJob(spool);
    await page.getByText('Live updates interrupted: this page asks every 10 s').waitFor();
    await waitFor(async () => (await completed(page)) === before + 1, 'the count', { timeoutMs: 15_000 });
  });

  await t.test('two tabs: what is done in one is seen in the other', async (t) => {
    const one = await openPage(t, `${base}/dashboard/runners`);
    const other = await one.context().newPage();
    await other.goto(`${base}/dashboard/runners`);
    await one.getByRole('button', { name: 'Pause', exact: true }).click();
    await one.getByRole('button', { name: 'Resume' }).waitFor();
    await other.getByRole('button', { name: 'Resume' }).click();
    await one.getByRole('button', { name: 'Pause', exact: true }).waitFor();
  });

  await t.test('the log of a running job grows on its page without a line lost or doubled, and its end is seen', async (t) => {
    dropFile(spool, 'p5-now-talker.json', { class: 'Talk', method: 'talk' });
    await waitFor(() => fs.existsSync(spool.jobLog('talker')), 'its log');
    const page = await openPage(t, `${base}/dashboard/jobs/talker`);
    const shown = async () => ((await page.locator('#log').textContent()) ?? '').match(/line \d+/g) ?? [];
    await waitFor(async () => (await shown()).length > 10, 'lines');
    await page.reload();
    await waitFor(async () => (await shown()).length > 30, 'more lines');
    await hide(page, true);
    await hide(page, false);
    await waitFor(async () => (await shown()).length > 40, 'lines after it was hidden');
    fs.writeFileSync(path.join(folder, 'stop'), '');
    await page.locator('#live .chip-completed').first().waitFor();
    const printed = fs.readFileSync(spool.jobLog('talker'), 'utf8').match(/line \d+/g);
    await waitFor(async () => (await shown()).length === printed?.length, 'all lines');
    assert.deepEqual(await shown(), printed);
  });

  await t.test('a dialog asks before anything is deleted; Escape leaves everything as it was', async (t) => {
    reject(spool, 'five');
    const page = await openPage(t, `${base}/dashboard/jobs?state=rejected`);
    const link = page.locator('tr[id="job-five"] a.confirm');
    await link.click();
    const dialog = page.locator('dialog[open]');
    await dialog.getByRole('heading', { name: /Delete/ }).waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.ok(await page.evaluate(`document.activeElement.matches('tr[id="job-five"] a.confirm')`));
    assert.equal(new URL(page.url()).search, '?state=rejected');
    await link.click();
    await dialog.getByRole('button', { name: /Delete/ }).click();
    await page.locator('.notice-done').waitFor();
    assert.equal(await page.locator('tr[id="job-five"]').count(), 0);
    assert.equal(new URL(page.url()).pathname, '/dashboard/jobs');
  });

  await t.test('everything can be reached by single keys, and by none when they are switched off', async (t) => {
    reject(spool, 'six');
    reject(spool, 'seven');
    const page = await openPage(t, `${base}/dashboard/jobs?state=rejected`);
    await page.locator('tr[id="job-seven"]').waitFor();
    const { keyboard } = page;
    const checked = () => page.locator('tbody input:checked').count();
    await keyboard.press('j');
    await keyboard.press('j');
    await keyboard.press('x');
    assert.ok(await page.locator('tbody tr').nth(1).locator('input[type=checkbox]').isChecked());
    await keyboard.press('*');
    assert.equal(await checked(), await page.locator('tbody tr').count());
    await keyboard.press('Escape');
    assert.equal(await checked(), 0);
    await keyboard.press('/');
    await keyboard.type('jjx');
    assert.equal(await page.locator('#q').inputValue(), 'jjx');
    await page.locator('#q').blur();
    await keyboard.press('g');
    await keyboard.press('r');
    await page.waitForURL('**/dashboard/runners');
    await keyboard.press('?');
    await page.locator('dialog[open] input[type=checkbox]').uncheck();
    await keyboard.press('Escape');
    await keyboard.press('g');
    await keyboard.press('o');
    await keyboard.press('?');
    assert.equal(await page.locator('dialog[open]').count(), 0);
    assert.match(page.url(), /runners$/);
  });

  await t.test('the theme is kept, and drawn so from the beginning', async (t) => {
    const page = await openPage(t, `${base}/dashboard`, { colorScheme: 'light' });
    const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.keyboard.press('t');
    await page.keyboard.press('t');
    const dark = await ground();
    assert.notEqual(dark, light);
    await page.goto(`${base}/dashboard/jobs`);
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
    assert.equal(await ground(), dark);
  });

  await t.test('times are those of who looks, with UTC in their titles', async (t) => {
    dropFile(spool, 'p5-20991122T101500Z-later.json', TALK);
    await waitFor(() => jobStatus(spool, 'later')?.state === 'scheduled', 'the scheduled job');
    const page = await openPage(t, `${base}/dashboard/jobs/later`, { timezoneId: 'Asia/Tokyo' });
    const time = page.locator('time[datetime^="2099-11-22T10:15:00"][data-style=clock]').first();
    assert.equal(await time.textContent(), '2099-11-22 19:15:00');
    assert.equal(await time.getAttribute('title'), '2099-11-22 10:15:00 UTC');
  });
});

test('an open page bears a restart of the service: it says that it is cut off, and goes on by itself', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, service } = await started(t);
  const expected = /Failed to load resource: net::ERR_|ERR_INCOMPLETE_CHUNKED_ENCODING/;
  const page = await openPage(t, `${base}/dashboard`, { expected });
  await page.evaluate('window.sameDocument = true');
  await service.stop();
  await page.getByText('Live updates interrupted').waitFor();
  await startService(t, { dir: spool.root, allowlist: service.allowlist, env: { JOBSPOOL_PORT: new URL(base).port } });
  quickJob(spool);
  await waitFor(async () => (await completed(page)) === 1, 'the count after the restart', { timeoutMs: 20_000 });
  await page.getByText('Live updates interrupted').waitFor({ state: 'hidden' });
  assert.equal(await page.evaluate('window.sameDocument'), true);
});

const TALK = { class: 'Talk', method: 'be-quiet' };

type Started = { base: string; spool: Spool; folder: string; service: Service & { allowlist: string } };

/** The service with a handler that talks until a file `stop` is in `folder`. */
async function started(t: TestContext): Promise<Started> {
  const folder = tempFolder(t);
  const spool = openSpool(path.join(folder, 'spool'), { durability: 'none' });
  const allowlist = path.join(folder, 'allowlist.json');
  const methods = { talk: {}, 'be-quiet': {} };
  fs.writeFileSync(allowlist, JSON.stringify({ Talk: { command: ['sh', './talk.sh'], methods } }));
  fs.writeFileSync(path.join(folder, 'talk.sh'), SCRIPT);
  const service = await startService(t, { dir: spool.root, allowlist });
  const base = await waitFor(() => service.url(), 'the address of the dashboard');
  return { base, spool, folder, service: { ...service, allowlist } };
}

const SCRIPT = `cd "$(dirname "$0")"
n=0
while [ "$JOBSPOOL_METHOD" = talk ] && [ ! -e stop ]; do n=$((n + 1)); echo "line $n"; sleep 0.05; done
`;

let count = 0;

function quickJob(spool: Spool): string {
  count += 1;
  dropFile(spool, `p5-now-quick-${count}.json`, TALK);
  return `quick-${count}`;
}

const reject = (spool: Spool, id: string): void => dropFile(spool, `p5-now-${id}.json`, { class: 'Nobody' });

const completed = async (page: Page): Promise<number> => Number(await page.locator('a.tile[href$="state=completed"] b').textContent());

/** As the browser does when another tab comes to the front. */
async function hide(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'))`);
}
