/** What a command's flags, the environment and the defaults come to; and the spool that they name. */
import os from 'node:os';
import { type Command, Option } from 'commander';
import { disk } from '../../spool/disk.ts';
import { SpoolError } from '../../spool/errors.ts';
import { layout } from '../../spool/layout.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import type { Setting } from '../../ui/dashboard.ts';
import { type Config, type Environment, readConfig, SECRETS, settingsOf, VARIABLES, type Variable } from '../config.ts';

/** Variables that only a server needs. */
const OF_SERVER = [
  'JOBSPOOL_HOST',
  'JOBSPOOL_PORT',
  'JOBSPOOL_BASE_PATH',
  'JOBSPOOL_USER',
  'JOBSPOOL_VIEWER_USER',
  'JOBSPOOL_AUTH',
  'JOBSPOOL_READ_ONLY',
] as const satisfies Variable[];
/** Variables that only who runs jobs needs. */
const OF_DISPATCHER = [
  'JOBSPOOL_RUNNERS',
  'JOBSPOOL_SHUTDOWN_GRACE',
  'JOBSPOOL_KILL_GRACE',
  'JOBSPOOL_SCAN',
  'JOBSPOOL_WATCH',
  'JOBSPOOL_KEEP_COMPLETED',
  'JOBSPOOL_KEEP_FAILED',
  'JOBSPOOL_KEEP_LOGS',
] as const satisfies Variable[];
// Flags are in the process table for everybody to read, and --dir belongs to all commands.
const NO_FLAG: readonly string[] = [...SECRETS, 'JOBSPOOL_DIR'];

/** Which variables a command takes as flags: none but `--dir`, those of a dispatcher, those of a dashboard, or both. */
export type Reach = 'spool' | 'dispatcher' | 'dashboard' | 'server';

/** Adds a flag for each variable that a dispatcher, or a server, understands: `--runners` is `JOBSPOOL_RUNNERS`. */
export function addFlags(command: Command, reach: Reach): Command {
  for (const variable of flagsOf(reach)) {
    const { default: fallback, means } = VARIABLES[variable];
    const text = `${means} (${variable}${fallback === '' ? '' : `; default ${fallback}`})`;
    command.addOption(new Option(`--${flagName(variable)} <value>`, text));
  }
  return command;
}

/** The configuration for a command, with what is `fixed` for it whatever flags and environment say. Throws ConfigError that names every mistake. */
export function configOf(command: Command, reach: Reach = 'spool', fixed: Environment = {}): Config {
  const flags = { ...givenFlags(command, reach), ...fixed };
  // What listens nowhere needs no password for it.
  if (reach === 'spool' || reach === 'dispatcher') flags.JOBSPOOL_HOST = VARIABLES.JOBSPOOL_HOST.default;
  return readConfig(process.env, os.availableParallelism(), flags);
}

/**
 * The variables that are in force with their values and where those come from, for a command whose configuration has been read. What is for dispatchers
 * alone, a dashboard cannot know. `found`: what empty defaults came to.
 */
export function settingsFor(command: Command, reach: Reach, found: Environment): Setting[] {
  const leftOut: readonly string[] = reach === 'dashboard' ? OF_DISPATCHER : [];
  return settingsOf(process.env, givenFlags(command, reach), found).filter(({ name }) => !leftOut.includes(name));
}

/** The spool of a command that reads or steers. It must be there: a mistyped folder is not to become an empty spool. */
export function existingSpool(command: Command): Spool {
  const { dir, durability } = configOf(command);
  const { root, version } = layout(dir);
  if (disk.exists(version)) return openSpool(dir, { durability });
  throw new SpoolError(
    'SPOOL_ACCESS',
    `open the spool ${root}: expected a spool there, found none. Name it with --dir or JOBSPOOL_DIR; jobspool serve makes a new one.`,
  );
}

function givenFlags(command: Command, reach: Reach): Environment {
  const options: Record<string, string | undefined> = command.optsWithGlobals();
  const flags: Environment = { JOBSPOOL_DIR: options.dir };
  for (const variable of flagsOf(reach)) flags[variable] = options[camelCase(flagName(variable))];
  return flags;
}

function flagsOf(reach: Reach): Variable[] {
  if (reach === 'spool') return [];
  const leftOut: readonly string[] = { dispatcher: OF_SERVER, dashboard: OF_DISPATCHER, server: [] }[reach];
  return (Object.keys(VARIABLES) as Variable[]).filter((variable) => !NO_FLAG.includes(variable) && !leftOut.includes(variable));
}

const flagName = (variable: Variable): string => variable.slice('JOBSPOOL_'.length).toLowerCase().replaceAll('_', '-');

const camelCase = (text: string): string => text.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
