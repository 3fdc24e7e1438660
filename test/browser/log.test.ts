/** What a job prints: followed while it runs, read in parts however much it is, searched, downloaded, and never obeyed. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import type { Page } from 'playwright-core';
import { jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { assertInert, HOSTILE_PRINT } from '../support/hostile.ts';
import { sharedService } from '../support/shared-service.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const LINES = 30_000;

const service = sharedService({
  classes: { Talk: { command: ['sh', './talk.sh'], methods: { follow: {}, much: {}, hostile: {} } } },
  files: {
    'talk.sh': `cd "$(dirname "$0")"
case $JOBSPOOL_METHOD in
  follow) n=0; while [ -e talk.sh ] && [ ! -e "stop-$JOBSPOOL_ID" ]; do n=$((n + 1)); echo "line $n"; sleep 0.02; done; echo the end ;;
  much) seq -f 'line %06.0f of many' 1 ${LINES} ;;
  hostile) cat hostile.txt ;;
esac
`,
    'hostile.txt': HOSTILE_PRINT,
  },
});

test('the log of a running job is followed at its end, and left alone by whoever reads further up', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, folder } = await service();
  drop(spool, 'talker', 'follow');
  await waitFor(() => jobStatus(spool, 'talker')?.state === 'running', 'the job to run');
  const page = await openPage(t, `${base}/dashboard/jobs/talker`);
  const log = page.locator('#log');
  const follow = page.getByRole('button', { name: 'Follow' });
  const fromEnd = () => log.evaluate((one) => one.scrollHeight - one.scrollTop - one.clientHeight);
  const lines = async () => ((await log.textContent()) ?? '').split('\n').length;
  await waitFor(async () => (await lines()) > 60, 'more lines than fit');
  assert.ok((await fromEnd()) < 60, 'it does not follow');
  await log.evaluate((one) => one.scrollTo(0, 0));
  await page.locator('#follow[aria-pressed=false]').waitFor();
  const before = await lines();
  await waitFor(async () => (await lines()) > before + 5, 'more lines');
  assert.equal(await log.evaluate((one) => one.scrollTop), 0);
  await follow.click();
  await waitFor(async () => (await fromEnd()) < 60, 'the end of the log');
  fs.writeFileSync(path.join(folder, 'stop-talker'), '');
  await page.locator('#live > .bar > .chip-completed').waitFor();
  await waitFor(async () => (await log.textContent())?.endsWith('the end\n'), 'the last line');
});

test('of a long log the end is shown first, and all of it can be walked through, without a line lost or doubled', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  await printed(spool, 'much', 'much');
  const page = await openPage(t, `${base}/dashboard/jobs/much`);
  await page.getByText(/^The end of \d/).waitFor();
  const last = await numbers(page);
  assert.deepEqual([last.at(0), last.at(-1), last.length], [LINES - 199, LINES, 200]);
  await page.getByRole('link', { name: 'All of it', exact: true }).click();
  await page.getByRole('heading', { name: 'Log of much' }).waitFor();
  const end = await numbers(page);
  assert.deepEqual([end.at(0), end.at(-1)], [LINES - 999, LINES]);
  await page.getByRole('link', { name: 'Older' }).click();
  await page.waitForURL('**?before=*');
  const older = await numbers(page);
  assert.equal(older.at(-1), LINES - 1_000);
  await page.getByRole('link', { name: 'Newer' }).click();
  await page.waitForURL('**?from=*');
  assert.equal((await numbers(page)).at(0), LINES - 999);
  await page.getByRole('link', { name: 'Beginning' }).click();
  await page.waitForURL('**?from=0');
  assert.equal((await numbers(page)).at(0), 1);
  await page.getByRole('link', { name: 'End', exact: true }).click();
  await page.waitForURL('**/much/log');
});

test('a log is searched, and what was found leads to its place', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  await printed(spool, 'much', 'much');
  const page = await openPage(t, `${base}/dashboard/jobs/much`);
  await page.getByLabel('Search the log').fill('LINE 012345');
  await page.getByLabel('Search the log').press('Enter');
  await page.getByText('1 line with “LINE 012345”: all of the log was searched.').waitFor();
  assert.equal(await page.locator('mark').innerText(), 'line 012345');
  await page.getByRole('link', { name: /^Byte / }).click();
  const shown = await numbers(page);
  assert.ok(shown.includes(12_345) && (shown[0] ?? 0) > 12_300, `it leads to line ${shown[0]}`);
  await page.goto(`${base}/dashboard/jobs/much/log?q=nowhere`);
  await page.getByText('No line has “nowhere”: all of the log was searched.').waitFor();
});

test('a log is downloaded as it is on the disk, or a part of it', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool } = await service();
  await printed(spool, 'hostile', 'hostile');
  const page = await openPage(t, `${base}/dashboard/jobs/hostile`);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download' }).click()]);
  assert.equal(download.suggestedFilename(), 'hostile.log.txt');
  assert.deepEqual(fs.readFileSync(await download.path()), fs.readFileSync(spool.jobLog('hostile')));
  const part = await fetch(`${base}/dashboard/jobs/hostile/log.txt`, { headers: { Range: 'bytes=4-9' } });
  assert.equal(part.status, 206);
  assert.equal(await part.text(), fs.readFileSync(spool.jobLog('hostile'), 'utf8').slice(4, 10));
});

test('colours are shown, and nothing else of what a job prints is obeyed: on its page, live, in parts and in a search', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base, spool, folder } = await service();
  await printed(spool, 'hostile', 'hostile');
  const page = await openPage(t, `${base}/dashboard/jobs/hostile`);
  assert.equal(await page.locator('#log .ansi-red').first().innerText(), 'red');
  for (const place of ['', '/log', '/log?from=0', '/log?q=x-injected']) {
    await page.goto(`${base}/dashboard/jobs/hostile${place}`);
    await page.getByText('<x-injected').first().waitFor();
    await assertInert(page);
    assert.doesNotMatch((await page.locator('main').textContent()) ?? '', NEVER, place);
  }
  drop(spool, 'live-hostile', 'follow');
  await waitFor(() => jobStatus(spool, 'live-hostile')?.state === 'running', 'the job to run');
  await page.goto(`${base}/dashboard/jobs/live-hostile`);
  await page.getByText('line 3').waitFor();
  fs.appendFileSync(spool.jobLog('live-hostile'), HOSTILE_PRINT);
  await page.getByText('<x-injected').first().waitFor();
  await assertInert(page);
  assert.doesNotMatch((await page.locator('main').textContent()) ?? '', NEVER, 'live');
  fs.writeFileSync(path.join(folder, 'stop-live-hostile'), '');
});

/** The escape that begins sequences for terminals, the bell, and what turns the direction of text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const NEVER = /[\u001b\u0007\u0008\u202a-\u202e\u2066-\u2069]/;

const drop = (spool: Spool, id: string, method: string): void => dropFile(spool, `p5-now-${id}.json`, { class: 'Talk', method });

async function printed(spool: Spool, id: string, method: string): Promise<void> {
  if (!jobStatus(spool, id)) drop(spool, id, method);
  await waitFor(() => jobStatus(spool, id)?.state === 'completed', `${id} to complete`);
}

/** The numbers of the lines that are shown. */
async function numbers(page: Page): Promise<number[]> {
  return [...((await page.locator('#log').textContent()) ?? '').matchAll(/^line (\d+) of many$/gm)].map(([, number]) => Number(number));
}
