import { runJobs, WARM_JOBS } from '../run-jobs.ts';
import type { Scenario } from '../scenario.ts';
import { quantile } from '../statistics.ts';

/** From the call that submits to the first line of the handler, when nothing else is to do. */
export const scenarios: Scenario[] = [
  {
    name: 'idle',
    title: 'idle latency: from submit to the first line of the handler, drops 15 and 75 ms apart',
    durability: 'process',
    main: 'p50Ms',
    // 60 in each of five repetitions, 300 in all, at 10,000 jobs.
    jobs: (asked) => Math.min(60, asked),
    measure: (bout) =>
      runJobs(bout, { how: { kind: 'spaced', gapsMs: [15, 75] }, warmJobs: WARM_JOBS }, ({ runs, produced }) => {
        const latencies = runs.map(({ number, at }) => at - (produced.submittedAt[number] ?? Number.NaN)).sort((a, b) => a - b);
        return { p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
      }),
  },
];
