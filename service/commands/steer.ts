import type { Command } from 'commander';
import type { EventLog } from '../../jobs/event-log.ts';
import { jobFields } from '../../jobs/log-move.ts';
import { Liveness } from '../../spool/liveness.ts';
import { locate } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { allows } from '../../spool/state.ts';
import { cancel, type Refused, refusal, remove, retry, runNow, type Steered } from '../../spool/steer.ts';
import { ToolSlot } from '../../spool/tool-slot.ts';
import { print } from '../output.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { ASSUMED_STALE_MS, isServed } from './served.ts';
import { existingSpool } from './settings.ts';

const EXIT_HELP = `
Each id gets a line. Exits with 3 when one of them is unknown, with 4 when the state of one does not allow it; the others are
carried out all the same.`;

/** `cancel`. */
export function addCancel(program: Command): void {
  program
    .command('cancel')
    .description('cancel jobs: those that wait at once, those that run by their signal, then TERM, then KILL')
    .argument('<id...>', 'ids of jobs')
    .addHelpText(
      'after',
      `${EXIT_HELP}

Examples:
  $ jobspool cancel report-2026
  $ jobspool ls state:pending class:Report --limit 0 --json | jq -r .id | xargs jobspool cancel`,
    )
    .action((ids: string[], _flags, command: Command) => forEach(command, ids, cancelOne));
}

/** `retry`. */
export function addRetry(program: Command): void {
  program
    .command('retry')
    .description('run jobs again: failed, cancelled and rejected ones afresh, waiting ones now')
    .argument('<id...>', 'ids of jobs')
    .addHelpText(
      'after',
      `${EXIT_HELP}

Examples:
  $ jobspool retry report-2026
  $ jobspool ls state:failed since:1h --limit 0 --json | jq -r .id | xargs jobspool retry`,
    )
    .action((ids: string[], _flags, command: Command) =>
      forEach(command, ids, async (spool, id, _log, tool) =>
        said(
          id,
          await tool.steer((slot) => retryOrRunNow(spool, id, slot)),
          'retried',
          'retry',
          (from) => `it was ${from} and ${from === 'rejected' ? 'is handed in again' : 'will run again'}`,
        ),
      ),
    );
}

/** `rm`. */
export function addRemove(program: Command): void {
  program
    .command('rm')
    .description('delete jobs that do not run, with their history and log')
    .argument('<id...>', 'ids of jobs')
    .addHelpText(
      'after',
      `${EXIT_HELP} Completed jobs are not deleted one by one: they leave by age (jobspool prune).

Examples:
  $ jobspool rm report-2026`,
    )
    .action((ids: string[], _flags, command: Command) =>
      forEach(command, ids, async (spool, id, log, tool) => {
        const steered = await tool.steer((slot) => remove(spool, id, { slot }));
        if (steered.kind === 'done') log.info(`removed by hand, it was ${steered.from}`, { id });
        return said(id, steered, 'removed', 'rm', (from) => `it was ${from}`);
      }),
    );
}

/** What was done for one id, in a sentence. */
type Said = { code: ExitCode; text: string };

/** Does one thing to one job; for the line of a batch, in a slot. */
type ActOnOne = (spool: Spool, id: string, log: EventLog, tool: ToolSlot) => Promise<Said>;

async function forEach(command: Command, ids: string[], act: ActOnOne): Promise<void> {
  const spool = existingSpool(command);
  const { EventLog } = await import('../../jobs/event-log.ts');
  const log = new EventLog(spool);
  const tool = new ToolSlot(spool);
  try {
    for (const id of ids) {
      const { code, text } = await act(spool, id, log, tool);
      if (code === EXIT.ok) print(text);
      else console.error(`jobspool: ${text}`);
      process.exitCode = Math.max(Number(process.exitCode ?? 0), code);
    }
  } finally {
    await tool.release();
    log.close();
  }
}

function said(id: string, steered: Steered, done: string, verb: string, details: (from: string) => string): Said {
  if (steered.kind !== 'done') return refused(verb, id, steered);
  return { code: EXIT.ok, text: `${id} ${done}: ${details(steered.from)}` };
}

function refused(verb: string, id: string, why: Refused): Said {
  const code = why.kind === 'unknown' ? EXIT.notFound : EXIT.conflict;
  return { code, text: `${verb} ${id}: ${refusal(why)}; nothing was changed` };
}

// Waiting jobs are retried by running them now.
function retryOrRunNow(spool: Spool, id: string, slot: string | undefined): Steered {
  const retried = retry(spool, id);
  const waits = retried.kind === 'conflict' && allows(retried.state, 'run-now');
  return waits ? runNow(spool, id, { slot }) : retried;
}

async function cancelOne(spool: Spool, id: string, log: EventLog, tool: ToolSlot): Promise<Said> {
  const cancelled = await tool.steer((slot) => cancel(spool, id, { slot }));
  if (cancelled.kind === 'asked') return { code: EXIT.ok, text: `${id} cancellation asked for: ${whoCancels(spool, id, cancelled.slot)}` };
  if (cancelled.kind !== 'cancelled') return refused('cancel', id, cancelled);
  if (cancelled.job) log.event('cancelled', jobFields(cancelled.job), 'cancelled before it ran');
  return { code: EXIT.ok, text: `${id} cancelled: it was ${cancelled.from}` };
}

/** `slot`: where the job runs, if it does. */
function whoCancels(spool: Spool, id: string, slot: string | undefined): string {
  const liveness = new Liveness(spool, ASSUMED_STALE_MS);
  if (slot !== undefined && liveness.of(slot, 0) === 'alive') return 'it runs, and its runner stops it';
  // A batch's own id is in use, and no job has it.
  const isBatch = slot === undefined && locate(spool, id) === undefined;
  const state = isBatch ? 'it is a batch, all of which is meant' : slot === undefined ? 'it is not accepted yet' : 'its runner is dead';
  return isServed(spool) ? `${state}; the dispatcher cancels it` : `${state} and no dispatcher runs, so the next one to start cancels it`;
}
