/** What strangers and jobs may leave in the spool in the place of files of ours: the dashboard neither waits for it, nor reads it whole, nor follows it elsewhere. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { jobFileName } from '../../spool/filename.ts';
import { dayOf } from '../../spool/layout.ts';
import type { Spool } from '../../spool/spool.ts';
import { afterwards } from '../support/afterwards.ts';
import { makeDashboard } from '../support/dashboard.ts';
import { putLine } from '../support/job-files.ts';
import { tempFolder, tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const GIGABYTE = 1_073_741_824;
const SECRET = 'what stands outside of the spool';

/** Makes something at a path that is no file of ours. */
type Maker = (file: string, outside: string) => void;

const MAKERS: Record<string, Maker> = {
  fifo: (file) => void execFileSync('mkfifo', [file]),
  folder: (file) => void fs.mkdirSync(file),
  link: (file, outside) => fs.symlinkSync(outside, file),
  dangling: (file) => fs.symlinkSync('/nowhere/at/all', file),
  large: (file) => {
    fs.writeFileSync(file, '');
    fs.truncateSync(file, GIGABYTE);
  },
};

const PAGES = [
  '/dashboard',
  '/dashboard/jobs',
  ...['running', 'failed', 'completed', 'rejected'].map((state) => `/dashboard/jobs?state=${state}`),
  '/dashboard/jobs?q=anything',
  '/dashboard/failures',
  '/dashboard/runners',
  '/job-logs',
  '/job-logs?log=errors',
  '/api/jobs',
  '/api/stats',
];

for (const [what, make] of Object.entries(MAKERS)) {
  test(`every page answers, and shows nothing of it, with a ${what} in the place of each file`, {
    skip: process.platform === 'win32',
  }, async (t) => {
    const spool = tempSpool(t);
    const outside = path.join(tempFolder(t), 'outside.json');
    fs.writeFileSync(outside, JSON.stringify({ class: SECRET, reason: SECRET, host: SECRET, id: SECRET }));
    plantAll(spool, (file) => make(file, outside));
    const service = await startDashboard(t, spool);
    for (const page of [...PAGES, '/dashboard/jobs/x', '/dashboard/jobs/runs', '/dashboard/jobs/bad', '/dashboard/jobs/x/log']) {
      const response = await service.get(page);
      assert.ok([200, 404].includes(response.status), `${page} answered with ${response.status}`);
      assert.doesNotMatch(response.text, new RegExp(SECRET), page);
    }
    assert.match((await service.get('/api/events?after=1-0', 'reader')).text, /^: following/);
    assert.equal((await service.get('/healthz')).status, 200);
    assert.ok(service.mostMemory() < 500_000_000, `it took ${service.mostMemory()} bytes of memory`);
  });
}

test('a line of the ledger that another program wrote spoils no other line, and no page', async (t) => {
  const { app, spool } = await makeDashboard(t);
  const odd = { isEscaped: true, callbacks: [1], toString: 'x' } as unknown as string;
  const now = Date.now();
  putLine(spool, 'good', now);
  const file = putLine(spool, 'odd-times', now, { startedAt: odd, acceptedAt: odd });
  putLine(spool, 'odd-priority', now, { priority: odd as unknown as number });
  putLine(spool, 'odd-attempts', now, { attempts: [null, odd] as never });
  putLine(spool, 'odd-error', now, { ...({ error: odd, runner: odd, progress: odd, retries: odd, state: 'running' } as object) });
  putLine(spool, 'odd-end', now, { finishedAt: 'x', runAt: '9e99' }, "'$(touch x)'");
  fs.appendFileSync(file, '[]\nnull\n"x"\n{"id":1}\n');
  for (const page of ['/dashboard', '/dashboard/jobs?state=completed', '/dashboard/jobs?q=good', '/api/jobs?state=completed'])
    assert.equal((await app.request(page)).status, 200, page);
  assert.match(await (await app.request('/api/jobs?state=completed')).text(), /"id":"good"/);
  for (const id of ['good', 'odd-times', 'odd-priority', 'odd-attempts', 'odd-error', 'odd-end'])
    assert.ok([200, 404].includes((await app.request(`/dashboard/jobs/${id}`)).status), id);
});

test('a line of a log, or the note of who holds a slot, that holds anything at all spoils no page', async (t) => {
  const { app, spool } = await makeDashboard(t);
  const odd = { isEscaped: true, callbacks: [1], toString: 'x' };
  const line = { level: odd, time: odd, event: odd, class: odd, method: odd, id: odd, attempt: odd, msg: odd, err: odd };
  const lines = [line, { level: '__proto__', msg: 'x' }, { level: 'constructor', msg: 'x' }, { time: 1e300, msg: 'x' }];
  fs.writeFileSync(`${spool.logs}/background_jobs.log`, lines.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const holder = {
    kind: odd,
    host: 'h',
    pid: 1,
    processStart: '',
    bootId: '',
    pidNamespace: '',
    since: 'x',
    dispatcher: odd,
    stopping: odd,
  };
  fs.mkdirSync(spool.slot('h-1'));
  fs.writeFileSync(spool.holder('h-1'), JSON.stringify(holder));
  const logs = await app.request('/job-logs');
  assert.equal(logs.status, 200);
  assert.doesNotMatch(await logs.text(), /chip-undefined/);
  for (const page of ['/dashboard/runners', '/dashboard', '/api/stats']) assert.equal((await app.request(page)).status, 200, page);
});

test('a progress that a job wrote is shown between 0 and 100', async (t) => {
  const { app, spool } = await makeDashboard(t);
  for (const [index, text] of ['1e308', '-5', 'Infinity', '<b>', '9'.repeat(1_000)].entries()) {
    const slot = `h-${index + 1}`;
    fs.mkdirSync(spool.slot(slot));
    fs.writeFileSync(`${spool.slot(slot)}/${jobFileName({ priority: 5, runAt: 0, id: `runs-${index}` })}`, '{"class":"ExampleJob"}');
    fs.writeFileSync(spool.progress(slot), text);
  }
  const { jobs } = (await (await app.request('/api/jobs?state=running')).json()) as { jobs: { progress?: number }[] };
  assert.equal(jobs.length, 5);
  for (const { progress = 0 } of jobs) assert.ok(progress >= 0 && progress <= 100, String(progress));
});

/** One of each kind of file that the dashboard looks into. */
function plantAll(spool: Spool, make: (file: string) => void): void {
  const name = (id: string) => jobFileName({ priority: 5, runAt: Date.UTC(2026, 0, 1), id });
  fs.mkdirSync(spool.slot('h-1.1'));
  fs.writeFileSync(spool.claimed('h-1.1', name('runs')), '{"class":"ExampleJob"}');
  fs.writeFileSync(`${spool.rejected}/bad.json`, 'no JSON');
  fs.mkdirSync(spool.ledgerDay(dayOf(Date.now())));
  const files = [
    `${spool.failed}/${name('x')}`,
    `${spool.pending}/${name('y')}`,
    `${spool.incoming}/p5-now-z.json`,
    spool.jobLog('x'),
    `${spool.logs}/background_jobs.2026-01-01.log`,
    spool.ledger(dayOf(Date.now()), 'h-1'),
    spool.holder('h-1.1'),
    spool.holder('h-2'),
    spool.progress('h-1.1'),
    spool.reason('bad.json'),
  ];
  for (const file of files) make(file);
}

/** The dashboard in a process of its own: what waits for a FIFO waits for ever. */
async function startDashboard(t: TestContext, spool: Spool) {
  const child = spawn(process.execPath, ['service/main.ts', 'ui'], {
    cwd: path.resolve(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, JOBSPOOL_DIR: spool.root, JOBSPOOL_PORT: '0', JOBSPOOL_DURABILITY: 'none' },
  });
  afterwards(t, () => child.kill('SIGKILL'));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const base = await waitFor(() => /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0], 'the address of the dashboard', { timeoutMs: 20_000 });
  return {
    async get(page: string, kind: 'whole' | 'reader' = 'whole') {
      const response = await fetch(`${base}${page}`, { signal: AbortSignal.timeout(15_000) });
      if (kind === 'whole') return { status: response.status, text: await response.text() };
      const { value } = (await response.body?.getReader().read()) ?? {};
      return { status: response.status, text: new TextDecoder().decode(value) };
    },
    /** In bytes; 0 where that is not known. */
    mostMemory(): number {
      const file = `/proc/${child.pid}/status`;
      const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
      return Number(/VmHWM:\s+(\d+) kB/.exec(text)?.[1] ?? 0) * 1_024;
    },
  };
}
