import type { Contender, Durability, Job, JobOptions } from '../contender.ts';
import { type Driver, loadPeer, missingPeer, openNodePeer, peerVersion } from '../node-peer.ts';
import { connectionString, missingPostgres, postgresVersion, startPostgres } from '../servers/postgres.ts';

const TUNED = 'listen and notify, batches of 500, bursts';

/** pg-boss as it comes (a job every two seconds), and with notifications, batches of 500 and bursts. */
export const contenders: Contender[] = [
  // Five jobs take ten seconds; more would only take longer.
  { ...pgBoss('pg-boss', 'defaults', { isTuned: false }, 'power'), share: 0.000_5, only: ['idle', 'flow-full'] },
  pgBoss('pg-boss-tuned', TUNED, { isTuned: true }, 'power'),
  pgBoss('pg-boss-async', TUNED, { isTuned: true }, 'process'),
];

/** As a producer and as a worker. */
export const driver: Driver = {
  producer: async ({ address, isTuned }) => {
    const boss = await openBoss(address, isTuned === true);
    return {
      submit: (job, options) => boss.send('bench', job, optionsOf(options)),
      submitBatch: (jobs, options) =>
        boss.insert(
          'bench',
          jobs.map((data) => ({ data, ...optionsOf(options) })),
        ),
      left: async () => {
        const { rows } = await boss
          .getDb()
          .executeSql("select count(*)::int as left from pgboss.job where name = 'bench' and state <> 'completed'");
        return rows[0]?.left ?? Number.NaN;
      },
    };
  },
  work: async ({ address, isTuned }, work) => {
    const boss = await openBoss(address, isTuned === true);
    const options = isTuned
      ? { batchSize: 500, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5, includeMetadata: true }
      : { includeMetadata: true };
    await boss.work('bench', options, async (jobs) => {
      await Promise.all(jobs.map(({ data, retryCount }) => work(data, retryCount === 0)));
    });
  },
};

type Boss = {
  on(event: 'error', listener: (error: Error) => void): void;
  start(): Promise<unknown>;
  createQueue(name: string, options: object): Promise<void>;
  send(name: string, data: Job, options: object): Promise<unknown>;
  insert(name: string, jobs: object[]): Promise<unknown>;
  work(name: string, options: object, handler: (jobs: { data: Job; retryCount: number }[]) => Promise<void>): Promise<unknown>;
  getDb(): { executeSql(text: string): Promise<{ rows: { left: number }[] }> };
};

async function openBoss(address: string, isTuned: boolean): Promise<Boss> {
  const { PgBoss } = await loadPeer<{ PgBoss: new (options: object) => Boss }>('pg-boss');
  const boss = new PgBoss({ connectionString: connectionString(address), useListenNotify: isTuned });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue('bench', isTuned ? { notify: true } : {});
  return boss;
}

const optionsOf = ({ at, retries }: JobOptions) => ({ retryLimit: retries, ...(at === undefined ? {} : { startAfter: new Date(at) }) });

function pgBoss(name: string, settings: string, peer: { isTuned: boolean }, durability: Durability): Contender {
  return {
    name,
    family: 'pg-boss',
    settings: `${settings}; synchronous_commit ${durability === 'power' ? 'on' : 'off'}`,
    durability,
    // A batch completes or fails as a whole: one job that fails runs its neighbours again.
    cannot: ['failing', 'waiting'],
    missing: () => missingPeer('pg-boss') ?? missingPostgres(),
    version: () => `${peerVersion('pg-boss')} on PostgreSQL ${postgresVersion()}`,
    open: async (stage) =>
      openNodePeer({
        module: 'pg-boss.ts',
        stage,
        server: await startPostgres(stage.folder, durability),
        settings: { concurrency: 1, workers: 1, ...peer },
      }),
  };
}
