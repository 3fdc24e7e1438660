import { ends, runJobs } from '../run-jobs.ts';
import type { Scenario } from '../scenario.ts';

const waiting = (workMs: number, concurrency: number): Scenario => ({
  name: `wait-${workMs}ms-${concurrency}`,
  group: 'waiting',
  title: `jobs that only wait ${workMs} ms, ${concurrency} at once`,
  durability: 'process',
  main: 'ofIdeal',
  maxReps: 3,
  // Two seconds in the ideal case at 10,000 jobs asked for.
  jobs: (asked) => concurrency * Math.max(2, Math.round((Math.min(1, asked / 10_000) * 2_000) / workMs)),
  measure: (bout) =>
    runJobs(bout, { how: { kind: 'batches', size: 1_000 }, isHeld: true, workMs, concurrency }, ({ runs }) => {
      const [first, last] = ends(runs);
      const ideal = Math.ceil(runs.length / concurrency) * workMs;
      return { ofIdeal: ideal / (last + workMs - first) };
    }),
});

/** I/O: jobs that wait. The ideal is that all of the concurrency is always waiting. */
export const scenarios: Scenario[] = [20, 200].flatMap((workMs) => [2, 16, 100].map((concurrency) => waiting(workMs, concurrency)));
