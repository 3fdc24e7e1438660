/** Whoever has no mouse reaches everything, knows where they are, and is not surprised by a letter. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { jobStatus } from '../../spool/query.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { failedAttempt, plant } from '../support/plant.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const service = sharedService({
  classes: { Trouble: TROUBLE_CLASS('noop', 'politeSleep', 'echo') },
  before: (spool) => {
    for (let n = 0; n < 9; n++)
      plant(spool, 'failed', {
        id: `old-${n}`,
        class: 'Trouble',
        method: 'noop',
        params: [],
        runAt: Date.now() - n * 10_000,
        attempts: [failedAttempt(1, 'it broke', Date.now() - 60_000 - n * 10_000)],
      });
  },
});

test('a job is reached, selected, retried and deleted with Tab, Space and Enter alone', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool } = await service();
  const page = await at(t, '/dashboard');
  const { keyboard } = page;
  await keyboard.press('Tab');
  assert.equal(await focused(page), 'Skip to the content');
  await tabTo(page, 'Jobs');
  await keyboard.press('Enter');
  await page.waitForURL('**/dashboard/jobs');
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  assert.equal(await page.evaluate('location.hash'), '#main', 'the skip link leads to the content');
  await tabTo(page, /^failed/);
  await keyboard.press('Enter');
  await page.waitForURL('**/dashboard/jobs?state=failed');

  await tabTo(page, 'Select job old-3');
  await keyboard.press('Space');
  await tabTo(page, 'Retry selected…');
  await keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Retry 1 job?' }).waitFor();
  await tabTo(page, 'Retry 1 job');
  await keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: 'Retried 1' }).waitFor();
  await waitFor(() => jobStatus(spool, 'old-3')?.state === 'completed', 'the job to run');

  await tabTo(page, 'Retry job old-4');
  await keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: 'old-4 runs again' }).waitFor();
  assert.notEqual(await focused(page), '', 'the focus is lost');

  await tabTo(page, 'Delete job old-5');
  await keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Delete this job?' });
  await dialog.waitFor();
  await keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await focused(page), 'Delete job old-5', 'the focus goes back to where it was');
  await keyboard.press('Enter');
  await dialog.waitFor();
  await tabTo(page, 'Delete');
  await keyboard.press('Enter');
  await page.getByRole('status').filter({ hasText: 'old-5 is deleted' }).waitFor();
  assert.equal(jobStatus(spool, 'old-5'), undefined);
});

test('inside a dialog Tab stays there, and in every field and place that scrolls the focus is seen', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const page = await at(t, '/dashboard/jobs?state=failed');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  for (let n = 0; n < 6; n++) {
    await page.keyboard.press('Tab');
    assert.ok(
      await page.evaluate("document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement)"),
    );
  }
  await page.keyboard.press('Escape');
  const unseen = (await page.evaluate(`[...document.querySelectorAll('a, button, input, select, textarea, summary, [tabindex="0"]')]
    .filter((one) => { one.focus({ focusVisible: true }); const { outlineStyle, outlineWidth } = getComputedStyle(one);
      return document.activeElement === one && (outlineStyle === 'none' || outlineWidth === '0px'); })
    .map((one) => one.outerHTML.slice(0, 100))`)) as string[];
  assert.deepEqual(unseen, []);
});

test('letters move along the rows, select, open and act on the row that one is on, upper case where it counts', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool } = await service();
  const page = await at(t, '/dashboard/jobs?state=failed&q=id%3Aold-6%2Cold-7%2Cold-8');
  const { keyboard } = page;
  const row = () => page.evaluate("document.activeElement.closest('tr')?.id");
  await keyboard.press('j');
  assert.equal(await row(), 'job-old-6');
  await keyboard.press('j');
  await keyboard.press('j');
  await keyboard.press('k');
  assert.equal(await row(), 'job-old-7');
  await keyboard.press('x');
  await page.getByText('1 selected').waitFor();
  await keyboard.press('Escape');
  assert.equal(await page.locator('td input:checked').count(), 0);
  await keyboard.press('r');
  assert.equal(jobStatus(spool, 'old-7')?.state, 'failed', 'a letter without Shift does nothing to a job');
  await keyboard.press('Shift+R');
  await page.getByRole('status').filter({ hasText: 'old-7 runs again' }).waitFor();
  await keyboard.press('j');
  assert.match(String(await row()), /^job-old-[68]$/);
  const id = String(await row()).slice('job-'.length);
  await keyboard.press('Shift+D');
  await page.getByRole('dialog', { name: 'Delete this job?' }).getByText(id).waitFor();
  await keyboard.press('Escape');
  const posts: string[] = [];
  page.on('request', (request) => (request.method() === 'POST' ? posts.push(request.url()) : undefined));
  await keyboard.press('Enter');
  await page.waitForURL(`**/dashboard/jobs/${id}`);
  assert.deepEqual(posts, [], 'Enter on the box of a row sends the form of the selection');
});

test('letters go to pages and to the search, cancel the job that is shown, and are letters in a field', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool, folder } = await service();
  dropFile(spool, 'p5-now-sleeps.json', { class: 'Trouble', method: 'politeSleep', params: [60_000, `${folder}/told`] });
  await waitFor(() => jobStatus(spool, 'sleeps')?.state === 'running', 'the job to run');
  const page = await at(t, '/dashboard');
  const { keyboard } = page;
  for (const [key, address] of Object.entries({
    f: '/dashboard/failures',
    l: '/job-logs',
    r: '/dashboard/runners',
    s: '/dashboard/settings',
  })) {
    await keyboard.press('g');
    await keyboard.press(key);
    await page.waitForURL(`**${address}`);
  }
  await keyboard.press('g');
  await keyboard.press('e');
  await page.waitForURL('**/dashboard/enqueue');
  await page.getByLabel('Parameters, as JSON').pressSequentially('["gj?CRUD"]');
  assert.equal(await page.getByLabel('Parameters, as JSON').inputValue(), '["gj?CRUD"]');
  await page.getByLabel('Parameters, as JSON').blur();
  await keyboard.press('g');
  await keyboard.press('j');
  await page.waitForURL('**/dashboard/jobs');
  await keyboard.press('/');
  await keyboard.type('id:sleeps');
  await keyboard.press('Enter');
  await page.waitForURL('**/dashboard/jobs?q=id*');
  await keyboard.press('j');
  await keyboard.press('Enter');
  await page.waitForURL('**/dashboard/jobs/sleeps');
  await keyboard.press('Shift+C');
  await page.getByRole('status').filter({ hasText: 'sleeps: cancellation asked for' }).waitFor();
  await page.locator('#live > .bar > .chip-cancelled').waitFor();
});

test('the letters can be switched off, for good, and on again', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const page = await at(t, '/dashboard/jobs');
  const { keyboard } = page;
  const help = page.getByRole('dialog', { name: 'Keyboard' });
  const toggle = help.getByRole('checkbox', { name: 'Single keys do these things' });
  await keyboard.press('?');
  await toggle.uncheck();
  await help.getByRole('button', { name: 'Close' }).click();
  await page.reload();
  await keyboard.press('?');
  assert.equal(await help.isVisible(), false);
  await page.getByRole('button', { name: 'Keyboard' }).click();
  await toggle.check();
  await keyboard.press('Escape');
  await keyboard.press('?');
  await help.waitFor();
});

async function at(t: TestContext, path: string): Promise<Page> {
  const { base } = await service();
  return openPage(t, `${base}${path}`);
}

/** The name of what has the focus, as it is read out; empty where nothing has it. */
const focused = async (page: Page): Promise<string> =>
  String(
    await page.evaluate(
      `document.activeElement === document.body ? '' : (document.activeElement.ariaLabel ?? document.activeElement.labels?.[0]?.innerText ?? document.activeElement.innerText).trim()`,
    ),
  );

/** Presses Tab until something of that name has the focus. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  for (let n = 0; n < 150; n++) {
    await page.keyboard.press('Tab');
    const here = await focused(page);
    if (typeof name === 'string' ? here === name : name.test(here)) return;
  }
  throw new Error(`Tab does not lead to ${name} on ${page.url()}`);
}
