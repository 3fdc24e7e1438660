/** Whatever a producer or a job has a say in is shown as text on every screen: no element, no script, no page that is torn apart. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import type { Page } from 'playwright-core';
import type { Attempt } from '../../spool/attempt.ts';
import { dayOf } from '../../spool/layout.ts';
import { jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { assertInert, CONTROLS, HOSTILE, HOSTILE_NAME, HOSTILE_PRINT, LONG, mischief } from '../support/hostile.ts';
import { plant } from '../support/plant.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const NAMES = [
  `p5-now-"'><x-injected data-injected="1"><img src=x onerror=hacked()>.json`,
  "p5-now-' onclick='hacked()' data-injected='1.json",
  'p5-now-\u001b[31mred\u202egnp.exe\nthe second line.json',
  'p5-now-..%2f..%2fetc&amp;?q=#x.json',
  `p5-now-${'w'.repeat(230)}.json`,
];
const LONGEST_ID = 'A'.repeat(100);

const service = sharedService({
  classes: { Trouble: TROUBLE_CLASS('fail', 'echo', 'until'), [HOSTILE_NAME]: TROUBLE_CLASS('noop', HOSTILE_NAME) },
  before: (spool) => {
    const request = { class: HOSTILE_NAME, method: HOSTILE_NAME, params: [HOSTILE, CONTROLS, { [HOSTILE]: HOSTILE, long: LONG }] };
    plant(spool, 'failed', { ...request, id: 'bad', attempts: [attempt(1), attempt(2)] });
    plant(spool, 'failed', { ...request, id: LONGEST_ID, params: { long: LONG }, attempts: [attempt(1, LONG)] });
    plant(spool, 'cancelled', { ...request, id: 'called-off', attempts: [attempt(1)] });
    plant(spool, 'pending', { ...request, id: 'later', runAt: Date.parse('2099-11-22') });
    plant(spool, 'retrying', { ...request, id: 'again', runAt: Date.parse('2099-11-22'), attempts: [attempt(1)] });
    plantCompleted(spool, { ...request, id: 'done', result: { [HOSTILE]: [HOSTILE, CONTROLS, LONG] } });
    fs.mkdirSync(path.dirname(spool.jobLog('bad')), { recursive: true });
    fs.writeFileSync(spool.jobLog('bad'), HOSTILE_PRINT);
    const fields = { id: HOSTILE, class: HOSTILE, method: CONTROLS, event: HOSTILE, attempt: HOSTILE, extra: { [HOSTILE]: LONG } };
    const line = {
      time: HOSTILE,
      level: HOSTILE,
      ...fields,
      err: { name: HOSTILE, message: LONG, stack: `${HOSTILE}\n${CONTROLS}` },
      msg: HOSTILE,
    };
    for (const name of ['background_jobs.log', 'background_jobs_errors.log'])
      fs.writeFileSync(path.join(spool.logs, name), `${HOSTILE}\n${CONTROLS}\n${LONG}\n${JSON.stringify(line)}\n`);
  },
});

test('hostile text of jobs, files and logs is shown and does nothing, on every screen, on a desk and on a phone', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, folder } = await service();
  for (const name of NAMES) dropFile(spool, name, { class: HOSTILE_NAME, params: [HOSTILE] });
  dropFile(spool, 'p5-now-body.json', `${HOSTILE}${CONTROLS}`);
  dropFile(spool, 'p5-now-fails.json', { class: 'Trouble', method: 'fail', params: [`${CONTROLS}${HOSTILE}`], retries: 0 });
  dropFile(spool, 'p5-now-runs.json', { class: 'Trouble', method: 'until', params: [path.join(folder, 'go-on'), HOSTILE, LONG] });
  await waitFor(() => jobStatus(spool, 'runs')?.state === 'running', 'the job to run');
  await waitFor(() => jobStatus(spool, 'fails')?.state === 'failed', 'the job to fail');
  await waitFor(() => spool.disk.names(spool.rejected).length === 2 * (NAMES.length + 1), 'the files to be rejected');
  const page = await openPage(t, `${base}/dashboard`, { expected: /status of 4\d\d/ });
  const problems: string[] = [];
  for (const screen of [...SCREENS, ...(await rejectedPages(page, base))]) {
    await page.goto(`${base}${screen}`);
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 800 });
      problems.push(...(await mischief(page)));
    }
  }
  assert.deepEqual(problems, []);
  fs.writeFileSync(path.join(folder, 'go-on'), '');
});

test('what is said about hostile jobs after an action, and asked before one, is text as well', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base } = await service();
  const page = await openPage(t, `${base}/dashboard/jobs?state=rejected`, { expected: /status of 4\d\d/ });
  const row = page.getByRole('row').filter({ hasText: '<img src=x' });
  await row.getByRole('checkbox').check();
  await page.getByRole('button', { name: 'Retry selected…' }).click();
  await page.getByRole('dialog', { name: 'Retry 1 job?' }).getByText('<img src=x').waitFor();
  await assertInert(page);
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await row.getByRole('link', { name: /^Delete job/ }).click();
  await page.getByRole('dialog', { name: 'Delete this job?' }).getByText('<img src=x').waitFor();
  await assertInert(page);
  await page.keyboard.press('Escape');
  await row.getByRole('button', { name: /^Retry job/ }).click();
  await page.getByRole('status').filter({ hasText: '<img src=x' }).waitFor();
  await assertInert(page);
  await page.goto(`${base}/dashboard/enqueue?from=bad`);
  assert.match(await page.getByLabel('Parameters, as JSON').inputValue(), /<x-injected/);
  await page.getByLabel('Id', { exact: true }).fill(HOSTILE.slice(0, 90));
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await assertInert(page);
});

const q = encodeURIComponent(HOSTILE);

const SCREENS = [
  '/dashboard',
  '/dashboard/jobs',
  ...['running', 'scheduled', 'retrying', 'failed', 'completed', 'cancelled', 'rejected'].map((state) => `/dashboard/jobs?state=${state}`),
  ...['bad', LONGEST_ID, 'called-off', 'later', 'again', 'done', 'runs', 'fails'].map((id) => `/dashboard/jobs/${id}`),
  '/dashboard/jobs/bad/log',
  '/dashboard/jobs/bad/log?q=x-injected',
  `/dashboard/jobs/bad/log?q=${encodeURIComponent(HOSTILE.slice(0, 100))}`,
  '/dashboard/jobs/bad/delete',
  '/dashboard/enqueue',
  '/dashboard/enqueue?from=bad',
  `/dashboard/enqueue?from=${q}`,
  `/dashboard/enqueue?handler=${q}`,
  '/dashboard/failures?window=7d',
  '/job-logs',
  '/job-logs?log=errors',
  `/job-logs?q=${encodeURIComponent(HOSTILE.slice(0, 100))}&class=x-injected&id=${encodeURIComponent(HOSTILE.slice(0, 200))}`,
  `/job-logs?level=${q}`,
  '/dashboard/runners',
  '/dashboard/settings',
  '/dashboard/api',
  `/dashboard/jobs?q=${q}`,
  `/dashboard/jobs?q=${encodeURIComponent(`colour:${HOSTILE}`)}`,
  `/dashboard/jobs?q=${'x'.repeat(3_900)}`,
  `/dashboard/jobs?state=${q}`,
  `/dashboard/jobs?after=${q}`,
  `/dashboard/jobs/${q}`,
  `/dashboard/operations/${q}`,
  `/${q}`,
];

/** The pages of the rejected files, and the questions before they are deleted, by the links that lead there. */
async function rejectedPages(page: Page, base: string): Promise<string[]> {
  await page.goto(`${base}/dashboard/jobs?state=rejected`);
  const links: string[] = await page.locator('#live tbody a').evaluateAll((all) => all.map((one: { href: string }) => one.href));
  assert.equal(links.length, 2 * (NAMES.length + 1));
  return links.map((link) => link.slice(base.length));
}

function attempt(number: number, message = `${HOSTILE}\n${CONTROLS}`): Attempt {
  const at = new Date(Date.now() - 60_000).toISOString();
  const error = { name: HOSTILE, message, stack: `${message}\n${LONG}` };
  return { number, outcome: 'failed', startedAt: at, finishedAt: at, runner: HOSTILE, error };
}

function plantCompleted(spool: Spool, job: { id: string; class: string; method: string; params: unknown[]; result: unknown }): void {
  const at = new Date(Date.now() - 60_000).toISOString();
  const times = { runAt: at, acceptedAt: at, startedAt: at, finishedAt: at, durationMs: 5 };
  const last = { number: 2, outcome: 'completed', startedAt: at, finishedAt: at, runner: HOSTILE };
  const line = { ...job, ...times, priority: 5, attempts: [attempt(1), last] };
  fs.mkdirSync(spool.ledgerDay(dayOf(Date.now())), { recursive: true });
  fs.writeFileSync(spool.ledger(dayOf(Date.now()), 'gone-1'), `${JSON.stringify(line)}\n`);
}
