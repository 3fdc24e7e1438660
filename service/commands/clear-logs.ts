import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { clearLogs } from '../../spool/clear-logs.ts';
import type { Spool } from '../../spool/spool.ts';
import { print } from '../output.ts';
import { EXIT, usage } from './exit.ts';
import { existingSpool } from './settings.ts';

/** `clear-logs`: empty the logs. */
export function addClearLogs(program: Command): void {
  program
    .command('clear-logs')
    .description('empty the two service logs, remove their rotated files and the logs of finished jobs')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      `
The logs of jobs that wait or run stay. Nothing that is written meanwhile is lost: the service logs are emptied, not removed.

Examples:
  $ jobspool clear-logs
  $ jobspool clear-logs --yes`,
    )
    .action(async ({ yes }: { yes?: true }, command: Command) => {
      const spool = existingSpool(command);
      if (!yes && !(await isConfirmed(`Empty the logs in ${spool.logs}?`))) {
        console.error('jobspool: nothing was changed');
        process.exitCode = EXIT.failed;
        return;
      }
      print(await clearAndLog(spool));
    });
}

async function isConfirmed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw usage('clear-logs: expected --yes, because there is no terminal to ask on; nothing was changed');
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(`${question} [y/N] `)).trim());
  } finally {
    asking.close();
  }
}

async function clearAndLog(spool: Spool): Promise<string> {
  const { EventLog } = await import('../../jobs/event-log.ts');
  const { rotated, jobLogs } = clearLogs(spool);
  const text = `logs cleared by hand: the service logs, ${rotated} rotated files, ${jobLogs} logs of finished jobs`;
  const log = new EventLog(spool);
  log.info(text, { rotated, logs: jobLogs });
  log.close();
  return text;
}
