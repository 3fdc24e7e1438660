import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { type Flaw, flaws, lasting } from '../../spool/fsck.ts';
import { Liveness } from '../../spool/liveness.ts';
import type { Spool } from '../../spool/spool.ts';
import { colour, oneLine, print, printJson } from '../output.ts';
import { EXIT } from './exit.ts';
import { configOf, existingSpool } from './settings.ts';

type FsckFlags = { repair?: true; json?: true };

/** `fsck`: look the whole spool over. */
export function addFsck(program: Command): void {
  program
    .command('fsck')
    .description('check every file of the spool; a service may run meanwhile')
    .option('--repair', 'put right what needs no decision: reasons without files and files without reasons, markers for nothing')
    .option('--json', 'print a JSON object per finding')
    .addHelpText(
      'after',
      `
What dead runners left is not repaired here: the next dispatcher's rescue settles it. Exits with 1 when something is wrong and
was not repaired; notes alone are no reason.

Examples:
  $ jobspool fsck
  $ jobspool fsck --repair --json`,
    )
    .action(async (flags: FsckFlags, command: Command) => {
      const spool = existingSpool(command);
      const found = await lastingFlaws(spool, configOf(command).staleMs);
      for (const flaw of found) handle(flaw, flags);
      const left = found.filter(({ level, repair }) => level === 'wrong' && !(flags.repair && repair));
      if (found.length === 0 && !flags.json) print(`${spool.root}: nothing is wrong`);
      if (left.length > 0) process.exitCode = EXIT.failed;
    });
}

const PAUSE_MS = 300;

async function lastingFlaws(spool: Spool, staleMs: number): Promise<Flaw[]> {
  const first = [...flaws(spool, new Liveness(spool, staleMs))];
  if (first.length === 0) return first;
  await sleep(PAUSE_MS);
  return lasting(first, [...flaws(spool, new Liveness(spool, staleMs))]);
}

function handle({ level, what, repair }: Flaw, flags: FsckFlags): void {
  const isRepaired = flags.repair === true && repair !== undefined;
  if (isRepaired) repair.act();
  if (flags.json) return printJson({ level, what, repairable: repair !== undefined, ...(isRepaired ? { repaired: repair.how } : {}) });
  const hint = isRepaired ? ` [repaired: ${repair.how}]` : repair ? ' [--repair puts it right]' : '';
  print(`${colour(level === 'wrong' ? 'red' : 'yellow', level.padEnd(5))}  ${oneLine(what)}${hint}`);
}
