import type { Command } from 'commander';
import { formatDuration } from '../../spool/duration.ts';
import { parseJobName } from '../../spool/filename.ts';
import { Liveness } from '../../spool/liveness.ts';
import { isPaused } from '../../spool/marker.ts';
import { overdueMs } from '../../spool/overdue.ts';
import { countByState, places } from '../../spool/query.ts';
import { slotViews } from '../../spool/slots.ts';
import type { Spool } from '../../spool/spool.ts';
import { STATES, type State } from '../../spool/state.ts';
import { colour, print, printJson, stateInColour } from '../output.ts';
import { configOf, existingSpool } from './settings.ts';

/** All that `stats` says. Ages in milliseconds, space in bytes. */
type Stats = {
  counts: Record<State, number>;
  /** How long the job that has been due longest has been waiting. */
  oldestPendingMs: number | null;
  paused: boolean;
  dispatchers: string[];
  runners: string[];
  /** Slots whose holder is dead; the next dispatcher rescues what is in them. */
  deadSlots: string[];
  freeBytes: number;
};

/** `stats`: the spool in numbers. */
export function addStats(program: Command): void {
  program
    .command('stats')
    .description('how many jobs are in each state, who works on them, and the free disk space')
    .option('--json', 'print them as one JSON object')
    .addHelpText('after', '\nExamples:\n  $ jobspool stats\n  $ jobspool stats --json | jq .counts.failed')
    .action(({ json }: { json?: true }, command: Command) => {
      const stats = statsOf(existingSpool(command), configOf(command).staleMs, Date.now());
      if (json) printJson(stats);
      else for (const line of described(stats)) print(line);
    });
}

function statsOf(spool: Spool, staleMs: number, now: number): Stats {
  const all = slotViews(spool, new Liveness(spool, staleMs), now);
  const alive = (kind: 'dispatcher' | 'runner') => all.filter((one) => one.life === 'alive' && one.kind === kind).map(({ slot }) => slot);
  return {
    counts: countByState(spool, now),
    oldestPendingMs: oldestPendingMs(spool, now),
    paused: isPaused(spool),
    dispatchers: alive('dispatcher'),
    runners: alive('runner'),
    deadSlots: all.filter(({ life }) => life !== 'alive').map(({ slot }) => slot),
    freeBytes: spool.disk.freeBytes(spool.root),
  };
}

/** So many are looked at: the one with the oldest run-at need not have waited longest (`overdueMs`). */
const MOST_OVERDUE = 100;

function oldestPendingMs(spool: Spool, now: number): number | null {
  const waits = mostOverdue(spool, now).flatMap(({ file, runAt }) => overdueMs(spool, file, runAt, now) ?? []);
  return waits.length === 0 ? null : Math.max(...waits);
}

function mostOverdue(spool: Spool, now: number): { file: string; runAt: number }[] {
  let overdue: { file: string; runAt: number }[] = [];
  for (const state of ['pending', 'retrying'] as const) {
    for (const { name, file } of places(spool, state, now)) {
      const runAt = parseJobName(name)?.runAt ?? 0;
      const isAmong = overdue.length < MOST_OVERDUE || runAt < (overdue.at(-1)?.runAt ?? 0);
      if (runAt <= now && isAmong) overdue = [...overdue, { file, runAt }].sort((a, b) => a.runAt - b.runAt).slice(0, MOST_OVERDUE);
    }
  }
  return overdue;
}

function described({ counts, oldestPendingMs, paused, dispatchers, runners, deadSlots, freeBytes }: Stats): string[] {
  const states = STATES.map((state) => `${String(counts[state]).padStart(9)}  ${stateInColour(state)}`);
  return [
    ...states,
    '',
    `oldest pending  ${oldestPendingMs === null ? 'none' : `for ${formatDuration(oldestPendingMs)}`}`,
    `dispatchers     ${named(dispatchers)}`,
    `runners         ${named(runners)}`,
    ...(deadSlots.length === 0 ? [] : [`dead slots      ${named(deadSlots)}`]),
    `free disk       ${Math.floor(freeBytes / 1_048_576)} MiB`,
    ...(paused ? [colour('yellow', 'paused          nothing new is claimed until jobspool resume')] : []),
  ];
}

const named = (all: string[]): string => (all.length === 0 ? 'none' : `${all.length}: ${all.join(' ')}`);
