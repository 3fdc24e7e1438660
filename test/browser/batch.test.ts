/** The jobs of a batch in a browser: rows like all others, each with its own page and buttons. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Page } from 'playwright-core';
import { pause, resume } from '../../spool/marker.ts';
import { countByState, jobStatus } from '../../spool/query.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const service = sharedService({ classes: { Trouble: TROUBLE_CLASS('echo', 'fail') } });

const batch = (count: number): string =>
  Array.from({ length: count }, (_, at) => `${JSON.stringify({ class: 'Trouble', method: 'echo', params: [`mail-${at + 1}`] })}\n`).join(
    '',
  );

const rowsOf = async (page: Page): Promise<string[]> => (await page.locator('#live tbody a.id').allInnerTexts()).map((text) => text.trim());

test('the lines of a batch are rows of their own: one is cancelled, one is looked at, the others run', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  pause(spool);
  t.after(() => resume(spool));
  dropFile(spool, 'p5-now-mails.ndjson', batch(120));
  await waitFor(() => countByState(spool).pending === 120, 'the batch to be accepted');
  const page = await openPage(t, `${base}/dashboard/jobs?state=pending`);
  assert.deepEqual((await rowsOf(page)).slice(0, 3), ['mails.1', 'mails.2', 'mails.3']);
  await page.getByRole('button', { name: 'Cancel job mails.2', exact: true }).click();
  await page.getByRole('status').filter({ hasText: 'mails.2 is cancelled; it was pending' }).waitFor();
  assert.deepEqual((await rowsOf(page)).slice(0, 3), ['mails.1', 'mails.3', 'mails.4']);
  await page.getByLabel('Search jobs').fill('params:mail-117');
  await page.getByLabel('Search jobs').press('Enter');
  await page.waitForURL('**q=params*');
  assert.deepEqual(await rowsOf(page), ['mails.117']);
  await page.getByRole('link', { name: 'mails.117', exact: true }).click();
  await page.getByText('"mail-117"').first().waitFor();
  await page.getByText(/line 117 of .*@3-120\.ndjson/).waitFor();
  resume(spool);
  await page.locator('.chip-completed').first().waitFor();
  await waitFor(() => countByState(spool).completed === 119, 'the others to run');
  assert.equal(jobStatus(spool, 'mails.2')?.state, 'cancelled');
});

test('all jobs of a batch are cancelled at once by a filter, and retried one by one', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  dropFile(spool, 'p5-20991231T000000Z-later.ndjson', batch(150));
  await waitFor(() => countByState(spool).scheduled === 150, 'the batch to be accepted');
  const page = await openPage(t, `${base}/dashboard/jobs?state=scheduled&q=id%3Alater.*`);
  await page.getByRole('button', { name: 'Cancel all 150 that match…' }).click();
  await page.getByRole('dialog', { name: 'Cancel 150 jobs?' }).getByRole('button', { name: 'Cancel 150 jobs' }).click();
  await page.getByRole('status').filter({ hasText: 'Cancelled 150' }).waitFor();
  assert.equal(countByState(spool).scheduled, 0);
  await page.goto(`${base}/dashboard/jobs/later.150`);
  await page.getByRole('button', { name: 'Retry job later.150' }).click();
  await waitFor(() => jobStatus(spool, 'later.150')?.state === 'scheduled', 'the job to wait for its time again');
});
