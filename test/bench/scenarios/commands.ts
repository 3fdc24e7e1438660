import { rateOf, runJobs } from '../run-jobs.ts';
import type { Scenario } from '../scenario.ts';

/** What it costs to start an interpreter for each job, and what it saves to keep it. */
export const scenarios: Scenario[] = [
  {
    name: 'commands',
    title: 'drain a backlog: no-op jobs of other languages, kept (lines), started for each job (once), and started by hand',
    durability: 'process',
    main: 'perSecond',
    byInvitation: true,
    measure: (bout) => runJobs(bout, { how: { kind: 'batches', size: 1_000 }, isHeld: true }, rateOf),
  },
];
