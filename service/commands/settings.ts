/** What a command's flags, the environment and the defaults come to; and the spool that they name. */
import os from 'node:os';
import { type Command, Option } from 'commander';
import { disk } from '../../spool/disk.ts';
import { SpoolError } from '../../spool/errors.ts';
import { layout } from '../../spool/layout.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { type Config, type Environment, readConfig, SECRETS, VARIABLES, type Variable } from '../config.ts';

/** Variables that only a server needs. */
const OF_SERVER = [
  'JOBSPOOL_HOST',
  'JOBSPOOL_PORT',
  'JOBSPOOL_BASE_PATH',
  'JOBSPOOL_USER',
  'JOBSPOOL_AUTH',
  'JOBSPOOL_READ_ONLY',
] as const satisfies Variable[];
// Flags are in the process table for everybody to read, and --dir belongs to all commands.
const NO_FLAG: readonly string[] = [...SECRETS, 'JOBSPOOL_DIR'];

/** Which variables a command takes as flags: none but `--dir`, those of a dispatcher, or those of a server too. */
export type Reach = 'spool' | 'dispatcher' | 'server';

/** Adds a flag for each variable that a dispatcher, or a server, understands: `--runners` is `JOBSPOOL_RUNNERS`. */
export function addFlags(command: Command, reach: Reach): Command {
  for (const variable of flagsOf(reach)) {
    const { default: fallback, means } = VARIABLES[variable];
    const text = `${means} (${variable}${fallback === '' ? '' : `; default ${fallback}`})`;
    command.addOption(new Option(`--${flagName(variable)} <value>`, text));
  }
  return command;
}

/** The configuration for a command. Throws ConfigError that names every mistake. */
export function configOf(command: Command, reach: Reach = 'spool'): Config {
  const options: Record<string, string | undefined> = command.optsWithGlobals();
  const flags: Environment = { JOBSPOOL_DIR: options.dir };
  for (const variable of flagsOf(reach)) flags[variable] = options[camelCase(flagName(variable))];
  // What listens nowhere needs no password for it.
  if (reach !== 'server') flags.JOBSPOOL_HOST = VARIABLES.JOBSPOOL_HOST.default;
  return readConfig(process.env, os.availableParallelism(), flags);
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

function flagsOf(reach: Reach): Variable[] {
  if (reach === 'spool') return [];
  const all = (Object.keys(VARIABLES) as Variable[]).filter((variable) => !NO_FLAG.includes(variable));
  return reach === 'server' ? all : all.filter((variable) => !(OF_SERVER as readonly string[]).includes(variable));
}

const flagName = (variable: Variable): string => variable.slice('JOBSPOOL_'.length).toLowerCase().replaceAll('_', '-');

const camelCase = (text: string): string => text.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
