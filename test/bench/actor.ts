/**
 * One process of a contender that is a Node library: a producer or a worker. Started by `node-peer.ts` with the contender's module, its part and its settings;
 * takes orders over IPC and answers them.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../spool/errors.ts';
import type { Job, Order } from './contender.ts';
import type { Driver, Setup } from './node-peer.ts';
import { type Producer, produce } from './producing.ts';
import { openTally } from './tally.ts';

const [module, part, setupText] = process.argv.slice(2) as [string, 'producer' | 'worker', string];
const setup = JSON.parse(setupText) as Setup;
const ran = openTally(setup.tally);

try {
  const { driver } = (await import(module)) as { driver: Driver };
  if (part === 'worker') await driver.work(setup, work);
  else listen(await driver.producer(setup));
  process.send?.({ ready: true });
} catch (error) {
  console.error(error);
  process.exit(1);
}

async function work(job: Job, isFirstAttempt: boolean): Promise<void> {
  ran(job.number);
  if (job.fails && isFirstAttempt) throw new Error('told to fail');
  if (job.workMs > 0) await sleep(job.workMs);
}

function listen(producer: Producer): void {
  process.on('message', async (question: { order: Order } | { left: true }) => {
    try {
      process.send?.('order' in question ? { answer: await produce(producer, question.order) } : { answer: await producer.left() });
    } catch (error) {
      process.send?.({ error: messageOf(error) });
    }
  });
}
