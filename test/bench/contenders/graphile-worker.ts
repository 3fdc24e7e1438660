import type { Contender, Durability, Job, JobOptions } from '../contender.ts';
import { type Driver, loadPeer, missingPeer, openNodePeer, peerVersion } from '../node-peer.ts';
import { connectionString, missingPostgres, postgresVersion, startPostgres } from '../servers/postgres.ts';

const TUNED = 'concurrency 50, local queue of 500, batched completion';

/** graphile-worker with ten jobs at once, and as its page on performance says: a local queue and completions in batches. */
export const contenders: Contender[] = [
  { ...graphile('graphile-worker', 'concurrency 10', { concurrency: 10, isTuned: false }, 'power'), share: 0.2 },
  graphile('graphile-worker-tuned', TUNED, { concurrency: 50, isTuned: true }, 'power'),
  graphile('graphile-worker-async', TUNED, { concurrency: 50, isTuned: true }, 'process'),
];

/** As a producer and as a worker. */
export const driver: Driver = {
  producer: async ({ address }) => {
    const { makeWorkerUtils } = await loadPeer<Graphile>('graphile-worker');
    const utils = await makeWorkerUtils({ connectionString: connectionString(address), maxPoolSize: 10, ...(await quiet()) });
    await utils.migrate();
    return {
      submit: (job, options) => utils.addJob('work', job, specOf(options)),
      submitBatch: (jobs, options) => utils.addJobs(jobs.map((payload) => ({ identifier: 'work', payload, ...specOf(options) }))),
      left: async () => {
        const count = 'select count(*)::int as left from graphile_worker._private_jobs';
        const { rows } = await utils.withPgClient((client) => client.query(count));
        return rows[0]?.left ?? Number.NaN;
      },
    };
  },
  work: async ({ address, concurrency, isTuned }, work) => {
    const { run } = await loadPeer<Graphile>('graphile-worker');
    const tuned = isTuned ? { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } : {};
    await run({
      ...(await quiet()),
      preset: { worker: { connectionString: connectionString(address), maxPoolSize: 10, concurrentJobs: concurrency, ...tuned } },
      taskList: { work: (payload, { job }) => work(payload, job.attempts === 1) },
    });
  },
};

type Client = { query(text: string): Promise<{ rows: { left: number }[] }> };

type Graphile = {
  Logger: new (factory: () => () => void) => object;
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>;
    addJob(identifier: string, payload: Job, spec: object): Promise<unknown>;
    addJobs(specs: object[]): Promise<unknown>;
    withPgClient<T>(use: (client: Client) => Promise<T>): Promise<T>;
  }>;
  run(options: {
    preset: object;
    taskList: { work(payload: Job, helpers: { job: { attempts: number } }): Promise<void> };
  }): Promise<unknown>;
};

// By default it prints two lines a job.
async function quiet(): Promise<{ logger: object }> {
  const { Logger } = await loadPeer<Graphile>('graphile-worker');
  return { logger: new Logger(() => () => undefined) };
}

const specOf = ({ at, retries }: JobOptions) => ({ maxAttempts: retries + 1, ...(at === undefined ? {} : { runAt: new Date(at) }) });

function graphile(name: string, settings: string, peer: { concurrency: number; isTuned: boolean }, durability: Durability): Contender {
  return {
    name,
    family: 'graphile-worker',
    settings: `${settings}; synchronous_commit ${durability === 'power' ? 'on' : 'off'}`,
    durability,
    // Its wait before a retry is fixed, seconds and growing: that would be all that is measured.
    cannot: ['failing'],
    missing: () => missingPeer('graphile-worker') ?? missingPostgres(),
    version: () => `${peerVersion('graphile-worker')} on PostgreSQL ${postgresVersion()}`,
    open: async (stage) =>
      openNodePeer({
        module: 'graphile-worker.ts',
        stage,
        server: await startPostgres(stage.folder, durability),
        settings: { workers: 1, ...peer },
      }),
  };
}
