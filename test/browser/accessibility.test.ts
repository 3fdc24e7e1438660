/** Every screen and every dialog by axe-core, in both themes, on a desk and on a phone; and nothing moves for those who do not want it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import test from 'node:test';
import type { Page } from 'playwright-core';
import { requestCancel } from '../../spool/marker.ts';
import { jobStatus } from '../../spool/query.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { failedAttempt, plant } from '../support/plant.ts';
import { seedSpool } from '../support/seed.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const service = sharedService({
  classes: { Trouble: TROUBLE_CLASS('until', 'print'), Talk: { command: ['sh', './talk.sh'], methods: { handle: {} } } },
  files: {
    'talk.sh': `cd "$(dirname "$0")"
echo 40 > "$JOBSPOOL_PROGRESS"
printf '\\033[31mred \\033[1;32mgreen \\033[2myellow\\033[0m \\033[7mturned\\033[0m \\033[36;4mcyan\\033[0m \\033[34mblue \\033[35mmagenta \\033[90mgrey\\n'
while [ -e talk.sh ] && [ ! -e go-on ]; do sleep 0.1; done
`,
  },
  before: (spool) => {
    seedSpool(spool, { completed: 12, failed: 8, scheduled: 3, cancelled: 3, rejected: 2 });
    const request = { class: 'Trouble', method: 'print', params: [{ to: 'x' }], runAt: Date.parse('2099-11-22') };
    plant(spool, 'retrying', { ...request, id: 'again', attempts: [failedAttempt()] });
    for (let n = 0; n < 3; n++) plant(spool, 'pending', { ...request, id: `later-${n}` });
  },
});

/** A screen: where it is, and what is done there before one looks. */
type Screen = { path: string; act?: (page: Page) => Promise<unknown>; status?: number };

const dialogOf = (page: Page) => page.getByRole('dialog').waitFor();

const SCREENS: Screen[] = [
  { path: '/dashboard' },
  ...[
    '',
    '?state=running',
    '?state=scheduled',
    '?state=retrying',
    '?state=failed',
    '?state=completed',
    '?state=cancelled',
    '?state=rejected',
  ].map((query) => ({ path: `/dashboard/jobs${query}` })),
  { path: '/dashboard/jobs?state=pending' },
  { path: '/dashboard/jobs?q=colour:red', status: 422 },
  { path: '/dashboard/jobs?q=nothing-like-this' },
  { path: '/dashboard/jobs?state=failed', act: selectTwo },
  {
    path: '/dashboard/jobs?state=failed',
    act: (page) =>
      page
        .getByRole('link', { name: /^Delete job/ })
        .first()
        .click()
        .then(() => dialogOf(page)),
  },
  {
    path: '/dashboard/jobs?state=failed',
    act: (page) =>
      page
        .getByRole('button', { name: /^Retry all/ })
        .click()
        .then(() => dialogOf(page)),
  },
  { path: '/dashboard', act: (page) => page.keyboard.press('?').then(() => dialogOf(page)) },
  { path: '/dashboard/jobs/talks' },
  { path: '/dashboard/jobs/stays' },
  { path: '/dashboard/jobs/failed-3' },
  { path: '/dashboard/jobs/failed-3/delete' },
  { path: '/dashboard/jobs/again' },
  { path: '/dashboard/jobs/rejected-0' },
  { path: '/dashboard/jobs/nobody', status: 404 },
  { path: '/dashboard/jobs/talks/log' },
  { path: '/dashboard/jobs/talks/log?q=red' },
  { path: '/dashboard/failures?window=24h' },
  { path: '/job-logs' },
  { path: '/job-logs?log=errors' },
  {
    path: '/job-logs',
    act: (page) =>
      page
        .getByRole('link', { name: 'Clear…' })
        .click()
        .then(() => dialogOf(page)),
  },
  { path: '/dashboard/runners' },
  { path: '/dashboard/settings' },
  { path: '/dashboard/enqueue' },
  { path: '/dashboard/enqueue?from=failed-3' },
  { path: '/dashboard/enqueue', act: sendEmpty, status: 422 },
  { path: '/dashboard/operations/gone', status: 404 },
  { path: '/dashboard/api' },
];

for (const device of [
  { name: 'a desk', viewport: { width: 1280, height: 800 } },
  { name: 'a phone', viewport: { width: 390, height: 800 }, hasTouch: true },
]) {
  test(`no screen has a fault that axe-core finds, in either theme, on ${device.name}`, async (t) => {
    if (skipsWithoutChromium(t)) return;
    const { base } = await prepared();
    const { name: _name, ...options } = device;
    const page = await openPage(t, `${base}/dashboard`, { ...options, reducedMotion: 'reduce', expected: /status of 4\d\d/ });
    // Without motion, since a colour that is on its way is none of either theme.
    const faults: string[] = [];
    for (const { path, act } of SCREENS) {
      await page.goto(`${base}${path}`);
      await act?.(page);
      await page.evaluate(`for (const details of document.querySelectorAll('details')) details.open = true; ${AXE}`);
      for (const [theme, rules] of Object.entries(RULES)) {
        await page.emulateMedia({ colorScheme: theme as 'light' | 'dark' });
        faults.push(...(await faultsOf(page, rules)).map((fault) => `${path} (${theme}): ${fault}`));
      }
    }
    assert.deepEqual(faults, []);
  });
}

test('nothing moves where less motion is asked for', async (t) => {
  if (skipsWithoutChromium(t)) return;
  const { base } = await prepared();
  const page = await openPage(t, `${base}/dashboard`, { reducedMotion: 'reduce' });
  for (const path of ['/dashboard', '/dashboard/jobs?state=running', '/dashboard/jobs/talks', '/dashboard/enqueue']) {
    await page.goto(`${base}${path}`);
    await page.keyboard.press('?');
    const moving = (await page.evaluate(`[...document.querySelectorAll('*')].filter((one) => {
      const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(one);
      return animationName !== 'none' || scrollBehavior === 'smooth' || transitionDuration.split(', ').some((duration) => parseFloat(duration) > 0);
    }).map((one) => one.outerHTML.slice(0, 80))`)) as string[];
    assert.deepEqual(moving, [], path);
    assert.equal(await page.evaluate('document.getAnimations().length'), 0, path);
  }
});

/** The service with a job that runs and talks, and one that is being cancelled and does not listen. */
async function prepared() {
  const shared = await service();
  const { spool, folder } = shared;
  if (jobStatus(spool, 'talks')) return shared;
  dropFile(spool, 'p5-now-talks.json', { class: 'Talk' });
  dropFile(spool, 'p5-now-stays.json', { class: 'Trouble', method: 'until', params: [`${folder}/go-on`] });
  await waitFor(() => ['talks', 'stays'].every((id) => jobStatus(spool, id)?.state === 'running'), 'the jobs to run');
  requestCancel(spool, 'stays');
  return shared;
}

async function selectTwo(page: Page): Promise<void> {
  for (const at of [0, 2])
    await page
      .getByRole('checkbox', { name: /^Select job/ })
      .nth(at)
      .check();
}

async function sendEmpty(page: Page): Promise<void> {
  await page.locator('#priority').evaluate((one) => one.closest('form').setAttribute('novalidate', ''));
  await page.locator('#params').fill('[');
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await page.getByRole('alert').waitFor();
}

// All that WCAG 2.2 AA has, and what is wise beside; of the other theme, what depends on colours.
const RULES = {
  light: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  dark: ['color-contrast', 'link-in-text-block'],
};

type Fault = { id: string; help: string; nodes: { html: string; failureSummary: string }[] };

/** The faults of what is on the page, a sentence for each rule. */
async function faultsOf(page: Page, rules: string[]): Promise<string[]> {
  const found = (await page.evaluate(
    `axe.run({ resultTypes: ['violations'], runOnly: ${JSON.stringify(rules)} }).then(({ violations }) => violations)`,
  )) as Fault[];
  return found.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}: ${nodes
        .map(({ html, failureSummary }) => `${html} ${failureSummary}`.slice(0, 300))
        .slice(0, 2)
        .join(' | ')}`,
  );
}
