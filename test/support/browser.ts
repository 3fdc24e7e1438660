/** A real Chromium for tests. Whatever a page complains about (the console, an error, its content security policy) fails the test. */
import fs from 'node:fs';
import { after, type TestContext } from 'node:test';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterwards } from './afterwards.ts';

export type PageOptions = BrowserContextOptions & {
  /** Complaints that belong to what is tested, such as a refused connection while the service is stopped. */
  expected?: RegExp;
};

/** Opens a page in a window of its own; all of it is closed after the test. More tabs: `page.context().newPage()`. */
export async function openPage(t: TestContext, url: string, { expected, ...options }: PageOptions = {}): Promise<Page> {
  browser ??= chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
  const context = await (await browser).newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    ...options,
  });
  const complaints = await listen(context);
  afterwards(t, async () => {
    await context.close();
    const unexpected = complaints.filter((text) => !expected?.test(text));
    if (unexpected.length > 0) throw new Error(`the pages of this test complained:\n${unexpected.join('\n')}`);
  });
  const page = await context.newPage();
  await page.goto(url);
  return page;
}

/** True, and says so, when this machine has no Chromium. */
export function skipsWithoutChromium(t: TestContext): boolean {
  if (fs.existsSync(EXECUTABLE)) return false;
  t.skip(`${EXECUTABLE} is not installed (CHROMIUM names another): the pages were NOT tested in a browser`);
  return true;
}

const EXECUTABLE = process.env.CHROMIUM ?? '/usr/bin/chromium';

// Nothing but the pages talks to anybody.
const FLAGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-extensions',
  '--disable-sync',
  '--metrics-recording-only',
  '--no-first-run',
  '--no-pings',
];

let browser: Promise<Browser> | undefined;
after(async () => (await browser)?.close());

async function listen(context: BrowserContext): Promise<string[]> {
  const complaints: string[] = [];
  context.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`${message.page()?.url()}: ${message.type()}: ${message.text()}`);
  });
  context.on('weberror', (error) => complaints.push(`${error.page()?.url()}: ${error.error().stack ?? error.error().message}`));
  await context.addInitScript(`document.addEventListener('securitypolicyviolation', (event) => {
    console.error('CSP: ' + event.effectiveDirective + ' refused ' + event.blockedURI + ' ' + event.sample);
  })`);
  return complaints;
}
