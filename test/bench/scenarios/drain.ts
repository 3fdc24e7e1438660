import { rateOf, runJobs } from '../run-jobs.ts';
import type { Scenario } from '../scenario.ts';

const drain = (name: string, title: string, plan: { workMs?: number; payloadBytes?: number }): Scenario => ({
  name,
  title: `drain a backlog: ${title}`,
  durability: 'process',
  main: 'perSecond',
  measure: (bout) => runJobs(bout, { how: { kind: 'batches', size: 1_000 }, isHeld: true, ...plan }, rateOf),
});

/** A backlog that is there before the first job runs; from the first run to the last. */
export const scenarios: Scenario[] = [
  drain('drain', 'no-op jobs, 200 B', {}),
  drain('drain-20kb', 'no-op jobs, 20 kB', { payloadBytes: 20_000 }),
  { ...drain('drain-1ms', 'jobs that wait 1 ms, 200 B', { workMs: 1 }), jobs: (asked) => asked / 4 },
];
