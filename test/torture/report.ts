/** What the torture came to, for people. */
import type { ManyReport } from './many-dispatchers.ts';
import { mayGrow } from './samples.ts';
import type { SoakReport } from './soak.ts';
import type { FireReport } from './under-fire.ts';
import type { Verdict } from './verdict.ts';

const SHOWN = 40;

export function fireTable({
  seed,
  seconds,
  deeds,
  killed,
  jobsPerSecond,
  peakRss,
  slowestStopMs,
  stops,
  slowestRunnerStopMs,
  verdict,
}: FireReport): string {
  const of = (promise: string) => verdict.problems.filter((problem) => problem.promise === promise).length;
  const rows: [string, string | number][] = [
    ['seed', seed],
    ['took', `${seconds.toFixed(0)} s`],
    ['acknowledged', `${verdict.acknowledged} (${jobsPerSecond.toFixed(1)} a second)`],
    ['submitted by producers killed before they could say so', verdict.unacknowledged],
    ['completed', verdict.completed],
    ['failed', verdict.failed],
    ['cancelled', verdict.cancelled],
    [
      'rejected as duplicates',
      `${verdict.rejected}; of ${verdict.twins.bothRan} pairs of one id both ran, of ${verdict.twins.atOnce} at the same time`,
    ],
    ['executions, counted by the handlers', verdict.executions],
    [
      'killed',
      `${killed} processes: ${Object.entries(deeds.kills)
        .map(([kind, count]) => `${count} ${kind}s`)
        .join(', ')}`,
    ],
    [
      'acts',
      Object.entries(deeds.acts)
        .map(([what, count]) => `${what} ${count}`)
        .join(', '),
    ],
    ['dispatchers that were told to stop', `${stops}, the slowest took ${slowestStopMs} ms`],
    ['the slowest runner that was told to stop took', `${slowestRunnerStopMs} ms`],
    [
      'most memory',
      Object.entries(peakRss)
        .map(([kind, bytes]) => `${kind} ${megabytes(bytes)}`)
        .join(', '),
    ],
    ['lost', of('lost')],
    ['unexpected', of('unexpected')],
    ['two final outcomes', of('two final outcomes')],
    ['run twice at once', of('run twice at once')],
    ['run after its end', of('run after its end')],
    ['not over', of('not over')],
    ['duplicates', `${verdict.duplicates}, allowed ${verdict.crashes} (runners killed)`],
  ];
  return table(rows, verdict);
}

export function manyTable({ seed, jobs, kills, seconds, quietStarts, mostPassedOver, allowed, shares, verdict }: ManyReport): string {
  return table(
    [
      ['seed', seed],
      ['jobs', `${jobs} in ${seconds.toFixed(0)} s (${(jobs / seconds).toFixed(0)} a second)`],
      ['dispatchers killed and started', kills],
      ['completed', verdict.completed],
      ['failed', verdict.failed],
      ['duplicates', `${verdict.duplicates}, allowed ${verdict.crashes} (runners killed)`],
      ['starts far from any kill', quietStarts],
      ['better jobs that one of them passed over, at most', `${mostPassedOver}, allowed ${allowed} (the runners)`],
      ['jobs started by each dispatcher', Object.values(shares).join(', ')],
    ],
    verdict,
  );
}

export function soakTable({ seed, seconds, samples, series, verdict }: SoakReport): string {
  const shown = (name: string, value: number) =>
    name.endsWith('memory') || name.endsWith('bytes') ? megabytes(value) : String(Math.round(value));
  return table(
    [
      ['seed', seed],
      ['took', `${seconds.toFixed(0)} s, ${samples} samples`],
      ['acknowledged', verdict.acknowledged],
      ['completed', verdict.completed],
      ['failed, cancelled, rejected', `${verdict.failed}, ${verdict.cancelled}, ${verdict.rejected}`],
      ...series.map(({ name, growth: { from, rise, certainty, grows } }): [string, string] => [
        name,
        `${shown(name, from)}, rose by ${shown(name, rise)} (certainty ${certainty.toFixed(1)})${grows && !mayGrow(name) ? ' GROWS' : ''}`,
      ]),
    ],
    verdict,
  );
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MiB`;

function table(rows: [what: string, value: string | number][], verdict: Verdict): string {
  return [...rows.map(([what, value]) => `${what.padEnd(56)}${value}`), '', ...sentence(verdict.problems)].join('\n');
}

export function sentence(problems: readonly { promise: string; what: string }[]): string[] {
  if (problems.length === 0) return ['PASSED: every promise was kept'];
  const lines = problems.slice(0, SHOWN).map(({ promise, what }) => `  ${promise}: ${what}`);
  return [`FAILED: ${problems.length} promises were broken`, ...lines, ...(problems.length > SHOWN ? ['  …'] : [])];
}
