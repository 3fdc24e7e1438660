import { rateOf, runJobs } from '../run-jobs.ts';
import type { Scenario } from '../scenario.ts';

/** A backlog of which every tenth job fails its first attempt and is tried again at once. */
export const scenarios: Scenario[] = [
  {
    name: 'failing',
    title: 'drain a backlog of which 10% fail and are tried again at once (attempts/s)',
    durability: 'process',
    main: 'perSecond',
    jobs: (asked) => asked / 2,
    measure: (bout) => runJobs(bout, { how: { kind: 'batches', size: 1_000 }, isHeld: true, failEvery: 10 }, rateOf),
  },
];
