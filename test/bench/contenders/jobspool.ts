import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runBackgroundJob, runBackgroundJobs } from '../../../jobs/index.ts';
import { openSpool, type Spool } from '../../../spool/spool.ts';
import type { Contender, Durability, Session, Stage } from '../contender.ts';
import { type Driver, openNodePeer } from '../node-peer.ts';
import { type Started, startProcess } from '../start-process.ts';
import { until } from '../until.ts';

/** Jobspool as a user runs it: `serve` with a runner per core and the dashboard, `runBackgroundJob` in the producer. */
export const contenders: Contender[] = [
  jobspool('jobspool', 'process', 'durability none'),
  jobspool('jobspool-full', 'power', 'durability full'),
  // Of calls in flight several share a file; those with ids of their own do not.
  { ...jobspool('jobspool-single', 'process', 'durability none, a file per job', true), only: ['producers', 'flow'] },
  // The same jobs as those of other languages.
  { ...jobspool('typescript', 'process', 'durability none'), only: ['commands'] },
  { ...jobspool('jobspool-single-full', 'power', 'durability full, a file per job', true), only: ['producers-full', 'flow-full'] },
];

/** The producer; the workers are the service's runners. */
export const driver: Driver = {
  producer: async ({ address: dir, durability, method, isSingle }) => {
    const name = method as 'work' | 'wait';
    const choice = { dir, durability: durability as 'full' | 'none' };
    const spool = openSpool(dir, choice);
    return {
      submit: (job, { at, retries }) => {
        const id = isSingle ? { id: `job-${job.number}` } : {};
        return runBackgroundJob('Bench', name, [job], { ...choice, ...policy(retries), ...when(at), ...id });
      },
      submitBatch: (jobs, { at, retries }) =>
        runBackgroundJobs(
          jobs.map((job) => ({ class: 'Bench', method: name, params: [job], ...policy(retries), ...when(at) })),
          choice,
        ),
      left: async () => leftIn(spool),
    };
  },
  work: async () => {
    throw new Error('the workers of Jobspool are the runners of its service');
  },
};

/** Jobspool with a command in the place of the handler. */
export function commandOfJobspool(name: string, command: string[], protocol: 'once' | 'lines'): Contender {
  const settings = `durability none, a runner per core, protocol "${protocol}"`;
  return { ...jobspool(name, 'process', settings), settings, open: (stage) => openJobspool(stage, 'none', false, { command, protocol }) };
}

const when = (at: number | undefined) => (at === undefined ? {} : { at: new Date(at) });
const policy = (retries: number) => ({ retries, retryDelay: 0 });

function jobspool(name: string, durability: Durability, settings: string, isSingle = false): Contender {
  return {
    name,
    family: 'jobspool',
    settings: `${settings}, a runner per core (which jobs that wait share), dashboard on`,
    durability,
    missing: () => undefined,
    version: () => (JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as { version: string }).version,
    open: (stage) => openJobspool(stage, durability === 'power' ? 'full' : 'none', isSingle),
  };
}

const ROOT = path.resolve(import.meta.dirname, '../../..');

async function openJobspool(stage: Stage, durability: 'full' | 'none', isSingle: boolean, job?: Layout['job']): Promise<Session> {
  const spool = openSpool(stage.folder, { durability });
  const { runners, shared } = layoutFor(stage.concurrency);
  const service = stage.workers ? await startService(spool, stage.tally, { runners, shared, job }) : undefined;
  const server = { address: spool.root, pids: service ? [service.pid] : [], close: async () => service?.end() };
  const producer = await openNodePeer({
    module: 'jobspool.ts',
    stage: { ...stage, workers: false },
    server,
    settings: { concurrency: 0, workers: 0, durability, method: shared > 1 ? 'wait' : 'work', isSingle },
  });
  return {
    ...producer,
    hold: async () => fs.writeFileSync(spool.paused, ''),
    taken: () => until(() => fs.readdirSync(spool.incoming).length === 0, 'all requests to be accepted'),
    release: async () => fs.rmSync(spool.paused),
  };
}

/** How many runners, and how many jobs each of them runs at once. */
export type Layout = { runners: number; shared?: number; job?: { command: string[]; protocol: 'once' | 'lines' } | undefined };

// A runner per core; what is to run at once beyond that shares them.
function layoutFor(concurrency = os.availableParallelism()): { runners: number; shared: number } {
  const runners = Math.min(concurrency, os.availableParallelism());
  return { runners, shared: Math.ceil(concurrency / runners) };
}

/** Starts the service; resolves when all its runners are ready. */
export async function startService(spool: Spool, tally: string, layout: Layout = layoutFor()): Promise<Started> {
  const { runners } = layout;
  const service = beginService(spool, tally, layout);
  try {
    await until(() => service.says().includes('dispatcher started') || service.hasEnded(), 'the service to start');
    if (service.hasEnded()) throw new Error(`the service ended: ${service.says()}`);
    await until(() => runnersOf(spool) >= runners, `${runners} runners to be ready`, { timeoutMs: 300_000 });
  } catch (error) {
    await service.end();
    throw error;
  }
  return service;
}

/** Starts the service and waits for nothing. */
export function beginService(spool: Spool, tally: string, { runners, shared = 1, job }: Layout): Started {
  return startProcess(process.execPath, [path.join(ROOT, 'service/main.ts'), 'serve'], {
    cwd: ROOT,
    env: {
      JOBSPOOL_DIR: spool.root,
      JOBSPOOL_JOBS: path.join(ROOT, 'test/bench/allowlist.ts'),
      JOBSPOOL_PORT: '0',
      JOBSPOOL_RUNNERS: String(runners),
      JOBSPOOL_DURABILITY: spool.durability,
      JOBSPOOL_LOG_LEVEL: 'info',
      NODE_COMPILE_CACHE: path.join(ROOT, '.compile-cache'),
      BENCH_TALLY: tally,
      BENCH_SHARED: String(shared),
      ...(job ? { BENCH_JOB: JSON.stringify(job) } : {}),
    },
  });
}

function runnersOf(spool: Spool): number {
  const holders = fs.readdirSync(spool.running).filter((name) => name.endsWith('.holder'));
  const kinds = holders.map((name) => (JSON.parse(fs.readFileSync(path.join(spool.running, name), 'utf8')) as { kind: string }).kind);
  return kinds.filter((kind) => kind === 'runner').length;
}

// A batch is as many jobs as the range in its name says, or as it has lines.
function jobsIn(folder: string, name: string): number {
  if (name.endsWith('.json')) return 1;
  if (!name.endsWith('.ndjson')) return 0;
  const [, from, to] = /@(\d+)-(\d+)\.ndjson$/.exec(name) ?? [];
  if (from !== undefined) return Number(to) - Number(from) + 1;
  return fs.readFileSync(path.join(folder, name), 'utf8').trimEnd().split('\n').length;
}

// Read from the disk itself, as a person would count them.
function leftIn(spool: Spool): number {
  const files = (folder: string) => fs.readdirSync(folder).reduce((sum, name) => sum + jobsIn(folder, name), 0);
  const claimed = fs
    .readdirSync(spool.running, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.endsWith('.lock'));
  // What failed for good or was refused is not over as it should be: the wait for it to be over says so.
  return [
    spool.incoming,
    spool.pending,
    spool.retrying,
    spool.failed,
    spool.rejected,
    ...claimed.map(({ name }) => spool.slot(name)),
  ].reduce((sum, folder) => sum + (fs.existsSync(folder) ? files(folder) : 0), 0);
}
