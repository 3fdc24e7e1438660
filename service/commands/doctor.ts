import os from 'node:os';
import type { Command } from 'commander';
import { disk } from '../../spool/disk.ts';
import { type Answer, type Check, type Finding, fail, ok } from '../../spool/doctor/finding.ts';
import { messageOf } from '../../spool/errors.ts';
import { layout } from '../../spool/layout.ts';
import { type Config, readConfig } from '../config.ts';
import { compileCache } from '../doctor/compile-cache.ts';
import { environment } from '../doctor/environment.ts';
import { port } from '../doctor/port.ts';
import { colour, oneLine, print, printJson } from '../output.ts';
import { packageVersion } from '../version.ts';
import { EXIT } from './exit.ts';
import { addFlags, configOf } from './settings.ts';

/** `doctor`: whether this machine, this configuration and this spool are fit for work. */
export function addDoctor(program: Command): void {
  const doctor = program
    .command('doctor')
    .description('check this machine, the configuration, the allow-list and the spool')
    .option('--json', 'print a JSON object per finding: check, level, what')
    .addHelpText(
      'after',
      `
Each finding is a line "ok", "warn" or "fail". Exits with 1 when one fails. Takes the flags of serve, to check what they would do. Run it
as the service's user: folders are tried, not looked at. Nothing is made, and nothing is left behind.

Examples:
  $ jobspool doctor
  $ jobspool doctor --dir /srv/spool --jobs ./allowlist.json
  $ sudo -u jobs jobspool doctor --json`,
    )
    .action(async ({ json }: { json?: true }, command: Command) => {
      let hasFailed = false;
      for await (const { check, level, what } of findings(command)) {
        hasFailed ||= level === 'fail';
        if (json) printJson({ check, level, what });
        else print(`${colour(COLOUR[level], level.padEnd(4))}  ${oneLine(what)}`);
      }
      if (hasFailed) process.exitCode = EXIT.failed;
    });
  addFlags(doctor, 'server');
}

const COLOUR = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

async function* findings(command: Command): AsyncGenerator<Finding> {
  const { examine, run } = await import('../../spool/doctor.ts');
  const { config, mistake } = configuration(command);
  const spool = { ...layout(config.dir), disk, durability: config.durability };
  yield* run(ofService(config, mistake));
  yield* examine(spool, { ...config, hasLimits: await hasLimits(config) });
}

function ofService(config: Config, mistake: string | undefined): Check[] {
  return [
    // An older Node is refused before anything else is loaded.
    ['node', () => ok(`Jobspool ${packageVersion()} on Node ${process.versions.node}, ${process.platform}`)],
    ['environment', () => environment(process.env)],
    [
      'configuration',
      () => (mistake === undefined ? ok('every variable of the configuration has a value that can be used') : fail(mistake)),
    ],
    ['allow-list', () => allowlist(config)],
    ['compile-cache', () => compileCache()],
    ['port', () => port(config)],
  ];
}

// Where the configuration is wrong, the rest is checked with the defaults: the spool is known all the same.
function configuration(command: Command): { config: Config; mistake: string | undefined } {
  try {
    return { config: configOf(command, 'server'), mistake: undefined };
  } catch (error) {
    const dir: string | undefined = command.optsWithGlobals().dir ?? process.env.JOBSPOOL_DIR;
    return { config: readConfig(dir ? { JOBSPOOL_DIR: dir } : {}, os.availableParallelism()), mistake: messageOf(error) };
  }
}

// One that cannot be loaded is told of above.
async function hasLimits({ jobs }: Config): Promise<boolean> {
  const { findAllowlist, loadAllowlist } = await import('../../jobs/load-allowlist.ts');
  return Promise.resolve()
    .then(() => loadAllowlist(findAllowlist(jobs)))
    .then(
      (list) => list.hasLimits,
      () => false,
    );
}

async function allowlist({ jobs }: Config): Promise<Answer> {
  const { findAllowlist, loadAllowlist } = await import('../../jobs/load-allowlist.ts');
  const { file, classes } = await loadAllowlist(findAllowlist(jobs));
  return ok(`the allow-list ${file} loads: ${Object.keys(classes).join(', ') || 'it is empty, so nothing may run'}`);
}
