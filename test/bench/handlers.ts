import { setTimeout as sleep } from 'node:timers/promises';
import { jobContext } from '../../jobs/handler.ts';
import type { Job } from './contender.ts';
import { openTally } from './tally.ts';

const ran = openTally(process.env.BENCH_TALLY ?? '');

/** What Jobspool's runners do in the benchmark: each job notes that it ran, waits if it is told to, and fails its first attempt if it is told to. */
export class Bench {
  work({ number, workMs, fails }: Job): void | Promise<void> {
    ran(number);
    if (fails && jobContext().attempt === 1) throw new Error('told to fail');
    return workMs > 0 ? sleep(workMs) : undefined;
  }

  /** The same beside others in one process. */
  wait(job: Job): void | Promise<void> {
    return this.work(job);
  }
}
