/** People who are asked for a password: an operator may do everything, a viewer sees all and changes nothing. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { Page } from 'playwright-core';
import { jobStatus } from '../../spool/query.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { failedAttempt, plant } from '../support/plant.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { waitFor } from '../support/wait-for.ts';

const OPERATOR = { username: 'ops', password: 'correct horse: battery' };
const VIEWER = { username: 'viewer', password: 'look, but' };

const service = sharedService({
  classes: { Trouble: TROUBLE_CLASS('noop') },
  env: { JOBSPOOL_USER: OPERATOR.username, JOBSPOOL_PASSWORD: OPERATOR.password, JOBSPOOL_VIEWER_PASSWORD: VIEWER.password },
  before: (spool) => {
    const job = { class: 'Trouble', method: 'noop', params: [] };
    for (const id of ['one', 'two']) plant(spool, 'failed', { ...job, id, attempts: [failedAttempt()] });
    plant(spool, 'pending', { ...job, id: 'later', runAt: Date.parse('2099-11-22') });
  },
});

test('nothing is shown without a password, or with a wrong one', async () => {
  const { base } = await service();
  for (const wrong of ['', 'ops:wrong', `ops:${VIEWER.password}`, `viewer:${OPERATOR.password}`, 'ops:']) {
    const answer = await fetch(`${base}/dashboard`, wrong === '' ? {} : { headers: { Authorization: `Basic ${btoa(wrong)}` } });
    assert.equal(answer.status, 401, wrong);
    assert.match(answer.headers.get('WWW-Authenticate') ?? '', /^Basic realm=/);
    assert.doesNotMatch(await answer.text(), /Trouble|All is well/);
  }
});

test('an operator signs in, acts, and is named by the page and by the log', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool } = await service();
  const page = await signedIn(t, '/dashboard/jobs/one', { httpCredentials: OPERATOR });
  await page.locator('footer').getByText('ops', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Retry job one' }).click();
  await page.getByRole('status').filter({ hasText: 'one runs again' }).waitFor();
  await page.locator('#live > .bar > .chip-completed').waitFor();
  await page.goto(new URL('/job-logs?id=one', page.url()).href);
  const line = page.locator('tbody tr', { hasText: 'retried by hand' });
  await line.locator('summary').click();
  await line.getByText('"who": "ops"').waitFor();
  assert.equal(jobStatus(spool, 'one')?.state, 'completed');
});

test('a viewer sees every page with its live updates; each button is switched off and says why, and no post gets through', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { spool, base } = await service();
  const page = await signedIn(t, '/dashboard', { httpCredentials: VIEWER, expected: /status of 403/ });
  await page.locator('footer').getByText('viewer', { exact: true }).waitFor();
  const why = 'you are signed in as a viewer, who may look and change nothing';
  for (const [address, buttons] of Object.entries(BUTTONS)) {
    await page.goto(`${base}${address}`);
    assert.equal(await page.locator('form[method=post] button:not(:disabled), a.confirm, form#selected, form#every').count(), 0, address);
    for (const name of buttons) {
      const button = page.getByRole('button', { name, exact: true }).first();
      assert.ok(await button.isDisabled(), `${name} on ${address}`);
      assert.equal(await button.getAttribute('title'), why, `${name} on ${address}`);
    }
  }
  for (const path of POSTS) {
    const status = await page.evaluate(
      `fetch(${JSON.stringify(path)}, { method: 'POST', body: new URLSearchParams({ log: 'events', action: 'delete', id: 'two', priority: '3' }) }).then((answer) => answer.status)`,
    );
    assert.equal(status, 403, path);
  }
  assert.equal(jobStatus(spool, 'two')?.state, 'failed');
  await page.goto(`${base}/dashboard/jobs?state=rejected`);
  plant(spool, 'cancelled', { id: 'called-off', class: 'Trouble', method: 'noop', params: [] });
  await waitFor(async () => (await page.getByRole('link', { name: /^cancelled/ }).innerText()).includes('1'), 'the count to follow');
});

const BUTTONS: Record<string, string[]> = {
  '/dashboard/jobs?state=failed': ['Retry job two', 'Delete job two'],
  '/dashboard/jobs?state=scheduled': ['Run now job later', 'Cancel job later'],
  '/dashboard/jobs/two': ['Retry job two', 'Delete job two'],
  '/dashboard/jobs/later': ['Cancel job later', 'Change'],
  '/dashboard/failures': [
    /* by its count */
  ],
  '/dashboard/enqueue': ['Enqueue'],
  '/dashboard/runners': ['Pause'],
  '/job-logs': ['Clear…'],
};

const POSTS = [
  ...['cancel', 'retry', 'run-now', 'delete', 'priority'].map((action) => `/dashboard/jobs/two/${action}`),
  '/dashboard/jobs/bulk',
  '/dashboard/enqueue',
  '/dashboard/pause',
  '/dashboard/resume',
  '/job-logs/clear',
];

async function signedIn(t: TestContext, path: string, options: Parameters<typeof openPage>[2]): Promise<Page> {
  const { base } = await service();
  return openPage(t, `${base}${path}`, options);
}
