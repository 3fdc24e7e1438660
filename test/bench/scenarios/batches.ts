import { ends, onlySubmit, type Ran, runJobs } from '../run-jobs.ts';
import type { Figures, Scenario } from '../scenario.ts';

const how = { kind: 'batches', size: 1_000 } as const;

/** Bulk calls of 1,000 jobs each, and for comparison producers that submit one by one. */
export const scenarios: Scenario[] = [
  {
    name: 'producers',
    title: 'producers only, one by one, 50 calls in flight, 200 B',
    durability: 'process',
    main: 'perSecond',
    measure: (bout) => onlySubmit(bout, { how: { kind: 'one-by-one', inFlight: 50 } }),
  },
  {
    name: 'producers-full',
    title: 'producers only, one by one, power-loss safe, 8 producers, 200 B',
    durability: 'power',
    main: 'perSecond',
    jobs: (asked) => asked / 5,
    measure: (bout) => onlySubmit(bout, { how: { kind: 'one-by-one', inFlight: 8 } }),
  },
  {
    name: 'batch',
    title: 'producers only, batches of 1,000',
    durability: 'process',
    main: 'perSecond',
    measure: (bout) => onlySubmit(bout, { how }),
  },
  { name: 'batch-run', title: 'batches of 1,000, enqueue and run at once', durability: 'process', main: 'perSecond', measure },
  {
    name: 'batch-full',
    title: 'producers only, batches of 1,000, power-loss safe',
    durability: 'power',
    main: 'perSecond',
    measure: (bout) => onlySubmit(bout, { how }),
  },
  {
    name: 'batch-run-full',
    title: 'batches of 1,000, enqueue and run at once, power-loss safe',
    durability: 'power',
    main: 'perSecond',
    measure,
  },
];

function measure(bout: Parameters<Scenario['measure']>[0]): Promise<Figures> {
  return runJobs(bout, { how }, ({ runs, produced }: Ran) => {
    const [, last] = ends(runs);
    return { perSecond: runs.length / ((Math.max(last, produced.endedAt) - produced.startedAt) / 1_000) };
  });
}
