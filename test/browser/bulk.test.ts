/** Many jobs at once: only those that were seen, after a question that says how many, with an account of what was done. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import type { Page } from 'playwright-core';
import { pause, resume } from '../../spool/marker.ts';
import { jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { failedAttempt, plant } from '../support/plant.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { waitFor } from '../support/wait-for.ts';

const service = sharedService({
  classes: { Trouble: TROUBLE_CLASS('noop', 'echo', 'fail') },
  before: (spool) => {
    for (let n = 0; n < 500; n++) plantFailed(spool, `mail-${n}`, 'connect ETIMEDOUT');
    for (let n = 0; n < 12; n++) plantFailed(spool, `other-${n}`, 'it broke');
  },
});

const FOUND = '/dashboard/jobs?state=failed&q=error%3AETIMEDOUT';

test('500 failed jobs are retried at once: the question has their number, what fails meanwhile is left alone, and the filter stays', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  const page = await openPage(t, `${base}${FOUND}`);
  await page.getByRole('button', { name: 'Retry all 500 that match…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Retry 500 jobs?' });
  await dialog.getByText('all failed jobs that match error:ETIMEDOUT').waitFor();
  plantFailed(spool, 'mail-late', 'connect ETIMEDOUT', Date.now() + 1);
  fs.rmSync(`${spool.failed}/${spool.disk.names(spool.failed).find((name) => name.endsWith('-mail-7.json'))}`);
  await dialog.getByRole('button', { name: 'Retry 500 jobs' }).click();
  await page.waitForURL('**/dashboard/operations/*');
  await page.getByText('Retried 499 · skipped 1 (had moved on).').waitFor();
  await page.getByRole('link', { name: 'Back to the list' }).click();
  await page.waitForURL(`**${FOUND}`);
  assert.equal(await page.getByLabel('Search jobs').inputValue(), 'error:ETIMEDOUT');
  assert.deepEqual(await rowsOf(page), ['mail-late']);
  await waitFor(() => jobStatus(spool, 'mail-499')?.state === 'completed', 'the last of them to run');
  assert.equal(jobStatus(spool, 'other-1')?.state, 'failed');
});

test('jobs are selected one by one and as a range, asked about by name, and those that moved on meanwhile are counted', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  pause(spool);
  t.after(() => resume(spool));
  const list = '/dashboard/jobs?state=failed&q=error%3Abroke';
  const page = await openPage(t, `${base}${list}`);
  const ids = await rowsOf(page);
  assert.equal(ids.length, 12);
  const box = (at: number) => page.getByRole('checkbox', { name: `Select job ${ids[at]}`, exact: true });
  assert.equal(await page.getByRole('button', { name: 'Retry selected…' }).isVisible(), false);
  await box(1).click();
  await box(4).click({ modifiers: ['Shift'] });
  await box(2).click();
  await box(9).click();
  await page.getByText('4 selected').waitFor();
  await page.getByRole('button', { name: 'Retry selected…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Retry 4 jobs?' });
  await dialog.getByRole('link', { name: ids[9] as string, exact: true }).waitFor();
  const gone = spool.disk.names(spool.failed).find((name) => name.endsWith(`-${ids[9]}.json`));
  fs.renameSync(`${spool.failed}/${gone}`, `${spool.incoming}/${gone}`);
  await waitFor(() => jobStatus(spool, ids[9] as string)?.state === 'pending', 'the job to be accepted');
  await dialog.getByRole('button', { name: 'Retry 4 jobs' }).click();
  const notice = page.getByRole('status').filter({ hasText: 'Retried 3 · skipped 1 (already pending)' });
  await notice.waitFor();
  await notice.getByRole('link', { name: 'Show pending jobs' }).waitFor();
  assert.equal(new URL(page.url()).search, new URL(`${base}${list}`).search);
  assert.equal(await page.locator('td input:checked').count(), 0);
  assert.deepEqual(
    await rowsOf(page),
    ids.filter((_, at) => ![1, 3, 4, 9].includes(at)),
  );
});

test('all rows of a page are selected by the box above them, and a question that is left changes nothing', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  for (let n = 0; n < 3; n++) plantFailed(spool, `keep-${n}`, 'not today');
  const page = await openPage(t, `${base}/dashboard/jobs?state=failed&q=error%3Atoday`);
  await page.getByRole('checkbox', { name: 'Select all on this page' }).check();
  await page.getByText('3 selected').waitFor();
  await page.getByRole('button', { name: 'Delete selected…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete 3 jobs?' });
  await dialog.getByRole('link', { name: 'Leave them alone' }).click();
  await dialog.waitFor({ state: 'hidden' });
  for (let n = 0; n < 3; n++) assert.equal(jobStatus(spool, `keep-${n}`)?.state, 'failed');
});

test('a kind of failure is retried as a whole from the page of failures', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  for (let n = 0; n < 5; n++) plantFailed(spool, `odd-${n}`, 'an odd error: "quoted", with a\nsecond line');
  const page = await openPage(t, `${base}/dashboard/failures`);
  await page
    .getByRole('row', { name: /an odd error/ })
    .getByRole('button', { name: 'Retry all 5' })
    .click();
  await page.getByRole('dialog', { name: 'Retry 5 jobs?' }).getByRole('button', { name: 'Retry 5 jobs' }).click();
  await page.getByRole('status').filter({ hasText: 'Retried 5' }).waitFor();
  await waitFor(() => jobStatus(spool, 'odd-4')?.state === 'completed', 'the last of them to run');
});

test('more than a thousand jobs are not changed without their number typed', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  for (let n = 0; n < 1_001; n++) plant(spool, 'cancelled', { id: `many-${n}`, class: 'Trouble', method: 'noop', params: [] });
  const page = await openPage(t, `${base}/dashboard/jobs?state=cancelled`, { expected: /status of 422/ });
  await page.getByRole('button', { name: 'Delete all 1,001 cancelled…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete 1,001 jobs?' });
  await dialog.getByLabel('type their number').fill('1000');
  await dialog.getByRole('button', { name: 'Delete 1,001 jobs' }).click();
  await page.getByText('expected the number of jobs, got "1000"; nothing was changed').waitFor();
  await page.getByLabel('type their number').fill('1,001');
  await page.getByRole('button', { name: 'Delete 1,001 jobs' }).click();
  await page.getByText('Deleted 1,001.').waitFor();
  assert.equal(spool.disk.names(spool.cancelled).length, 0);
});

function plantFailed(spool: Spool, id: string, message: string, at = Date.now() - 60_000): void {
  const file = plant(spool, 'failed', { id, class: 'Trouble', method: 'noop', params: [], attempts: [failedAttempt(1, message, at)] });
  fs.utimesSync(file, at / 1_000, at / 1_000);
}

/** The ids in the list, as they stand in it. */
const rowsOf = async (page: Page): Promise<string[]> => (await page.locator('#live tbody a.id').allInnerTexts()).map((text) => text.trim());
