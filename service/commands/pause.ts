import type { Command } from 'commander';
import { isPaused, pause, resume } from '../../spool/marker.ts';
import { openSpool } from '../../spool/spool.ts';
import { print } from '../output.ts';
import { configOf, existingSpool } from './settings.ts';

/** `pause` and `resume`. */
export function addPause(program: Command): void {
  program
    .command('pause')
    .description('claim nothing new; what runs goes on, and requests are still accepted')
    .addHelpText('after', '\nThe same by hand: touch paused, in the spool.\n\nExamples:\n  $ jobspool pause')
    .action((_flags, command: Command) => {
      const { dir, durability } = configOf(command);
      const spool = openSpool(dir, { durability });
      const wasPaused = isPaused(spool);
      pause(spool);
      print(`${spool.root} ${wasPaused ? 'was paused already' : 'is paused'}: nothing new is claimed until jobspool resume`);
    });
  program
    .command('resume')
    .description('claim jobs again')
    .addHelpText('after', '\nThe same by hand: rm paused, in the spool.\n\nExamples:\n  $ jobspool resume')
    .action((_flags, command: Command) => {
      const spool = existingSpool(command);
      print(resume(spool) ? `${spool.root} is resumed: jobs are claimed again` : `${spool.root} was not paused; nothing was changed`);
    });
}
