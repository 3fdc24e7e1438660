/** Behind a proxy that serves it under a path and under another name, everything stays under that path and goes on working. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { jobStatus } from '../../spool/query.ts';
import { openPage, skipsWithoutChromium } from '../support/browser.ts';
import { skipsWithoutNginx, startNginx } from '../support/nginx.ts';
import { failedAttempt, plant } from '../support/plant.ts';
import { sharedService, TROUBLE_CLASS } from '../support/shared-service.ts';
import { dropFile } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const BASE = '/tools/jobs';

const service = sharedService({
  classes: { Trouble: TROUBLE_CLASS('noop', 'print', 'fail', 'until') },
  // The proxy would sign people in: requests come under its names.
  env: { JOBSPOOL_BASE_PATH: BASE, JOBSPOOL_AUTH: 'none' },
  before: (spool) => {
    for (let n = 0; n < 60; n++)
      plant(spool, 'failed', { id: `old-${n}`, class: 'Trouble', method: 'noop', params: [], attempts: [failedAttempt()] });
    plant(spool, 'pending', { id: 'later', class: 'Trouble', method: 'noop', params: [], runAt: Date.parse('2099-11-22') });
  },
});

test('no link, form or file of any page leads out of the base path, and each leads somewhere', async (t) => {
  if (skipsWithoutNginx(t)) return;
  const { spool } = await service();
  const port = await proxied(t);
  dropFile(spool, 'p5-now-prints.json', { class: 'Trouble', method: 'print' });
  dropFile(spool, "p5-now-odd #%2F?name'.json", '{}');
  await waitFor(() => jobStatus(spool, 'prints')?.state === 'completed' && spool.disk.names(spool.rejected).length === 2, 'the jobs');
  const origin = `http://127.0.0.1:${port}`;
  const seen = new Map([['', `${BASE}/dashboard`]]);
  for (const address of seen.values()) {
    for (const { attribute, target } of await targetsOf(origin, address)) {
      assert.ok(target.startsWith(`${BASE}/`) || target === BASE, `${address} has ${attribute}="${target}"`);
      if (attribute === 'href' || attribute === 'src') seen.set(shapeOf(target), seen.get(shapeOf(target)) ?? target);
    }
  }
  assert.ok(seen.size > 40, `only ${seen.size} addresses were found`);
  const { servers } = (await (await fetch(`${origin}${BASE}/api/openapi.json`)).json()) as { servers: { url: string }[] };
  assert.ok(servers.every(({ url }) => url.endsWith(BASE)));
});

test('pages, actions, questions and live updates work through the proxy', async (t) => {
  if (skipsWithoutChromium(t) || skipsWithoutNginx(t)) return;
  const { folder } = await service();
  const page = await openPage(t, `http://127.0.0.1:${await proxied(t)}${BASE}/dashboard/enqueue`);
  await page.getByLabel('Handler').selectOption('Trouble.until');
  await page.getByRole('heading', { name: 'Trouble.until' }).waitFor();
  await page.getByLabel('Parameters, as JSON').fill(JSON.stringify([path.join(folder, 'go-on')]));
  await page.getByLabel('Id', { exact: true }).fill('waits');
  await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
  await page.waitForURL(`**${BASE}/dashboard/jobs/waits`);
  await page.locator('#live > .bar > .chip-running').waitFor();
  fs.writeFileSync(path.join(folder, 'go-on'), '');
  // Were the stream held back by the proxy, the page would not know.
  await page.locator('#live > .bar > .chip-completed').waitFor();
  await page.goto(new URL(`${BASE}/dashboard/jobs?state=failed&q=id:old-1`, page.url()).href);
  await page.getByRole('link', { name: 'Delete job old-1' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await page.getByRole('status').filter({ hasText: 'old-1 is deleted' }).waitFor();
  assert.equal(new URL(page.url()).pathname, `${BASE}/dashboard/jobs`);
  const theme = page.getByRole('button', { name: /^Theme/ });
  await theme.click();
  const cookies = await page.context().cookies();
  assert.deepEqual(
    cookies.map(({ path: where }) => where),
    [BASE],
  );
  await page.keyboard.press('g');
  await page.keyboard.press('r');
  await page.waitForURL(`**${BASE}/dashboard/runners`);
});

test('posts work on plain http under a name or an address of the local network, and those of another site are refused there', async (t) => {
  if (skipsWithoutChromium(t) || skipsWithoutNginx(t)) return;
  const { spool } = await service();
  const port = await proxied(t);
  // Browsers do not send Sec-Fetch-Site to such addresses. The name is known to the proxy alone.
  const named = { origin: 'http://spool.lan', proxy: { server: `http://127.0.0.1:${port}` } };
  for (const { origin, ...options } of [named, ...ownAddresses().map((address) => ({ origin: `http://${address}:${port}` }))]) {
    const page = await openPage(t, `${origin}${BASE}/dashboard/jobs/later`, {
      ...options,
      expected: /status of 403|Cross-Origin-Opener-Policy/,
    });
    const sent = page.waitForRequest((request) => request.method() === 'POST');
    await page.getByLabel('Priority, 1 to 10').fill('8');
    await page.getByRole('button', { name: 'Change' }).click();
    await page.getByRole('status').filter({ hasText: 'later has the priority 8 now' }).waitFor();
    assert.equal((await (await sent).allHeaders())['sec-fetch-site'], undefined, origin);
    const id = `from-${new URL(origin).hostname}`;
    await page.goto(`${origin}${BASE}/dashboard/enqueue?handler=Trouble.noop`);
    await page.getByLabel('Id', { exact: true }).fill(id);
    await page.getByRole('button', { name: 'Enqueue', exact: true }).click();
    await page.waitForURL(`**/dashboard/jobs/${id}`);
    await page.route('http://evil.example/', (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" action="${origin}${BASE}/dashboard/pause"><button>Win</button></form>`,
      }),
    );
    await page.goto('http://evil.example/');
    await page.getByRole('button', { name: 'Win' }).click();
    await page.getByText('Nothing was changed: the browser says that another site sent this.').waitFor();
    assert.equal(fs.existsSync(spool.paused), false);
  }
});

async function proxied(t: TestContext): Promise<number> {
  const { base } = await service();
  return startNginx(t, BASE, new URL(base).origin);
}

type Target = { attribute: string; target: string };

/** What a page loads, leads to and sends to; places in the page itself left out. What is no page has none. */
async function targetsOf(origin: string, address: string): Promise<Target[]> {
  const response = await fetch(`${origin}${address}`, { signal: AbortSignal.timeout(5_000) });
  assert.equal(response.status, 200, address);
  assert.ok(new URL(response.url).pathname.startsWith(BASE), `${address} leads to ${response.url}`);
  const html = response.headers.get('Content-Type')?.startsWith('text/html') ? await response.text() : '';
  const found = html.matchAll(/\s(href|action|src|hx-get|hx-post|data-live|data-base)="([^"]*)"/g);
  return [...found]
    .map(([, attribute = '', target = '']) => ({ attribute, target: decoded(target).replace(/#.*$/, '') }))
    .filter(({ target }) => target !== '');
}

const decoded = (text: string): string => text.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&amp;', '&');

// One page of each kind is enough, and one job of each state.
const shapeOf = (target: string): string => target.replace(/old-\d+/g, 'old').replace(/([?&](?!state|view|log=)[^=&]*=)[^&]*/g, '$1');

const ownAddresses = (): string[] =>
  Object.values(os.networkInterfaces()).flatMap((all = []) =>
    all.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address),
  );
