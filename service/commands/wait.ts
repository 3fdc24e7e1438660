import type { Command } from 'commander';
import { parseDuration } from '../../spool/duration.ts';
import type { Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { print, printJson } from '../output.ts';
import { progressLine } from '../progress-line.ts';
import { exitCodeOfJob } from './exit.ts';
import { isServed } from './served.ts';
import { existingSpool } from './settings.ts';
import { statusLine } from './status-line.ts';

type WaitFlags = { timeout?: string | undefined; json?: true | undefined };

/** `wait`: until a job is over. */
export function addWait(program: Command): void {
  program
    .command('wait')
    .description('wait until a job is over, and say how it ended')
    .argument('<id>', "the job's id")
    .option('--timeout <duration>', 'wait no longer than this: 30s, 5m; default: for ever')
    .option('--json', 'print its status as JSON')
    .addHelpText(
      'after',
      `
Exits with 0 when the job completed, 1 when it failed, was cancelled or rejected, 3 when nobody knows it, 124 when
the time is over; then the job goes on.

Examples:
  $ jobspool wait report-2026 --timeout 10m
  $ id=$(jobspool run ExampleJob execute Hello) && jobspool wait "$id" --json`,
    )
    .action((id: string, flags: WaitFlags, command: Command) => waitAndSay(existingSpool(command), id, flags));
}

/** Waits for a job, prints its status, and sets the exit code that its end asks for. */
export async function waitAndSay(spool: Spool, id: string, { timeout, json }: WaitFlags): Promise<void> {
  if (timeout !== undefined) parseDuration(timeout, 'timeout');
  if (!isServed(spool))
    console.error(`jobspool: no dispatcher runs on ${spool.root}: the job waits until one is started (jobspool serve, or jobspool drain)`);
  const progress = progressLine();
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  const began = Date.now();
  try {
    const status = await waitForJob(spool, id, {
      ...(timeout === undefined ? {} : { timeout }),
      signal: stopping.signal,
      onStatus: (seen) => progress.show(`waiting for ${seconds(Date.now() - began)}: ${statusLine(seen)}`),
    });
    progress.clear();
    if (json) printJson(status);
    else print(statusLine(status));
    process.exitCode = exitCodeOfJob(status.state);
  } finally {
    progress.clear();
  }
}

const seconds = (ms: number): string => `${Math.floor(ms / 1_000)}s`;
