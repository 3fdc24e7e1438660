import { ends, type Ran, runJobs } from '../run-jobs.ts';
import type { Figures, Scenario } from '../scenario.ts';

const flow = (name: string, title: string, inFlight: number, payloadBytes = 200): Scenario => ({
  name,
  title: `enqueue one by one and run at once: ${title}`,
  durability: 'process',
  main: 'perSecond',
  payloadBytes,
  measure: (bout) => runJobs(bout, { how: { kind: 'one-by-one', inFlight }, payloadBytes }, throughput),
});

/** One process submits, the others run; from the first call to the last run. */
export const scenarios: Scenario[] = [
  flow('flow', 'no-op jobs, 200 B, 50 calls in flight', 50),
  flow('flow-20kb', 'no-op jobs, 20 kB, 50 calls in flight', 50, 20_000),
  { ...flow('flow-full', 'no-op jobs, 200 B, power-loss safe, 8 producers', 8), durability: 'power', jobs: (asked) => asked / 5 },
];

function throughput({ runs, produced }: Ran): Figures {
  const [, last] = ends(runs);
  return { perSecond: runs.length / ((Math.max(last, produced.endedAt) - produced.startedAt) / 1_000) };
}
