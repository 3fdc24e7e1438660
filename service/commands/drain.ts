import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { whyUnusable } from '../../spool/access.ts';
import { formatDuration } from '../../spool/duration.ts';
import { completedLines, places } from '../../spool/query.ts';
import { shortageOf } from '../../spool/room.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import type { Config } from '../config.ts';
import type { Dispatcher } from '../dispatcher.ts';
import { logSink, print, printJson } from '../output.ts';
import { progressLine } from '../progress-line.ts';
import { EXIT, Refusal } from './exit.ts';
import { addFlags, configOf } from './settings.ts';

/** `drain`: run everything that is due, then exit. */
export function addDrain(program: Command): void {
  const drain = program
    .command('drain')
    .description('run everything that is due, then exit')
    .option('--json', 'print the summary as one JSON object')
    .addHelpText(
      'after',
      `
Jobs whose run-at or next attempt is still to come are left waiting. The log goes to standard error, the summary to
standard output. Exits with 0 also when jobs failed; with 4 when the spool is paused or its disk is full.

Examples:
  $ jobspool drain
  $ jobspool drain --runners 4 --json 2>/dev/null
  $ */5 * * * *  cd /srv/app && npx jobspool drain        # instead of a service, in a crontab`,
    )
    .action(async ({ json }: { json?: true }, command: Command) => {
      const { signal, summary } = await drainOnce(configOf(command, 'dispatcher'));
      if (json) printJson(summary);
      else print(sentence(summary));
      if (signal) process.exitCode = EXIT.interrupted;
    });
  addFlags(drain, 'dispatcher');
}

type Summary = {
  completed: number;
  failed: number;
  cancelled: number;
  rejected: number;
  retryingLater: number;
  scheduled: number;
  tookMs: number;
};

/** How often an idle dispatcher is looked at. */
const EVERY_MS = 50;

async function drainOnce(config: Config): Promise<{ signal: NodeJS.Signals | undefined; summary: Summary }> {
  const { Dispatcher } = await import('../dispatcher.ts');
  const { findAllowlist, loadAllowlist } = await import('../../jobs/load-allowlist.ts');
  const { firstAndSecondSignal } = await import('../shutdown.ts');
  const spool = openSpool(config.dir, { durability: config.durability });
  // A service waits for room; who drains wants to hear of it.
  const shortage = shortageOf(spool.disk.room(spool.root), config.minFreeBytes);
  if (shortage) throw refusalFor(shortage.kind, spool);
  const allowlist = await loadAllowlist(findAllowlist(config.jobs));
  const began = Date.now();
  const progress = progressLine();
  const sink = await logSink(process.stderr);
  const onLines = (lines: string) => {
    progress.clear();
    sink(lines);
  };
  const dispatcher = new Dispatcher({ spool, config, allowlist, onLines });
  const { first, second } = firstAndSecondSignal();
  let signal: NodeJS.Signals | undefined;
  first.then((name) => {
    signal = name;
    dispatcher.takeNothingNew();
  });
  await dispatcher.start();
  while (!signal && !dispatcher.obstacle && !(await isDrained(dispatcher))) {
    progress.show(`draining: ${summaryWords(spool)}, for ${formatDuration(Date.now() - began)}`);
    await sleep(EVERY_MS);
  }
  progress.clear();
  const { obstacle } = dispatcher;
  const wasDrained = dispatcher.isIdle;
  await dispatcher.stop(second);
  if (obstacle && !wasDrained && !signal) throw refusalFor(obstacle, spool);
  return { signal, summary: summarise(spool, began) };
}

// A file may have been dropped, or a job come back, since the folders were read last.
async function isDrained(dispatcher: Dispatcher): Promise<boolean> {
  if (!dispatcher.isIdle) return false;
  await dispatcher.look();
  return dispatcher.isIdle;
}

function refusalFor(obstacle: string, spool: Spool): Refusal {
  const why = WHY[obstacle]?.(spool) ?? 'it stops';
  return new Refusal(EXIT.conflict, `drain ${spool.root}: expected to claim jobs, but ${why}. What is due is left waiting.`);
}

const WHY: Record<string, (spool: Spool) => string> = {
  paused: (spool) => `it is paused; jobspool resume, or rm ${spool.paused}, lets it go on`,
  'disk-low': () => 'its disk has less free space than JOBSPOOL_MIN_FREE; make room',
  'disk-full': () => 'its disk is full; make room',
  unusable: (spool) => whyUnusable(spool) ?? 'the spool could not be used just now',
  lost: () => 'another host took this one for dead; run it again',
};

function summaryWords(spool: Spool): string {
  const waiting = spool.disk.names(spool.incoming).length + spool.disk.names(spool.pending).length;
  return `${waiting} waiting, ${count(places(spool, 'running'))} running`;
}

/** What ended since `began`, whoever ran it, and what is left; read from the spool. */
function summarise(spool: Spool, began: number): Summary {
  // File times come from the kernel's tick, a little behind the clock.
  const isNew = (file: string) => (spool.disk.facts(file)?.mtimeMs ?? 0) >= began - 20;
  const ended = (state: 'failed' | 'cancelled') => count(places(spool, state), ({ file }) => isNew(file));
  return {
    completed: countCompleted(spool, new Date(began).toISOString()),
    failed: ended('failed'),
    cancelled: ended('cancelled'),
    rejected: count(places(spool, 'rejected'), ({ name }) => isNew(spool.reason(name))),
    retryingLater: count(places(spool, 'retrying')),
    scheduled: count(places(spool, 'scheduled')),
    tookMs: Date.now() - began,
  };
}

function countCompleted(spool: Spool, since: string): number {
  let completed = 0;
  for (const { finishedAt } of completedLines(spool)) {
    // Newest first.
    if (finishedAt < since) break;
    completed += 1;
  }
  return completed;
}

function count<T>(items: Iterable<T>, isCounted: (item: T) => boolean = () => true): number {
  let total = 0;
  for (const item of items) if (isCounted(item)) total += 1;
  return total;
}

function sentence({ completed, failed, cancelled, rejected, retryingLater, scheduled, tookMs }: Summary): string {
  const rare = [cancelled > 0 ? `${cancelled} cancelled, ` : '', rejected > 0 ? `${rejected} rejected, ` : ''].join('');
  return `drained in ${formatDuration(tookMs)}: ${completed} completed, ${failed} failed, ${rare}${retryingLater} retrying later, ${scheduled} scheduled`;
}
