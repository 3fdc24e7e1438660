/** The snippets in docker/proxy/, as they are, before the real service: each serves the dashboard under its path and lets live events through at once. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openSpool } from '../../spool/spool.ts';
import { serveByNginx, skipsWithoutNginx } from '../support/nginx.ts';
import { freePort, isListening, startServer } from '../support/server.ts';
import { dropFile, startService, tempFolder } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const snippet = (name: string): string => fs.readFileSync(path.resolve(import.meta.dirname, '../../docker/proxy', name), 'utf8');
const ANYBODY = { JOBSPOOL_BASE_PATH: '/jobs', JOBSPOOL_AUTH: 'none' };

test('the snippet for nginx serves the dashboard on its path and streams its events', async (t) => {
  if (skipsWithoutNginx(t)) return;
  const service = await startService(t, { allowlist: TROUBLE, env: ANYBODY });
  const lines = atService(snippet('nginx.conf'), service.url());
  await servesAll(`http://127.0.0.1:${await serveByNginx(t, lines)}`, service.dir);
});

test('behind nginx and Caddy failed sign-ins count for who made them, whatever he says of himself', async (t) => {
  if (skipsWithoutNginx(t)) return;
  if (spawnSync('caddy', ['version']).error) return t.skip('SKIPPED: caddy is not installed: docker/proxy/Caddyfile was NOT tested');
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_BASE_PATH: '/jobs', JOBSPOOL_PASSWORD: 'hush' } });
  const nginx = await serveByNginx(t, atService(snippet('nginx.conf'), service.url()));
  const caddy = await serveByCaddy(t, atService(snippet('Caddyfile'), service.url()));
  for (const [account, port] of Object.entries({ ada: nginx, bob: caddy })) {
    const headers = { Authorization: `Basic ${btoa(`${account}:wrong`)}`, 'X-Forwarded-For': '192.0.2.7' };
    assert.equal((await fetch(`http://127.0.0.1:${port}/jobs/dashboard`, { headers })).status, 401);
    const line = new RegExp(`a sign-in as the user ..${account}.. from (.*?) failed`);
    const [, from] = await waitFor(() => line.exec(service.output()) ?? undefined, 'the line about the sign-in');
    assert.equal(from, '127.0.0.1, which forwards for 127.0.0.1');
  }
});

test('the snippet for Caddy serves the dashboard on its path and streams its events', async (t) => {
  if (spawnSync('caddy', ['version']).error) return t.skip('SKIPPED: caddy is not installed: docker/proxy/Caddyfile was NOT tested');
  const service = await startService(t, { allowlist: TROUBLE, env: ANYBODY });
  const port = await serveByCaddy(t, atService(snippet('Caddyfile'), service.url()));
  await servesAll(`http://127.0.0.1:${port}`, service.dir);
});

// Where the snippet has the address that compose.yaml publishes.
function atService(text: string, url: string | undefined): string {
  assert.match(text, /127\.0\.0\.1:8080/);
  return text.replaceAll('127.0.0.1:8080', new URL(url as string).host);
}

async function serveByCaddy(t: TestContext, text: string): Promise<number> {
  const folder = tempFolder(t, 'jobspool-caddy-');
  const port = await freePort();
  const file = path.join(folder, 'Caddyfile');
  fs.writeFileSync(file, `{\n\tadmin off\n\tgrace_period 1s\n}\n${text.replace(/^:80 /m, `http://127.0.0.1:${port} `)}`);
  await startServer(t, ['caddy', 'run', '--config', file], () => isListening(port), { env: { ...process.env, HOME: folder } });
  return port;
}

async function servesAll(origin: string, dir: string): Promise<void> {
  const bare = await fetch(`${origin}/jobs`, { redirect: 'manual' });
  assert.deepEqual([bare.status, new URL(bare.headers.get('location') ?? '', origin).pathname], [308, '/jobs/']);
  const page = await fetch(`${origin}/jobs/dashboard`);
  assert.equal(page.status, 200);
  assert.match(await page.text(), /href="\/jobs\//);

  // A post says where it comes from, and the service compares that with the host it was asked for.
  const posted = await fetch(`${origin}/jobs/api/jobs`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Origin: origin },
    body: JSON.stringify({ class: 'Trouble', method: 'noop', id: 'posted' }),
  });
  assert.ok(posted.ok, `${posted.status} ${await posted.text()}`);

  const events = await fetch(`${origin}/jobs/api/events`);
  const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader() ?? assert.fail('no stream');
  dropFile(openSpool(dir, { durability: 'none' }), 'p5-now-live.json', { class: 'Trouble', method: 'noop' });
  let seen = '';
  // The stream does not end: were it held back, this would wait until the test's own time is over.
  while (!/"id":"live"/.test(seen)) seen += (await reader.read()).value ?? assert.fail(`the stream ended:\n${seen}`);
  await reader.cancel();
}
