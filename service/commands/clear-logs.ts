import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { prune } from '../../spool/prune.ts';
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
      print(await clearLogs(spool));
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

async function clearLogs(spool: Spool): Promise<string> {
  const { ERRORS_FILE, EVENTS_FILE, EventLog } = await import('../../jobs/event-log.ts');
  const rotated = [EVENTS_FILE, ERRORS_FILE].flatMap((name) => rotatedOf(spool, name));
  for (const name of rotated) spool.disk.remove(path.join(spool.logs, name));
  for (const name of [EVENTS_FILE, ERRORS_FILE]) empty(spool, path.join(spool.logs, name));
  const now = Date.now();
  // Prune knows which jobs are live. It keeps all else.
  const { logs } = prune(spool, { keepCompletedMs: now, keepFailedMs: now, keepLogsMs: 0 }, now);
  const text = `logs cleared by hand: the service logs, ${rotated.length} rotated files, ${logs} logs of finished jobs`;
  const log = new EventLog(spool);
  log.info(text, { rotated: rotated.length, logs });
  log.close();
  return text;
}

function rotatedOf(spool: Spool, name: string): string[] {
  const stem = `${path.parse(name).name}.`;
  return spool.disk
    .names(spool.logs)
    .filter((file) => file !== name && file.startsWith(stem) && /\.\d{4}-\d{2}-\d{2}(\.\d+)?\.log$/.test(file));
}

// Emptied in place: whoever has it open goes on appending to the same file.
function empty(spool: Spool, file: string): void {
  if (!spool.disk.exists(file)) return;
  const fd = spool.disk.openAppend(file);
  spool.disk.truncate(fd, 0);
  spool.disk.close(fd);
}
