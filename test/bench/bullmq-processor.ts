/** What BullMQ's child processes run: its sandboxed processor. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BullJob } from './contenders/bullmq.ts';
import { openTally } from './tally.ts';

const ran = openTally(process.env.BENCH_TALLY ?? '');

export default async function work({ data, attemptsMade }: BullJob): Promise<void> {
  ran(data.number);
  if (data.fails && attemptsMade === 0) throw new Error('told to fail');
  if (data.workMs > 0) await sleep(data.workMs);
}
