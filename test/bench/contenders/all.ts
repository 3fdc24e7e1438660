import type { Contender } from '../contender.ts';
import { contenders as beeQueue } from './bee-queue.ts';
import { contenders as bullmq } from './bullmq.ts';
import { contenders as commands } from './commands.ts';
import { contenders as graphileWorker } from './graphile-worker.ts';
import { contenders as jobspool } from './jobspool.ts';
import { contenders as pgBoss } from './pg-boss.ts';
import { contenders as processPerJob } from './process-per-job.ts';
import { contenders as uwsgi } from './uwsgi.ts';

/** Everybody that is measured, in the order of the tables. */
export const all: Contender[] = [
  ...jobspool,
  ...uwsgi,
  ...beeQueue,
  ...bullmq,
  ...graphileWorker,
  ...pgBoss,
  ...processPerJob,
  ...commands,
];
