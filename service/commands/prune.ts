import type { Command } from 'commander';
import { parseDuration } from '../../spool/duration.ts';
import { type Pruned, prune, type Retention } from '../../spool/prune.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Config } from '../config.ts';
import { print, printJson } from '../output.ts';
import { configOf, existingSpool } from './settings.ts';

type PruneFlags = { completed?: string; failed?: string; logs?: string; dryRun?: true; json?: true };

/** `prune`: remove what is older than its retention. */
export function addPrune(program: Command): void {
  program
    .command('prune')
    .description('remove finished jobs and logs that are older than their retention; a service does it every hour')
    .option('--completed <duration>', 'keep completed jobs so long (JOBSPOOL_KEEP_COMPLETED; default 7d); whole days go')
    .option('--failed <duration>', 'keep failed, cancelled and rejected jobs so long (JOBSPOOL_KEEP_FAILED; default 30d)')
    .option('--logs <duration>', 'keep the logs of finished jobs so long (JOBSPOOL_KEEP_LOGS; default 14d)')
    .option('--dry-run', 'only say what would be removed')
    .option('--json', 'print the counts as one JSON object')
    .addHelpText('after', '\nExamples:\n  $ jobspool prune --dry-run\n  $ jobspool prune --failed 0 --logs 1d')
    .action((flags: PruneFlags, command: Command) => {
      const spool = existingSpool(command);
      const pruned = prune(flags.dryRun ? untouched(spool) : spool, retentionOf(flags, configOf(command)));
      if (flags.json) printJson(pruned);
      else print(`${flags.dryRun ? 'would remove' : 'removed'} ${words(pruned)}`);
    });
}

function retentionOf({ completed, failed, logs }: PruneFlags, config: Config): Retention {
  const chosen = (flag: string | undefined, name: string, configured: number) =>
    flag === undefined ? configured : parseDuration(flag, name);
  return {
    keepCompletedMs: chosen(completed, '--completed', config.keepCompletedMs),
    keepFailedMs: chosen(failed, '--failed', config.keepFailedMs),
    keepLogsMs: chosen(logs, '--logs', config.keepLogsMs),
  };
}

/** The same spool, from which nothing is removed. */
function untouched(spool: Spool): Spool {
  return { ...spool, disk: { ...spool.disk, remove: (file) => spool.disk.exists(file), removeFolder: () => true } };
}

function words({ completedDays, failed, cancelled, rejected, logs, drafts }: Pruned): string {
  return [
    `${completedDays} ${completedDays === 1 ? 'day' : 'days'} of completed jobs`,
    `${failed} failed`,
    `${cancelled} cancelled`,
    // A rejected job is its file and its reason.
    `${rejected} files of rejected`,
    `${logs} logs`,
    `${drafts} abandoned drafts`,
  ].join(', ');
}
