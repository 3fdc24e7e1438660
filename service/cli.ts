/** The command line: its verbs, and what becomes of an error. */
import { Command, CommanderError } from 'commander';
import { errnoOf, messageOf, SpoolError } from '../spool/errors.ts';
import { EXIT, exitCodeOf, Refusal } from './commands/exit.ts';
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
    await (await makeProgram(argv[2])).parseAsync(argv);
  } catch (error) {
    // Commander has printed its own message or the help.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    else fail(error);
  }
}

type Load = () => Promise<(program: Command) => void>;

/** Every file of commands, with the verbs that it adds; in the order of the help. */
const GROUPS: Record<string, [verbs: string[], load: Load][]> = {
  'Serve:': [
    [['serve', 'dispatch'], async () => (await import('./commands/serve.ts')).addServe],
    [['ui'], async () => (await import('./commands/ui.ts')).addUi],
    [['drain'], async () => (await import('./commands/drain.ts')).addDrain],
  ],
  'Enqueue and run:': [
    [['run'], async () => (await import('./commands/run.ts')).addRun],
    [['exec'], async () => (await import('./commands/exec.ts')).addExec],
  ],
  'Look:': [
    [['ls'], async () => (await import('./commands/ls.ts')).addLs],
    [['show', 'status'], async () => (await import('./commands/show.ts')).addShow],
    [['wait'], async () => (await import('./commands/wait.ts')).addWait],
    [['logs'], async () => (await import('./commands/logs.ts')).addLogs],
    [['stats'], async () => (await import('./commands/stats.ts')).addStats],
  ],
  'Steer:': [
    [['cancel'], async () => (await import('./commands/steer.ts')).addCancel],
    [['retry'], async () => (await import('./commands/steer.ts')).addRetry],
    [['rm'], async () => (await import('./commands/steer.ts')).addRemove],
    [['pause', 'resume'], async () => (await import('./commands/pause.ts')).addPause],
  ],
  'Care:': [
    [['prune'], async () => (await import('./commands/prune.ts')).addPrune],
    [['clear-logs'], async () => (await import('./commands/clear-logs.ts')).addClearLogs],
    [['fsck'], async () => (await import('./commands/fsck.ts')).addFsck],
    [['doctor'], async () => (await import('./commands/doctor.ts')).addDoctor],
    [['health'], async () => (await import('./commands/health.ts')).addHealth],
  ],
};

/** With `verb`, when it is one, that verb's commands alone: to load all takes several times as long, and a health check comes each few seconds. */
async function makeProgram(verb: string | undefined): Promise<Command> {
  const program = new Command('jobspool')
    .description('Runs background jobs from a spool: a directory whose files are the queue.')
    .option('--dir <folder>', 'the spool (JOBSPOOL_DIR; default ./var/spool)')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help, or that of a command')
    .exitOverride()
    .showHelpAfterError('(add --help for the usage and examples)')
    .addHelpText('after', EXIT_CODES);
  const isVerb = Object.values(GROUPS).some((group) => group.some(([verbs]) => verbs.includes(verb ?? '')));
  for (const [heading, group] of Object.entries(GROUPS)) {
    program.commandsGroup(heading);
    for (const [verbs, load] of group) if (!isVerb || verbs.includes(verb ?? '')) (await load())(program);
  }
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
