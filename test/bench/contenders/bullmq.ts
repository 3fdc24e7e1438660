import path from 'node:path';
import type { Contender, Job, JobOptions } from '../contender.ts';
import { type Driver, loadPeer, missingPeer, openNodePeer, peerVersion } from '../node-peer.ts';
import { type AppendOnly, missingRedis, redisVersion, startRedis } from '../servers/redis.ts';

/** BullMQ as its guide says for throughput: many jobs at once in one worker, completed jobs removed, `addBulk` for many. */
export const contenders: Contender[] = [
  bullmq('bullmq-off', 'off'),
  bullmq('bullmq-everysec', 'everysec'),
  bullmq('bullmq-everysec-2', 'everysec', 2),
  bullmq('bullmq-always', 'always'),
  {
    ...bullmq('bullmq-sandboxed', 'everysec'),
    family: 'bullmq-sandboxed',
    settings: 'AOF everysec, sandboxed processor in child processes, concurrency 2',
    share: 0.1,
    open: async (stage) =>
      openNodePeer({
        module: 'bullmq.ts',
        stage,
        server: await startRedis(stage.folder, 'everysec'),
        settings: { concurrency: 2, workers: 1, isSandboxed: true },
      }),
  },
];

/** As a producer and as a worker. */
export const driver: Driver = {
  producer: async ({ address }) => {
    const { Queue } = await loadPeer<BullMq>('bullmq');
    const queue = new Queue('bench', { connection: { path: address } });
    await queue.waitUntilReady();
    return {
      submit: (job, options) => queue.add('work', job, optionsOf(options)),
      submitBatch: (jobs, options) => queue.addBulk(jobs.map((data) => ({ name: 'work', data, opts: optionsOf(options) }))),
      left: async () => Object.values(await queue.getJobCounts('wait', 'active', 'delayed', 'failed', 'paused')).reduce((a, b) => a + b, 0),
    };
  },
  work: async ({ address, concurrency, isSandboxed }, work) => {
    const { Worker } = await loadPeer<BullMq>('bullmq');
    const options = { connection: { path: address }, concurrency, maxStalledCount: 0 };
    const processor = isSandboxed
      ? path.join(import.meta.dirname, '../bullmq-processor.ts')
      : (job: BullJob) => work(job.data, job.attemptsMade === 0);
    const worker = new Worker('bench', processor, options);
    worker.on('error', (error) => console.error(error));
    await worker.waitUntilReady();
  },
};

/** What of a BullMQ job is used. `attemptsMade` is 0 in its first attempt. */
export type BullJob = { data: Job; attemptsMade: number };

type BullMq = {
  Queue: new (
    name: string,
    options: object,
  ) => {
    waitUntilReady(): Promise<unknown>;
    add(name: string, data: Job, options: object): Promise<unknown>;
    addBulk(jobs: object[]): Promise<unknown>;
    getJobCounts(...states: string[]): Promise<Record<string, number>>;
  };
  Worker: new (
    name: string,
    processor: string | ((job: BullJob) => Promise<void>),
    options: object,
  ) => { on(event: 'error', listener: (error: Error) => void): void; waitUntilReady(): Promise<unknown> };
};

const optionsOf = ({ at, retries }: JobOptions) => ({
  removeOnComplete: true,
  attempts: retries + 1,
  ...(at === undefined ? {} : { delay: Math.max(0, at - Date.now()) }),
});

function bullmq(name: string, appendOnly: AppendOnly, workers = 1): Contender {
  return {
    name,
    family: 'bullmq',
    settings: `AOF ${appendOnly}, concurrency 50, ${workers} worker process${workers === 1 ? '' : 'es'}, removeOnComplete`,
    durability: appendOnly === 'always' ? 'power' : 'process',
    missing: () => missingPeer('bullmq') ?? missingPeer('ioredis') ?? missingRedis(),
    version: () => `${peerVersion('bullmq')} with ioredis ${peerVersion('ioredis')} on Redis ${redisVersion()}`,
    open: async (stage) =>
      openNodePeer({
        module: 'bullmq.ts',
        stage,
        server: await startRedis(stage.folder, appendOnly),
        settings: { concurrency: 50, workers },
      }),
  };
}
