/** The dashboard beside the dispatcher: neither stands in the other's way, and both end when they are told to. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import { readConfig, settingsOf } from '../../service/config.ts';
import { acquireSlot, holderOfSlot, slots } from '../../spool/lease.ts';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { afterwards } from '../support/afterwards.ts';
import { dropFile, type Service, startService, tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const drop = (spool: Spool, id: string, method: string, ...params: unknown[]) =>
  dropFile(spool, `p5-now-${id}.json`, { class: 'Trouble', method, params });
const opened = (service: Service) => ({ base: service.url() as string, spool: openSpool(service.dir, { durability: 'none' }) });

/** The answer of `/readyz`; undefined when nobody listens. */
async function ready(base: string): Promise<{ status: number; reasons: string[] } | undefined> {
  try {
    const response = await fetch(`${base}/readyz`);
    const { reasons = [] } = (await response.json()) as { reasons?: string[] };
    return { status: response.status, reasons };
  } catch {
    return undefined;
  }
}

const isReady = async (base: string) => (await ready(base))?.status === 200;

test('the dashboard answers while jobs run and tells where each setting came from, but no secret', async (t) => {
  const service = await startService(t, {
    allowlist: TROUBLE,
    env: { JOBSPOOL_PASSWORD: 'hush', JOBSPOOL_BASE_PATH: '/jobs', JOBSPOOL_VIEWER_TOKEN: 'shh' },
  });
  const base = `${service.url()}/jobs`;
  await waitFor(() => isReady(base), 'it to be ready');
  assert.equal((await fetch(`${base}/healthz`)).status, 200);
  assert.equal((await fetch(`${base}/dashboard`)).status, 401);
  const as = (user: string, password: string) => ({ headers: { Authorization: `Basic ${btoa(`${user}:${password}`)}` } });
  assert.equal((await fetch(`${base}/dashboard`, as('admin', 'hush'))).status, 200);
  assert.match(service.errors(), new RegExp(`dashboard:\\s+${base}/dashboard\\s+sign in as admin`));
  const settings = await (await fetch(`${base}/dashboard/settings`, as('admin', 'hush'))).text();
  for (const shown of ['JOBSPOOL_VIEWER_TOKEN', '••••••', TROUBLE, service.dir]) assert.ok(settings.includes(shown), shown);
  assert.doesNotMatch(settings, /hush|shh/);
  assert.doesNotMatch(service.output() + service.errors(), /hush|shh/);
});

test('a service that is stopping says so, stays usable while its jobs finish, and then ends with pages still open', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_SHUTDOWN_GRACE: '20s' } });
  const { base, spool } = opened(service);
  const goOn = path.join(spool.tmp, 'go-on');
  drop(spool, 'long', 'until', goOn);
  await waitFor(() => jobStatus(spool, 'long')?.state === 'running', 'the job to run');
  assert.deepEqual(await ready(base), { status: 200, reasons: [] });
  fs.writeFileSync(spool.paused, '');
  await waitFor(() => service.output().includes('paused: nothing new is claimed'), 'the pause');
  assert.equal((await ready(base))?.status, 200);
  const page = await fetch(`${base}/dashboard/live?view=overview`);
  const stream = page.text();
  const stopped = service.stop();
  await waitFor(async () => (await ready(base))?.status === 503, 'it to be unready');
  assert.ok((await ready(base))?.reasons.includes('the service is stopping'));
  assert.equal((await fetch(`${base}/dashboard`)).status, 200);
  assert.equal(jobStatus(spool, 'long')?.state, 'running');
  fs.writeFileSync(goOn, '');
  const began = performance.now();
  assert.equal(await stopped, 0);
  assert.ok(performance.now() - began < 5_000, `it took ${Math.round(performance.now() - began)} ms to end`);
  assert.match(await stream, /event: bye/);
  assert.equal(jobStatus(spool, 'long')?.state, 'completed');
});

test('an allow-list that is broken under the service is named as the reason why no runner is ready, and no longer once it is mended', async (t) => {
  const list = path.join(tempFolder(t), 'list.json');
  const text = fs.readFileSync(path.resolve(ROOT, 'test/compat/allowlist.json'), 'utf8');
  const whole = text.replaceAll('"./', `"${ROOT}/test/compat/`);
  fs.writeFileSync(list, whole);
  const service = await startService(t, { allowlist: list, env: { JOBSPOOL_RUNNERS: '1' } });
  const { base, spool } = opened(service);
  await waitFor(() => isReady(base), 'it to be ready');
  fs.writeFileSync(list, '{"Broken":');
  const [runner] = slots(spool).filter((slot) => holderOfSlot(spool, slot)?.kind === 'runner');
  fs.writeFileSync(path.join(spool.running, `${runner}.drain`), '');
  const named = /^no runner is ready: AllowlistError: .*list\.json/;
  await waitFor(async () => named.test((await ready(base))?.reasons.join() ?? ''), 'the reason to name the allow-list');
  fs.writeFileSync(list, whole);
  await waitFor(() => isReady(base), 'it to be ready again', { timeoutMs: 60_000 });
});

test('a dashboard that breaks down stops no job and comes back under the same address', async (t) => {
  const folder = tempFolder(t);
  const flag = path.join(folder, 'break');
  const list = path.join(folder, 'list.mjs');
  // Read by the dashboard's thread as well: there, and only there, it breaks what has loaded it.
  fs.writeFileSync(
    list,
    `import fs from 'node:fs';
    import { isMainThread } from 'node:worker_threads';
    if (!isMainThread && fs.existsSync('${flag}-still')) throw new Error('still broken');
    if (!isMainThread) setInterval(() => { if (fs.existsSync('${flag}')) { fs.rmSync('${flag}'); throw new Error('boom'); } }, 10);
    export default { Trouble: { module: '${path.join(path.dirname(TROUBLE), 'trouble.ts')}', methods: { noop: {}, until: {} } } };`,
  );
  const service = await startService(t, { allowlist: list });
  const { base, spool } = opened(service);
  const goOn = path.join(spool.tmp, 'go-on');
  drop(spool, 'long', 'until', goOn);
  await waitFor(() => jobStatus(spool, 'long')?.state === 'running', 'the job to run');
  await waitFor(() => isReady(base), 'the dashboard to be loaded');
  fs.writeFileSync(`${flag}-still`, '');
  fs.writeFileSync(flag, '');
  await waitFor(() => service.output().includes('the dashboard ended by itself: boom; jobs go on'), 'the breakdown to be logged');
  drop(spool, 'meanwhile', 'noop');
  assert.equal((await waitForJob(spool, 'meanwhile', { timeout: '30s' })).state, 'completed');
  await waitFor(() => /ended by itself: .*still broken.* in 1000 ms/.test(service.output()), 'a start that fails, and a longer wait');
  fs.rmSync(`${flag}-still`);
  await waitFor(() => isReady(base), 'the dashboard to come back');
  assert.equal((await fetch(`${base}/dashboard`)).status, 200);
  fs.writeFileSync(goOn, '');
  assert.equal((await waitForJob(spool, 'long', { timeout: '30s' })).attempts.length, 1);
  fs.writeFileSync(flag, '');
  await waitFor(() => service.output().match(/ended by itself: boom/g)?.length === 2, 'the second breakdown');
  assert.equal(await service.stop(), 0, 'a service stops while its dashboard waits to be started again');
});

test('a dispatcher that does not answer is not ready', async (t) => {
  const spool = tempSpool(t);
  const environment = { JOBSPOOL_DIR: spool.root, JOBSPOOL_PORT: '0' };
  const plan = { config: readConfig(environment, 1), settings: settingsOf(environment), allowlist: TROUBLE };
  const worker = new Worker(new URL('../../service/dashboard-thread.ts', import.meta.url), { workerData: plan });
  afterwards(t, () => worker.terminate());
  const port = await new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.on('message', (message) => (message.kind === 'ready' ? resolve(message.port) : undefined));
  });
  assert.deepEqual(await ready(`http://127.0.0.1:${port}`), { status: 503, reasons: ['the dispatcher does not answer'] });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  worker.postMessage({ kind: 'close' });
  assert.equal(await ended, 0);
});

test('a dashboard alone shows a spool, is ready while others serve it, and ends when it is told to', async (t) => {
  const spool = tempSpool(t);
  dropFile(spool, 'p5-now-a.json', { class: 'Trouble', method: 'noop' });
  const child = spawn(
    process.execPath,
    [path.join(ROOT, 'service', 'main.ts'), 'ui', '--dir', spool.root, '--port', '0', '--jobs', TROUBLE],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise((resolve) => child.once('exit', resolve));
  afterwards(t, () => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const base = await waitFor(() => /"url":"([^"]+)"/.exec(output)?.[1], 'the dashboard to listen', { timeoutMs: 20_000 });
  assert.match(await (await fetch(`${base}/dashboard/jobs?state=pending`)).text(), /job-a/);
  assert.equal((await ready(base))?.status, 503);
  const leases = [];
  for (const kind of ['dispatcher', 'runner'] as const)
    leases.push(await acquireSlot(spool, { kind, staleMs: 30_000, onLost: () => assert.fail('a lease was lost') }));
  assert.deepEqual(await ready(base), { status: 200, reasons: [] });
  for (const lease of leases) await lease.release();
  assert.deepEqual((await ready(base))?.reasons, ['no dispatcher runs on this spool (jobspool serve starts one)', 'no runner is alive']);
  const stream = fetch(`${base}/dashboard/live?view=jobs`).then((response) => response.text());
  await waitFor(() => isListening(base), 'the server');
  child.kill('SIGTERM');
  assert.equal(await ended, 0);
  await stream;
});

const isListening = async (base: string) => (await fetch(`${base}/healthz`)).ok;
