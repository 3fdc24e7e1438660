import type { Command } from 'commander';
import type { Finding } from '../../spool/doctor.ts';
import { messageOf } from '../../spool/errors.ts';
import { openSpool } from '../../spool/spool.ts';
import { type Config, unknownVariables } from '../config.ts';
import { colour, print, printJson } from '../output.ts';
import { EXIT } from './exit.ts';
import { addFlags, configOf } from './settings.ts';

/** `doctor`: whether this machine, this configuration and this spool are fit for work. */
export function addDoctor(program: Command): void {
  const doctor = program
    .command('doctor')
    .description('check this machine, the configuration, the allow-list and the spool')
    .option('--json', 'print a JSON object per finding')
    .addHelpText(
      'after',
      `
Each finding is a line "ok", "warn" or "fail". Exits with 1 when one fails. Takes the flags of serve, to check what they would do.

Examples:
  $ jobspool doctor
  $ jobspool doctor --dir /srv/spool --jobs ./allowlist.json`,
    )
    .action(async ({ json }: { json?: true }, command: Command) => {
      let hasFailed = false;
      for await (const { level, what } of findings(command)) {
        hasFailed ||= level === 'fail';
        if (json) printJson({ level, what });
        else print(`${colour(COLOUR[level], level.padEnd(4))}  ${what}`);
      }
      if (hasFailed) process.exitCode = EXIT.failed;
    });
  addFlags(doctor, 'server');
}

const COLOUR = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

async function* findings(command: Command): AsyncGenerator<Finding> {
  // An older Node is refused before anything else is loaded.
  yield { level: 'ok', what: `Node ${process.versions.node} on ${process.platform}` };
  for (const name of unknownVariables(process.env))
    yield { level: 'warn', what: `${name} is set, but it is no variable of Jobspool: misspelt?` };
  let config: Config;
  try {
    config = configOf(command, 'server');
  } catch (error) {
    yield { level: 'fail', what: messageOf(error) };
    return;
  }
  yield { level: 'ok', what: 'every variable of the configuration has a value that can be used' };
  yield await allowlistFinding(config);
  yield* spoolFindings(config);
}

async function allowlistFinding({ jobs }: Config): Promise<Finding> {
  const { findAllowlist, loadAllowlist } = await import('../../jobs/load-allowlist.ts');
  try {
    const { file, classes } = await loadAllowlist(findAllowlist(jobs));
    return { level: 'ok', what: `the allow-list ${file} loads: ${Object.keys(classes).join(', ') || 'it is empty, so nothing may run'}` };
  } catch (error) {
    return { level: 'fail', what: messageOf(error) };
  }
}

async function* spoolFindings(config: Config): AsyncGenerator<Finding> {
  const { examine } = await import('../../spool/doctor.ts');
  try {
    const spool = openSpool(config.dir, { durability: config.durability });
    yield { level: 'ok', what: `the spool ${spool.root} is on one file system, and this user may use all of its folders` };
    yield* await examine(spool, config);
  } catch (error) {
    yield { level: 'fail', what: messageOf(error) };
  }
}
