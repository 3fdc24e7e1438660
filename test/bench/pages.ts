/**
 * Measures the dashboard at scale: how long each page takes, what it weighs, and the memory of the whole service. The spool is made for it, and paused
 * so that it stays as it is. Usage: npm run bench:pages -- [--dir FOLDER] [--completed 200000] [--failed 20000] [--pending 50000] [--requests 40]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { seedSpool } from '../support/seed.ts';

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: os.tmpdir() },
    completed: { type: 'string', default: '200000' },
    failed: { type: 'string', default: '20000' },
    pending: { type: 'string', default: '50000' },
    requests: { type: 'string', default: '40' },
  },
});

/** Requests before those that count: code is compiled, and the spool has been read. */
const WARM_UP = 5;

/** `completed` is the id of a job that completed. */
const pagesWith = (completed: string) => [
  '/dashboard',
  '/dashboard/jobs',
  '/dashboard/jobs?state=pending',
  '/dashboard/jobs?state=scheduled',
  '/dashboard/jobs?state=retrying',
  '/dashboard/jobs?state=failed',
  '/dashboard/jobs?state=completed',
  '/dashboard/jobs?state=completed&q=class:Report since:6h',
  '/dashboard/jobs?state=completed&q=retried:yes',
  '/dashboard/jobs?state=completed&q="orderId":10077',
  '/dashboard/jobs?state=failed&q=error:declined',
  '/dashboard/jobs?state=failed&q=nothing-like-this',
  '/dashboard/jobs?state=pending&q=class:SyncStock',
  '/dashboard/jobs?state=pending&q=nothing-like-this',
  '/dashboard/jobs?q=nothing-like-this',
  '/dashboard/jobs/failed-77',
  '/dashboard/jobs/pending-4711',
  `/dashboard/jobs/${completed}`,
  '/dashboard/jobs/no-such-job',
  '/dashboard/failures?window=24h',
  '/dashboard/failures?window=7d',
  '/job-logs',
  '/dashboard/runners',
  '/dashboard/settings',
  '/dashboard/enqueue',
  '/api/jobs?state=failed',
  '/api/jobs?limit=200',
  '/api/jobs/failed-77',
  '/api/stats',
];

await measure();

async function measure(): Promise<void> {
  const folder = fs.mkdtempSync(path.join(values.dir, 'jobspool-pages-'));
  try {
    const spool = openSpool(path.join(folder, 'spool'), { durability: 'none' });
    const seed = { completed: Number(values.completed), failed: Number(values.failed), pending: Number(values.pending) };
    seedSpool(spool, { ...seed, scheduled: 1_000, retrying: 500, cancelled: 500, rejected: 50 });
    fs.writeFileSync(spool.paused, '');
    console.log(
      `${os.cpus()[0]?.model ?? 'cpu'} × ${os.availableParallelism()}, Node ${process.versions.node}; ${JSON.stringify(seed)}; ${values.requests} requests a page after ${WARM_UP}`,
    );
    await withService(spool, (base, pid) => measurePages(base, pid));
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

async function measurePages(base: string, pid: number): Promise<void> {
  const first = await timed(`${base}/dashboard`);
  console.log(`the first page, while everything is being read: ${first.ms.toFixed(0)} ms`);
  await sleep(5_000);
  console.log(`${'page'.padEnd(62)} ${'p50'.padStart(7)} ${'p95'.padStart(7)} ${'kB'.padStart(6)} ${'gzip'.padStart(6)}`);
  const late: string[] = [];
  const { jobs } = JSON.parse((await timed(`${base}/api/jobs?state=completed&limit=1`)).body) as { jobs: { id: string }[] };
  for (const page of pagesWith(jobs[0]?.id ?? '')) {
    const times: number[] = [];
    let body = '';
    for (let turn = -WARM_UP; turn < Number(values.requests); turn++) {
      const answer = await timed(base + page);
      body = answer.body;
      if (turn >= 0) times.push(answer.ms);
    }
    times.sort((a, b) => a - b);
    if (at(times, 0.95) >= 100) late.push(page);
    const kB = (bytes: number) => (bytes / 1_000).toFixed(1).padStart(6);
    console.log(
      `${page.padEnd(62)} ${at(times, 0.5).toFixed(1).padStart(7)} ${at(times, 0.95).toFixed(1).padStart(7)} ${kB(body.length)} ${kB(gzipSync(body).length)}`,
    );
  }
  await weighFirstView(base);
  console.log(
    `memory (PSS): the service ${pss(pid)} MB, with its runners ${[pid, ...childrenOf(pid)].reduce((sum, one) => sum + pss(one), 0)} MB`,
  );
  console.log(late.length === 0 ? 'every page within 100 ms (p95)' : `over 100 ms (p95): ${late.join(', ')}`);
}

/** What a browser loads for the first page, compressed as it asks for it. */
async function weighFirstView(base: string): Promise<void> {
  const { body } = await timed(`${base}/dashboard`);
  const links = [...body.matchAll(/(?:src|href)="([^"]*\/assets\/[^"]+)"/g)].map((match) => new URL(match[1] as string, base).href);
  const parts = await Promise.all([...new Set(links), `${base}/dashboard`].map(async (url) => ({ url, ...(await timed(url)) })));
  const raw = parts.reduce((sum, { body: text }) => sum + Buffer.byteLength(text), 0);
  const zipped = parts.reduce((sum, { body: text }) => sum + gzipSync(text).length, 0);
  console.log(`first view: ${parts.length} requests, ${(raw / 1_000).toFixed(1)} kB, ${(zipped / 1_000).toFixed(1)} kB compressed`);
}

async function timed(url: string): Promise<{ ms: number; body: string }> {
  const began = performance.now();
  const answer = await fetch(url);
  const body = await answer.text();
  return { ms: performance.now() - began, body };
}

async function withService(spool: Spool, act: (base: string, pid: number) => Promise<void>): Promise<void> {
  const child: ChildProcess = spawn(process.execPath, [path.resolve(import.meta.dirname, '../../service/main.ts'), 'serve'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, JOBSPOOL_DIR: spool.root, JOBSPOOL_PORT: '0', JOBSPOOL_LOG_LEVEL: 'info' },
  });
  try {
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    let base: string | undefined;
    for (const deadline = performance.now() + 60_000; base === undefined; await sleep(20)) {
      base = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (performance.now() > deadline) throw new Error(`wait for the service: it has not said where it listens after 60 s\n${output}`);
    }
    await act(base, child.pid as number);
  } finally {
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await exited;
  }
}

/** Memory of a process in MB, what it shares counted in part. */
function pss(pid: number): number {
  const kB = /^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
  return Math.round(Number(kB) / 1_000);
}

function childrenOf(pid: number): number[] {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

function at(sorted: number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
