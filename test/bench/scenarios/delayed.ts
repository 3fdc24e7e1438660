import { now } from '../clock.ts';
import { ends, runJobs } from '../run-jobs.ts';
import type { Scenario } from '../scenario.ts';

/** Jobs that wait for the same moment; from that moment to the last run. */
export const scenarios: Scenario[] = [
  {
    name: 'delayed',
    title: 'delayed jobs that are due at once, from the due time to the last run',
    durability: 'process',
    main: 'perSecond',
    measure: (bout) => {
      let due = 0;
      const at = () => {
        // A whole second: the uWSGI spooler knows no smaller ones.
        const time = Math.ceil((Date.now() + 2_000 + bout.jobs * 0.6) / 1_000) * 1_000;
        due = now() + time - Date.now();
        return time;
      };
      return runJobs(bout, { how: { kind: 'batches', size: 1_000 }, at }, ({ runs, produced }) => {
        if (produced.endedAt > due) throw new Error('the jobs were due before all of them were submitted');
        const [first, last] = ends(runs);
        // Two clocks are compared: to the millisecond. Redis's scores are whole seconds or milliseconds of the wall clock.
        if (first < due - 50) throw new Error(`a job ran ${Math.round(due - first)} ms before it was due`);
        return { perSecond: runs.length / ((last - due) / 1_000) };
      });
    },
  },
];
