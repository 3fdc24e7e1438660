/**
 * Measures the service as a user runs it, in a spool of its own: idle latency, drain of a backlog, boot with many pending.
 * Usage: npm run bench -- [--dir FOLDER] [--jobs 10000] [--drops 300] [--pending 100000] [--durability none|full]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { submit } from '../../spool/submit.ts';

const { values } = parseArgs({
  options: {
    dir: { type: 'string', default: os.tmpdir() },
    jobs: { type: 'string', default: '10000' },
    drops: { type: 'string', default: '300' },
    pending: { type: 'string', default: '100000' },
    durability: { type: 'string', default: 'none' },
  },
});

const durability = values.durability === 'full' ? 'full' : 'none';
console.log(
  `${os.cpus()[0]?.model ?? 'cpu'} × ${os.availableParallelism()}, Node ${process.versions.node}, spool under ${values.dir}, durability ${durability}`,
);
await measureIdleLatency(Number(values.drops));
await measureDrain(Number(values.jobs));
await measureBoot(Number(values.pending));

/** From the rename into incoming/ to the handler's first line. */
async function measureIdleLatency(drops: number): Promise<void> {
  await withSpool(async (spool) => {
    const service = await startService(spool);
    await until(() => runnerPids(spool).length === os.availableParallelism(), 'the runners to be ready');
    await warmUp(spool);
    const marks = path.join(spool.root, 'marks');
    const sent: number[] = [];
    for (let index = 0; index < drops; index++) {
      const draft = `${spool.tmp}/drop`;
      fs.writeFileSync(draft, JSON.stringify({ class: 'Bench', method: 'mark', params: [marks] }));
      sent.push(now());
      fs.renameSync(draft, `${spool.incoming}/p5-now-d${String(index).padStart(6, '0')}.json`);
      await sleep(index % 2 === 0 ? 15 : 75);
    }
    const arrived = await lines(marks, drops);
    const latencies = arrived.map((line, index) => Number(line) - (sent[index] as number)).sort((a, b) => a - b);
    console.log(
      `idle latency, ${drops} drops 15 and 75 ms apart: p50 ${at(latencies, 0.5)} ms, p99 ${at(latencies, 0.99)} ms, max ${at(latencies, 1)} ms`,
    );
    await service.stop();
  });
}

/** A backlog of no-op jobs, from the start of claiming to the last line of the ledger. */
async function measureDrain(jobs: number): Promise<void> {
  await withSpool(async (spool) => {
    fs.writeFileSync(spool.paused, '');
    const began = now();
    await fill(spool, jobs, 'noop');
    console.log(`enqueue ${jobs} in one batch: ${Math.round(jobs / ((now() - began) / 1_000))}/s`);
    const service = await startService(spool);
    await until(() => fs.readdirSync(spool.incoming).length === 0, 'all to be accepted');
    await until(() => runnerPids(spool).length === os.availableParallelism(), 'the runners to be ready');
    const cpuBefore = service.cpuSeconds();
    const start = now();
    fs.rmSync(spool.paused);
    await until(() => count(spool) === jobs, 'all to be completed');
    const seconds = (now() - start) / 1_000;
    const cpu = service.cpuSeconds() - cpuBefore;
    console.log(
      `drain ${jobs} no-op jobs: ${Math.round(jobs / seconds)}/s, ${((cpu / jobs) * 1_000).toFixed(3)} CPU s per 1,000, ${service.memoryMb()} MB in all processes`,
    );
    await service.stop();
  });
}

/** From the start of the process to the first job's start, with many pending. */
async function measureBoot(pending: number): Promise<void> {
  await withSpool(async (spool) => {
    for (let index = 0; index < pending; index++) {
      fs.writeFileSync(
        `${spool.pending}/p5-20300101T000000.000Z-b${String(index).padStart(7, '0')}.json`,
        '{"class":"Bench","method":"noop"}',
      );
    }
    const marks = path.join(spool.root, 'marks');
    await submit(spool, [{ class: 'Bench', method: 'mark', params: [marks] }]);
    const start = now();
    const service = await startService(spool);
    await lines(marks, 1);
    console.log(
      `boot with ${pending} scheduled: first job after ${Math.round(now() - start)} ms, ${service.memoryMb()} MB in all processes`,
    );
    const cpu = service.cpuSeconds();
    await sleep(5_000);
    console.log(`idle with ${pending} scheduled: ${(((service.cpuSeconds() - cpu) / 5) * 100).toFixed(1)}% of a core`);
    await service.stop();
  });
}

/** Jobs enough that every runner has loaded the handler. */
async function warmUp(spool: Spool): Promise<void> {
  await fill(spool, 200, 'noop');
  await until(() => count(spool) === 200, 'the warm-up');
}

type Service = { stop(): Promise<void>; cpuSeconds(): number; memoryMb(): number };

async function startService(spool: Spool): Promise<Service> {
  const child = spawn(process.execPath, [path.resolve(import.meta.dirname, '../../service/main.ts'), 'serve'], {
    env: {
      ...process.env,
      JOBSPOOL_DIR: spool.root,
      JOBSPOOL_JOBS: path.join(import.meta.dirname, 'allowlist.ts'),
      JOBSPOOL_PORT: '0',
      JOBSPOOL_DURABILITY: durability,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk) => (String(chunk).includes('dispatcher started') ? resolve() : undefined));
  });
  const pids = () => [child.pid as number, ...runnerPids(spool)];
  return {
    stop: () => stop(child),
    cpuSeconds: () => pids().reduce((sum, pid) => sum + cpuOf(pid), 0),
    memoryMb: () => Math.round(pids().reduce((sum, pid) => sum + memoryOf(pid), 0) / 1_024),
  };
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function runnerPids(spool: Spool): number[] {
  const holders = fs.readdirSync(spool.running).filter((name) => name.endsWith('.holder'));
  const parsed = holders.map(
    (name) => JSON.parse(fs.readFileSync(path.join(spool.running, name), 'utf8')) as { kind: string; pid: number },
  );
  return parsed.filter(({ kind }) => kind === 'runner').map(({ pid }) => pid);
}

function cpuOf(pid: number): number {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memoryOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
}

async function fill(spool: Spool, jobs: number, method: string): Promise<void> {
  await submit(
    spool,
    Array.from({ length: jobs }, () => ({ class: 'Bench', method })),
  );
}

function count(spool: Spool): number {
  const days = fs
    .readdirSync(spool.completed)
    .flatMap((day) => fs.readdirSync(`${spool.completed}/${day}`).map((name) => `${spool.completed}/${day}/${name}`));
  return days.reduce((sum, file) => sum + fs.readFileSync(file, 'latin1').split('\n').length - 1, 0);
}

async function lines(file: string, expected: number): Promise<string[]> {
  const read = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n') : []);
  await until(() => read().length >= expected, `${expected} lines in ${file}`);
  return read();
}

async function until(check: () => boolean, what: string): Promise<void> {
  const deadline = now() + 120_000;
  while (!check()) {
    if (now() > deadline) throw new Error(`Timed out waiting for ${what}`);
    await sleep(20);
  }
}

async function withSpool(run: (spool: Spool) => Promise<void>): Promise<void> {
  const dir = fs.mkdtempSync(path.join(values.dir, 'jobspool-bench-'));
  try {
    await run(openSpool(dir, { durability }));
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
}

function at(sorted: number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(2);
}

// The same clock in every process of this machine, in milliseconds.
function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
