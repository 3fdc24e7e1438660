/**
 * Takes the pictures of the README: a seeded spool, the real service with the shop's jobs running in it, Chromium. Usage: npm run screenshots -- [FOLDER] (default
 * `ui/images`). With another folder than that, every screen is taken, on a desk and on a phone, light and dark, to be looked at.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { isPaused } from '../../spool/marker.ts';
import { places } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { submit } from '../../spool/submit.ts';
import { seedSpool } from '../support/seed.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const README_IMAGES = path.join(ROOT, 'ui/images');
const target = path.resolve(process.argv[2] ?? README_IMAGES);

/** A screen: the name of its picture, and where it is. */
type Screen = { name: string; path: string };

const SCREENS: Screen[] = [
  { name: 'overview', path: '/dashboard' },
  { name: 'active', path: '/dashboard/jobs?state=running' },
  { name: 'pending', path: '/dashboard/jobs?state=pending' },
  { name: 'scheduled', path: '/dashboard/jobs?state=scheduled' },
  { name: 'retrying', path: '/dashboard/jobs?state=retrying' },
  { name: 'failed', path: '/dashboard/jobs?state=failed' },
  { name: 'completed', path: '/dashboard/jobs?state=completed' },
  { name: 'rejected', path: '/dashboard/jobs?state=rejected' },
  { name: 'no-match', path: '/dashboard/jobs?state=failed&q=nothing-like-this' },
  { name: 'bad-filter', path: '/dashboard/jobs?q=colour:red' },
  { name: 'job-failed', path: '/dashboard/jobs/failed-3' },
  { name: 'job-running', path: '/dashboard/jobs/report-2026-11' },
  { name: 'job-delete', path: '/dashboard/jobs/failed-3/delete' },
  { name: 'job-unknown', path: '/dashboard/jobs/no-such-job' },
  { name: 'job-log', path: '/dashboard/jobs/report-2026-11/log' },
  { name: 'failures', path: '/dashboard/failures?window=24h' },
  { name: 'logs', path: '/job-logs' },
  { name: 'runners', path: '/dashboard/runners' },
  { name: 'settings', path: '/dashboard/settings' },
  { name: 'enqueue', path: '/dashboard/enqueue' },
  { name: 'duplicate', path: '/dashboard/enqueue?from=failed-3' },
  { name: 'api', path: '/dashboard/api' },
];

const startedAt = Date.now();
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jobspool-shop-'));
try {
  const spool = openSpool(path.join(folder, 'shop'), { durability: 'none' });
  seedSpool(spool, { completed: 9_000, failed: 46, scheduled: 12, retrying: 7, cancelled: 5, rejected: 2 });
  fs.mkdirSync(target, { recursive: true });
  await withService(spool, async (base) => {
    await fillWithJobs(spool);
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
    try {
      if (target === README_IMAGES) await takeForReadme(browser, base);
      else await takeAll(browser, base);
    } finally {
      await browser.close();
    }
  });
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

async function takeForReadme(browser: Browser, base: string): Promise<void> {
  await take(browser, base, { name: 'overview', path: '/dashboard' }, 'light', { width: 1200, height: 860 }, false);
  await take(browser, base, { name: 'job', path: '/dashboard/jobs/failed-3' }, 'dark', { width: 1200, height: 860 }, false);
}

async function takeAll(browser: Browser, base: string): Promise<void> {
  for (const theme of ['light', 'dark'] as const) {
    for (const screen of SCREENS) {
      await take(browser, base, { ...screen, name: `${screen.name}-desk-${theme}` }, theme, { width: 1280, height: 800 }, true);
      await take(browser, base, { ...screen, name: `${screen.name}-phone-${theme}` }, theme, { width: 390, height: 800 }, true);
    }
  }
}

async function take(
  browser: Browser,
  base: string,
  screen: Screen,
  colorScheme: 'light' | 'dark',
  viewport: { width: number; height: number },
  fullPage: boolean,
): Promise<void> {
  const page = await browser.newPage({ viewport, colorScheme, timezoneId: 'Europe/Berlin' });
  await page.goto(base + screen.path);
  await page.waitForTimeout(600); // a picture of the page at rest: transitions and the first live update are over
  await page.screenshot({ path: path.join(target, `${screen.name}.png`), fullPage });
  await page.close();
}

/** Runners are busy, more waits, and one report is well under way. */
async function fillWithJobs(spool: Spool): Promise<void> {
  await submit(spool, [{ class: 'Report', method: 'build', params: ['2026-11', 'pdf'], id: 'report-2026-11', priority: 9 }]);
  const order = (n: number) => ({ class: 'ProcessOrder', params: [{ orderId: 23_400 + n }], id: `order-${23_400 + n}`, priority: 7 });
  await submit(spool, [
    order(1),
    order(2),
    { class: 'SyncStock', method: 'pull', params: [{ warehouse: 'WH-3', apiKey: 'k-1' }], id: 'sync-wh-3', priority: 8 },
  ]);
  await submit(
    spool,
    Array.from({ length: 14 }, (_, n) => ({ class: 'SendMail', params: [{ to: `customer${n}@shop.example`, template: 'order-shipped' }] })),
  );
  await waitFor(() => !isPaused(spool) && [...places(spool, 'running')].length === 4, 'four jobs to run', { timeoutMs: 30_000 });
  await waitFor(() => Date.now() - startedAt > 9_000, 'some progress to be made', { timeoutMs: 30_000 });
}

async function withService(spool: Spool, act: (base: string) => Promise<void>): Promise<void> {
  const env = { ...process.env, JOBSPOOL_DIR: spool.root, JOBSPOOL_PORT: '0', JOBSPOOL_RUNNERS: '4', JOBSPOOL_SHUTDOWN_GRACE: '0s' };
  const child = spawn(process.execPath, [path.join(ROOT, 'service/main.ts'), 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...env, JOBSPOOL_JOBS: path.join(ROOT, 'test/fixtures/shop-allowlist.ts') },
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  try {
    await act(
      await waitFor(() => /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0], 'the service to say where it listens', { timeoutMs: 30_000 }),
    );
  } finally {
    child.kill('SIGTERM');
    await exited;
  }
}
