import type { Contender, Job, JobOptions } from '../contender.ts';
import { type Driver, loadPeer, missingPeer, openNodePeer, peerVersion } from '../node-peer.ts';
import { type AppendOnly, missingRedis, redisVersion, startRedis } from '../servers/redis.ts';

/** bee-queue as its README says for throughput: no events, no stored jobs, completed ones removed, `saveAll` for many. */
export const contenders: Contender[] = [
  beeQueue('bee-queue', 'everysec'),
  beeQueue('bee-queue-2', 'everysec', 2),
  beeQueue('bee-queue-always', 'always'),
];

/** As a producer and as a worker. */
export const driver: Driver = {
  producer: async ({ address }) => {
    const queue = await openQueue(address, false);
    return {
      submit: (job, options) => jobOf(queue, job, options).save(),
      submitBatch: async (jobs, options) => {
        const failed = await queue.saveAll(jobs.map((job) => jobOf(queue, job, options)));
        if (failed.size > 0) throw [...failed.values()][0];
      },
      left: async () => {
        const { waiting, active, delayed, failed } = await queue.checkHealth();
        return waiting + active + delayed + failed;
      },
    };
  },
  work: async ({ address, concurrency }, work) => {
    const queue = await openQueue(address, true);
    // The library counts the retries that are left.
    queue.process(concurrency, (job) => work(job.data, job.options.retries !== 0));
  },
};

type BeeJob = {
  data: Job;
  options: { retries?: number };
  retries(count: number): BeeJob;
  delayUntil(time: number): BeeJob;
  save(): Promise<unknown>;
};

type BeeQueue = {
  ready(): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): void;
  createJob(data: Job): BeeJob;
  saveAll(jobs: BeeJob[]): Promise<Map<BeeJob, Error>>;
  process(concurrency: number, handler: (job: BeeJob) => Promise<void>): void;
  checkHealth(): Promise<{ waiting: number; active: number; delayed: number; failed: number }>;
};

async function openQueue(address: string, isWorker: boolean): Promise<BeeQueue> {
  const { default: Queue } = await loadPeer<{ default: new (name: string, settings: object) => BeeQueue }>('bee-queue');
  const queue = new Queue('bench', {
    redis: { path: address },
    isWorker,
    getEvents: false,
    sendEvents: false,
    storeJobs: false,
    removeOnSuccess: true,
    activateDelayedJobs: isWorker,
  });
  queue.on('error', (error) => console.error(error));
  await queue.ready();
  return queue;
}

function jobOf(queue: BeeQueue, job: Job, { at, retries }: JobOptions): BeeJob {
  const made = queue.createJob(job);
  if (retries > 0) made.retries(retries);
  if (at !== undefined) made.delayUntil(at);
  return made;
}

function beeQueue(name: string, appendOnly: AppendOnly, workers = 1): Contender {
  return {
    name,
    family: 'bee-queue',
    settings: `AOF ${appendOnly}, concurrency 50, ${workers} worker process${workers === 1 ? '' : 'es'}, no events, removeOnSuccess`,
    durability: appendOnly === 'always' ? 'power' : 'process',
    missing: () => missingPeer('bee-queue') ?? missingRedis(),
    version: () => `${peerVersion('bee-queue')} on Redis ${redisVersion()}`,
    open: async (stage) =>
      openNodePeer({
        module: 'bee-queue.ts',
        stage,
        server: await startRedis(stage.folder, appendOnly),
        settings: { concurrency: 50, workers },
      }),
  };
}
