/** The command line: its verbs, and what becomes of an error. */
import { Command, CommanderError } from 'commander';
import { errnoOf, messageOf, SpoolError } from '../spool/errors.ts';
import { addClearLogs } from './commands/clear-logs.ts';
import { addDoctor } from './commands/doctor.ts';
import { addDrain } from './commands/drain.ts';
import { addExec } from './commands/exec.ts';
import { EXIT, exitCodeOf, Refusal } from './commands/exit.ts';
import { addFsck } from './commands/fsck.ts';
import { addHealth } from './commands/health.ts';
import { addLogs } from './commands/logs.ts';
import { addLs } from './commands/ls.ts';
import { addPause } from './commands/pause.ts';
import { addPrune } from './commands/prune.ts';
import { addRun } from './commands/run.ts';
import { addServe } from './commands/serve.ts';
import { addShow } from './commands/show.ts';
import { addStats } from './commands/stats.ts';
import { addCancel, addRemove, addRetry } from './commands/steer.ts';
import { addUi } from './commands/ui.ts';
import { addWait } from './commands/wait.ts';
import { ConfigError } from './config-error.ts';
import { leaveWhenUnread } from './output.ts';
import { packageVersion } from './version.ts';

const EXIT_CODES = `
Exit codes:
  0 ok   1 the job failed, or something is wrong   2 usage or configuration   3 not found
  4 the job's state does not allow it   124 wait timed out   130 interrupted

Every variable of the configuration is in the README. Flags come before the environment, and that before the defaults.`;

/** Runs one command line and sets the process's exit code. Prints what went wrong on standard error; never throws. */
export async function runCli(argv: string[]): Promise<void> {
  leaveWhenUnread();
  try {
    await makeProgram().parseAsync(argv);
  } catch (error) {
    // Commander has printed its own message or the help.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else fail(error);
  }
}

function makeProgram(): Command {
  const program = new Command('jobspool')
    .description('Runs background jobs from a spool: a directory whose files are the queue.')
    .option('--dir <folder>', 'the spool (JOBSPOOL_DIR; default ./var/spool)')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help, or that of a command')
    .exitOverride()
    .showHelpAfterError('(add --help for the usage and examples)')
    .addHelpText('after', EXIT_CODES);
  program.commandsGroup('Serve:');
  for (const add of [addServe, addUi, addDrain]) add(program);
  program.commandsGroup('Enqueue and run:');
  for (const add of [addRun, addExec]) add(program);
  program.commandsGroup('Look:');
  for (const add of [addLs, addShow, addWait, addLogs, addStats]) add(program);
  program.commandsGroup('Steer:');
  for (const add of [addCancel, addRetry, addRemove, addPause]) add(program);
  program.commandsGroup('Care:');
  for (const add of [addPrune, addClearLogs, addFsck, addDoctor, addHealth]) add(program);
  return program;
}

// Ends the process: a server or a runner that was started already would keep it alive.
function fail(error: unknown): void {
  const code = exitCodeOf(error);
  if (code !== EXIT.interrupted) console.error(`jobspool: ${isExpected(error) ? messageOf(error) : stackOf(error)}`);
  process.exit(code);
}

function isExpected(error: unknown): boolean {
  // AllowlistError by name: its module is loaded only by the verbs that need it.
  const named = error instanceof Error && error.name === 'AllowlistError';
  return error instanceof Refusal || error instanceof SpoolError || error instanceof ConfigError || named || errnoOf(error) !== undefined;
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
