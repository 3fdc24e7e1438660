import { setTimeout as sleep } from 'node:timers/promises';
import { now } from './clock.ts';
import type { Job, JobOptions, Order, Produced } from './contender.ts';
import { isToldToFail } from './exactly-once.ts';

/** How a contender is given jobs. A call returns when the job is acknowledged. */
export type Producer = {
  submit(job: Job, options: JobOptions): Promise<unknown>;
  submitBatch(jobs: Job[], options: JobOptions): Promise<unknown>;
  /** How many jobs are not over yet. */
  left(): Promise<number>;
};

/** Carries out an order. */
export async function produce(producer: Producer, order: Order): Promise<Produced> {
  const jobs = jobsOf(order);
  const options: JobOptions = { at: order.at, retries: order.failEvery > 0 ? 1 : 0 };
  const submittedAt: number[] = [];
  const startedAt = now();
  if (order.how.kind === 'one-by-one') await oneByOne(producer, jobs, options, order.how.inFlight);
  if (order.how.kind === 'batches') await inBatches(producer, jobs, options, order.how.size);
  if (order.how.kind === 'spaced') {
    for (const [index, job] of jobs.entries()) {
      await sleep(order.how.gapsMs[index % order.how.gapsMs.length]);
      submittedAt.push(now());
      await producer.submit(job, options);
    }
  }
  return { startedAt, endedAt: now(), submittedAt };
}

async function oneByOne(producer: Producer, jobs: Job[], options: JobOptions, inFlight: number): Promise<void> {
  let next = 0;
  const loop = async () => {
    for (let job = jobs[next++]; job; job = jobs[next++]) await producer.submit(job, options);
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
}

async function inBatches(producer: Producer, jobs: Job[], options: JobOptions, size: number): Promise<void> {
  for (let from = 0; from < jobs.length; from += size) await producer.submitBatch(jobs.slice(from, from + size), options);
}

function jobsOf({ first, count, workMs, failEvery, payloadBytes }: Order): Job[] {
  const payload = 'x'.repeat(Math.max(0, payloadBytes));
  return Array.from({ length: count }, (_, index) => ({
    number: first + index,
    workMs,
    fails: isToldToFail(first + index, failEvery),
    payload,
  }));
}
