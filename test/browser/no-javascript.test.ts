/** With JavaScript switched off everything works but live updates: links, forms, and questions on pages of their own. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { jobStatus } from '../../spool/query.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { failedAttempt, plant } from '../support/plant.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const service = sharedService({
  classes: { Trouble: TROUBLE_CLASS('noop', 'fail', 'politeSleep', 'print') },
  before: (spool) => {
    for (let n = 0; n < 60; n++)
      plant(spool, 'failed', { id: `old-${n}`, class: 'Trouble', method: 'noop', params: [], attempts: [failedAttempt()] });
  },
});

test('a job is enqueued, looked at, cancelled, retried and deleted without a script', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool, folder } = await service();
  const page = await withoutScript(t, '/dashboard/enqueue');
  await page.getByText('What may run here').waitFor();
  await page.getByText('Trouble.politeSleep').last().click();
  await page.getByLabel('Handler').selectOption('Trouble.politeSleep');
  await page.getByLabel('Parameters, as JSON').fill(`[60000, "${folder}/told"]`);
  await page.getByLabel('Id', { exact: true }).fill('by-hand');
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await notice(page, 'by-hand is enqueued');
  await waitFor(() => jobStatus(spool, 'by-hand')?.state === 'running', 'the job to run');
  await page.reload();
  assert.match(await page.locator('#live time[data-style=clock]').first().innerText(), / UTC$/);
  await page.getByRole('button', { name: 'Cancel job by-hand' }).click();
  await notice(page, 'by-hand: cancellation asked for');
  await waitFor(() => jobStatus(spool, 'by-hand')?.state === 'cancelled', 'the job to be cancelled');
  await page.reload();
  await page.getByRole('link', { name: 'Delete job by-hand' }).click();
  await page.getByRole('heading', { name: 'Delete this job?' }).waitFor();
  await page.getByRole('link', { name: 'Leave it alone' }).click();
  await page.waitForURL('**/dashboard/jobs?state=cancelled');
  await page.getByRole('link', { name: 'Delete job by-hand' }).click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await notice(page, 'by-hand is deleted');
  assert.equal(jobStatus(spool, 'by-hand'), undefined);
});

test('a list is filtered and paged, and jobs of it are selected and retried after a question, without a script', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool } = await service();
  const page = await withoutScript(t, '/dashboard/jobs?state=failed');
  await page.getByRole('link', { name: 'Next page' }).click();
  await page.waitForURL('**&after=*');
  assert.equal(await page.locator('tbody tr').count(), 10);
  await page.getByRole('link', { name: 'Newest' }).click();
  await page.getByLabel('Search jobs').fill('id:old-1*');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  assert.equal(await page.locator('tbody tr').count(), 11);
  await page.getByRole('checkbox', { name: 'Select job old-1', exact: true }).check();
  await page.getByRole('checkbox', { name: 'Select job old-15', exact: true }).check();
  await page.getByRole('button', { name: 'Retry selected…' }).click();
  await page.getByRole('heading', { name: 'Retry 2 jobs?' }).waitFor();
  await page.getByRole('button', { name: 'Retry 2 jobs' }).click();
  await notice(page, 'Retried 2');
  assert.equal(await page.getByLabel('Search jobs').inputValue(), 'id:old-1*');
  await page.getByRole('button', { name: 'Delete all 9 that match…' }).click();
  await page.getByRole('heading', { name: 'Delete 9 jobs?' }).waitFor();
  await page.getByRole('button', { name: 'Delete 9 jobs' }).click();
  await notice(page, 'Deleted 9');
  assert.equal(jobStatus(spool, 'old-19'), undefined);
  await waitFor(() => jobStatus(spool, 'old-15')?.state === 'completed', 'the retried job to run');
  await page.getByRole('link', { name: /^completed/ }).click();
  await page.getByText('No completed job').or(page.locator('[id="job-old-15"]')).first().waitFor();
});

test('a bulk action in the background is followed by looking again, without a script', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool } = await service();
  for (let n = 0; n < 250; n++) plant(spool, 'cancelled', { id: `off-${n}`, class: 'Trouble', method: 'noop', params: [] });
  const page = await withoutScript(t, '/dashboard/jobs?state=cancelled');
  const deleteAll = page.getByRole('button', { name: 'Delete all 250 cancelled…' });
  // A page may be as of a moment ago, when not all of them were there, and without a script it does not change by itself.
  await waitFor(async () => {
    if (await deleteAll.isVisible()) return true;
    await page.reload();
    return false;
  }, 'the list to have all of them');
  await deleteAll.click();
  await page.getByRole('button', { name: 'Delete 250 jobs' }).click();
  await page.waitForURL('**/operations/*');
  await waitFor(async () => {
    await page.reload();
    return page.getByText('Deleted 250.').isVisible();
  }, 'the end of the operation');
  await page.getByRole('link', { name: 'Back to the list' }).click();
  await page.getByText('Nothing was cancelled.').waitFor();
});

test('it is paused, resumed and drained, and a log is read, searched and cleared, without a script', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool } = await service();
  dropFile(spool, 'p5-now-prints.json', { class: 'Trouble', method: 'print' });
  await waitFor(() => jobStatus(spool, 'prints')?.state === 'completed', 'the job to complete');
  const page = await withoutScript(t, '/dashboard/runners');
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await notice(page, 'Paused');
  assert.ok(fs.existsSync(spool.paused));
  await page.getByRole('button', { name: 'Resume' }).click();
  await notice(page, 'Resumed');
  await page
    .getByRole('button', { name: /^Drain runner/ })
    .first()
    .click();
  await notice(page, 'is draining');
  await page.goto(new URL('/dashboard/jobs/prints', page.url()).href);
  assert.match(await page.locator('#log').innerText(), /a line on stdout/);
  await page.getByLabel('Search the log').fill('stderr');
  await page.getByRole('button', { name: 'Search the log' }).click();
  await page.getByText('1 line with “stderr”: all of the log was searched.').waitFor();
  await page.getByRole('link', { name: 'Logs', exact: true }).click();
  await page.getByLabel('Job id').fill('prints');
  await page.getByRole('button', { name: 'Search', exact: true }).click();
  await page.getByRole('link', { name: 'prints', exact: true }).first().waitFor();
  await page.getByRole('link', { name: 'Clear…' }).click();
  await page.getByRole('button', { name: 'Clear the events log' }).click();
  await notice(page, 'The events log was cleared');
});

async function withoutScript(t: TestContext, path: string): Promise<Page> {
  const { base } = await service();
  return openPage(t, `${base}${path}`, { javaScriptEnabled: false });
}

const notice = (page: Page, text: string): Promise<void> => page.getByRole('status').filter({ hasText: text }).waitFor();
