/** Whatever a person does to one job, to the runners and to the logs, in a browser, on a service that runs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import type { Page } from 'playwright-core';
import { jobStatus } from '../../spool/query.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const service = sharedService({
  classes: {
    Trouble: TROUBLE_CLASS('noop', 'echo', 'fail', 'failTimes', 'politeSleep', 'block', 'sleep', 'until'),
    Steps: { command: ['sh', './steps.sh'], methods: { handle: { params: { type: 'array', items: { type: 'string' }, minItems: 1 } } } },
  },
  // Half of the way it waits to be told to go on.
  files: {
    'steps.sh': `cd "$(dirname "$0")"
echo 50 > "$JOBSPOOL_PROGRESS"
echo half of the way
while [ -e steps.sh ] && [ ! -e go-on ]; do sleep 0.05; done
echo '{"pages":12}' > "$JOBSPOOL_RESULT"
`,
  },
});

test('a job is enqueued by the form, and its page shows it run, how far it is, and how it ended', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, folder } = await service();
  const page = await openPage(t, `${base}/dashboard/enqueue`);
  await page.getByLabel('Handler').selectOption('Steps.handle');
  await page.getByRole('heading', { name: 'JSON Schema of its parameters' }).waitFor();
  await page.getByLabel('Parameters, as JSON').fill('["2026-11"]');
  await page.getByLabel('Priority', { exact: true }).fill('8');
  await page.getByLabel('Id', { exact: true }).fill('report-1');
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await page.waitForURL('**/dashboard/jobs/report-1');
  await notice(page, 'report-1 is enqueued');
  await page.evaluate('window.sameDocument = true');
  await chip(page, 'running').waitFor();
  await page.getByRole('progressbar', { name: 'Progress of job report-1' }).first().waitFor();
  assert.equal(await page.getByRole('progressbar').first().getAttribute('value'), '50');
  fs.writeFileSync(path.join(folder, 'go-on'), '');
  await chip(page, 'completed').waitFor();
  await page.getByRole('region', { name: 'Result' }).getByText('"pages": 12').waitFor();
  assert.equal(await page.evaluate('window.sameDocument'), true, 'the page was loaded again');
  assert.equal(jobStatus(spool, 'report-1')?.priority, 8);
});

test('a form with mistakes says what is wrong with which field, and keeps what was typed', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  const page = await openPage(t, `${base}/dashboard/enqueue`, { expected: /status of 422/ });
  const typed = { params: '["2026-11",', delay: 'tomorrow', id: '../x', retries: '2' };
  await page.getByLabel('Handler').selectOption('Steps.handle');
  for (const [name, value] of Object.entries(typed)) await page.locator(`#${name}`).fill(value);
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await page.locator('#params[aria-invalid=true]').waitFor();
  await page.locator('#params').fill('[]');
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  for (const name of ['delay', 'id']) {
    await page.locator(`#${name}[aria-invalid=true]`).waitFor();
    assert.ok((await page.locator(`#${name}-wrong`).textContent())?.startsWith(`${name}: `), name);
  }
  assert.equal(await page.getByLabel('Handler').inputValue(), 'Steps.handle');
  for (const [name, value] of Object.entries({ ...typed, params: '[]' }))
    assert.equal(await page.locator(`#${name}`).inputValue(), value, name);
  await page.locator('#delay').fill('');
  await page.locator('#id').fill('once-wrong');
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await page.locator('#params-wrong').waitFor();
  assert.equal(jobStatus(spool, 'once-wrong'), undefined);
  await page.locator('#params').fill('["2026-12"]');
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await page.waitForURL('**/dashboard/jobs/once-wrong');
});

test('a running job that listens to its signal is cancelled from its page', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, folder } = await service();
  const note = path.join(folder, 'told');
  dropFile(spool, 'p5-now-polite.json', { class: 'Trouble', method: 'politeSleep', params: [60_000, note] });
  await waitFor(() => fs.existsSync(note), 'its handler to run');
  const page = await openPage(t, `${base}/dashboard/jobs/polite`);
  await page.getByRole('button', { name: 'Cancel job polite' }).click();
  await notice(page, 'polite: cancellation asked for; its runner in');
  await chip(page, 'cancelled').waitFor();
  assert.equal(fs.readFileSync(note, 'utf8'), 'the job was cancelled', 'its handler was not told');
  await page.getByRole('button', { name: 'Retry job polite' }).waitFor();
});

test('a running job that blocks is asked, then killed, and its page shows both as they happen', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  dropFile(spool, 'p5-now-deaf.json', { class: 'Trouble', method: 'block', params: [60_000] });
  await waitFor(() => jobStatus(spool, 'deaf')?.state === 'running', 'the job to run');
  const page = await openPage(t, `${base}/dashboard/jobs?state=running`);
  await page.getByRole('button', { name: 'Cancel job deaf' }).click();
  await notice(page, 'then sends TERM, then KILL');
  await page.locator('[id="job-deaf"] .chip-cancelling').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Cancel job deaf' }).count(), 0, 'it was asked for already');
  await page.getByRole('link', { name: 'deaf', exact: true }).click();
  await page.getByText('Cancellation was asked for').waitFor();
  await chip(page, 'cancelled').waitFor();
  await page.getByRole('region', { name: 'Attempts' }).locator('.chip-cancelled').waitFor();
  await page.getByRole('region', { name: 'Timeline' }).locator('.chip-cancelled').first().waitFor();
});

test('a failed job is retried from its page with its history kept', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, folder } = await service();
  const params = [1, path.join(folder, 'calls')];
  dropFile(spool, 'p5-now-second-try.json', { class: 'Trouble', method: 'failTimes', params, retries: 0 });
  await waitFor(() => jobStatus(spool, 'second-try')?.state === 'failed', 'the job to fail');
  const page = await openPage(t, `${base}/dashboard/jobs/second-try`);
  await page.getByText('RangeError: call 1 of 1 that fail').first().waitFor();
  await page.getByRole('button', { name: 'Retry job second-try' }).click();
  await notice(page, 'second-try runs again, with all its retries; it was failed');
  await chip(page, 'completed').waitFor();
  assert.deepEqual(await page.locator('.attempts .chip').allInnerTexts(), ['✓ completed', '✕ failed']);
});

test('a scheduled job gets another priority, and is run now instead of at its time', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  dropFile(spool, 'p5-20991122T101500Z-later.json', { class: 'Trouble', method: 'noop' });
  await waitFor(() => jobStatus(spool, 'later')?.state === 'scheduled', 'the job to be accepted');
  const page = await openPage(t, `${base}/dashboard/jobs/later`);
  await page.getByLabel('Priority, 1 to 10').fill('9');
  await page.getByRole('button', { name: 'Change' }).click();
  await notice(page, 'later has the priority 9 now');
  assert.match(spool.disk.names(spool.pending).join(), /p9-20991122T\S*-later\.json/);
  assert.equal(await page.getByLabel('Priority, 1 to 10').inputValue(), '9');
  await page.getByRole('button', { name: 'Run now job later' }).click();
  await notice(page, 'later is due now; it was scheduled');
  await chip(page, 'completed').waitFor();
});

test('a job is deleted after a question, and the way leads back to the list', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  dropFile(spool, 'p5-now-unwanted.json', { class: 'Trouble', method: 'fail', params: ['no'], retries: 0 });
  await waitFor(() => jobStatus(spool, 'unwanted')?.state === 'failed', 'the job to fail');
  const page = await openPage(t, `${base}/dashboard/jobs/unwanted`);
  const ask = page.getByRole('link', { name: 'Delete job unwanted' });
  const dialog = page.getByRole('dialog', { name: 'Delete this job?' });
  await ask.click();
  await dialog.getByRole('link', { name: 'Leave it alone' }).click();
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(jobStatus(spool, 'unwanted')?.state, 'failed');
  await page.goto(`${base}/dashboard/jobs/unwanted`);
  await ask.click();
  await dialog.getByRole('button', { name: 'Delete' }).click();
  await notice(page, 'unwanted is deleted, with its log; it was failed');
  assert.equal(new URL(page.url()).search, '?state=failed');
  assert.equal(jobStatus(spool, 'unwanted'), undefined);
  assert.equal(fs.existsSync(spool.jobLog('unwanted')), false);
});

test('a duplicate with edits keeps the secrets of its original, which no page shows', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  const params = [{ to: 'a@shop.example', apiKey: 'k-9f8e7d' }];
  dropFile(spool, 'p5-now-original.json', { class: 'Trouble', method: 'echo', params });
  await waitFor(() => jobStatus(spool, 'original')?.state === 'completed', 'the job to complete');
  const page = await openPage(t, `${base}/dashboard/jobs/original`);
  assert.doesNotMatch(await page.content(), /k-9f8e7d/);
  await page.getByRole('link', { name: 'Duplicate…' }).click();
  await page.getByRole('heading', { name: 'Duplicate a job' }).waitFor();
  const field = page.getByLabel('Parameters, as JSON');
  const before = await field.inputValue();
  assert.match(before, /"apiKey": "••••••"/);
  assert.doesNotMatch(await page.content(), /k-9f8e7d/);
  await field.fill(before.replace('a@shop.example', 'b@shop.example'));
  await page.getByLabel('Id', { exact: true }).fill('copy');
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await page.waitForURL('**/dashboard/jobs/copy');
  await chip(page, 'completed').waitFor();
  assert.deepEqual(jobStatus(spool, 'copy')?.params, [{ to: 'b@shop.example', apiKey: 'k-9f8e7d' }]);
  assert.deepEqual(jobStatus(spool, 'original')?.params, params);
});

test('while it is paused nothing new is run, every page that is open says so, and it goes on when it is resumed', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  const page = await openPage(t, `${base}/dashboard/runners`);
  const overview = await page.context().newPage();
  await overview.goto(`${base}/dashboard`);
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await notice(page, 'Paused: nothing new is run until it is resumed.');
  await overview
    .locator('.attention')
    .getByText(/paused/i)
    .waitFor();
  await waitFor(async () => (await (await service()).service.output()).includes('paused'), 'the dispatcher to see it');
  dropFile(spool, 'p5-now-held.json', { class: 'Trouble', method: 'noop' });
  await waitFor(() => jobStatus(spool, 'held')?.state === 'pending', 'the job to be accepted');
  await page.getByRole('button', { name: 'Resume' }).click();
  await notice(page, 'Resumed: jobs are run again.');
  await waitFor(() => jobStatus(spool, 'held')?.state === 'completed', 'the job to run');
});

test('a runner that is drained finishes what it runs and goes, and another one takes its place', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, folder } = await service();
  const goOn = path.join(folder, 'drained');
  dropFile(spool, 'p5-now-last.json', { class: 'Trouble', method: 'until', params: [goOn] });
  const slot = await waitFor(() => jobStatus(spool, 'last')?.runner, 'the job to run');
  const page = await openPage(t, `${base}/dashboard/runners`);
  const row = page.locator(`[id="runner-${slot}"]`);
  const pid = await row.locator('[data-label=Pid]').innerText();
  await page.getByRole('button', { name: `Drain runner ${slot}` }).click();
  await notice(page, `${slot} is draining`);
  await row.getByText('draining').waitFor();
  assert.equal(jobStatus(spool, 'last')?.state, 'running');
  fs.writeFileSync(goOn, '');
  await waitFor(() => jobStatus(spool, 'last')?.state === 'completed', 'the job to complete');
  const pids = page.locator('tr[id^=runner-] [data-label=Pid]');
  await waitFor(async () => {
    const now = await pids.allInnerTexts();
    return now.length === 2 && !now.includes(pid);
  }, 'another runner in its place');
});

test('the events log is cleared after a question, and says who did it', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base } = await service();
  const page = await openPage(t, `${base}/job-logs`);
  const dialog = page.getByRole('dialog', { name: 'Clear the events log?' });
  await page.getByText('enqueued in the dashboard').first().waitFor();
  await page.getByRole('link', { name: 'Clear…' }).click();
  await dialog.getByRole('link', { name: 'Keep it' }).click();
  await dialog.waitFor({ state: 'hidden' });
  await page.getByText('enqueued in the dashboard').first().waitFor();
  await page.getByRole('link', { name: 'Clear…' }).click();
  await dialog.getByRole('button', { name: 'Clear the events log' }).click();
  await notice(page, 'The events log was cleared in the dashboard');
  await page.locator('tbody tr', { hasText: 'the events log was cleared in the dashboard' }).waitFor();
  assert.equal(await page.getByText('enqueued in the dashboard').count(), 0);
});

const notice = (page: Page, text: string): Promise<void> => page.getByRole('status').filter({ hasText: text }).waitFor();

/** The state of the job whose page this is. */
const chip = (page: Page, state: string) => page.locator(`#live > .bar > .chip-${state}`);
