/** `logs/`: files that are none, and logs of jobs that nobody knows any more. */
import { ERRORS_FILE, EVENTS_FILE } from '../layout.ts';
import { type Flaw, note, wrong } from './flaw.ts';
import type { Look } from './look.ts';

/** The ids that have a log and of which no file was seen; the walk through the ledger takes out those that it finds. */
export function unseenLogs({ spool, sightings, step }: Look): Set<string> {
  const unseen = new Set<string>();
  for (const name of spool.disk.names(spool.jobLogs)) {
    step('logs/jobs');
    const id = name.replace(/\.log$/, '');
    if (!sightings.has(id)) unseen.add(id);
  }
  return unseen;
}

export function* inLogs({ spool }: Look, unknown: ReadonlySet<string>): Generator<Flaw> {
  for (const name of [EVENTS_FILE, ERRORS_FILE]) {
    const details = spool.disk.details(`${spool.logs}/${name}`);
    if (details && details.kind !== 'a file')
      yield wrong(
        'not-a-file',
        `logs/${name}`,
        `logs/${name} is ${details.kind}, not a log: what happens to jobs is written nowhere; remove it`,
      );
  }
  if (unknown.size === 0) return;
  const [one] = unknown;
  const count = unknown.size === 1 ? 'the log of a job' : `${unknown.size} logs of jobs`;
  const what = `logs/jobs has ${count} that nobody knows any more, such as ${one}.log: the job was removed or pruned; the service removes its log after JOBSPOOL_KEEP_LOGS`;
  yield note('orphan-log', `logs/jobs/${one}.log`, what);
}
