import type { Command } from 'commander';
import type { Environment } from '../config.ts';
import { addFlags, configOf, settingsFor } from './settings.ts';

/** `serve` and `dispatch`: run jobs until told to stop. */
export function addServe(program: Command): void {
  const serve = program
    .command('serve')
    .description('run jobs, and serve the dashboard and the HTTP API')
    .addHelpText(
      'after',
      `
Runs until SIGINT or SIGTERM: then nothing new is claimed, running jobs get the shutdown grace, and what did not
finish is released to run again. A second signal skips the waiting. Exits with 0 when it stopped as it was told.
The dashboard is at http://127.0.0.1:8080/dashboard; off loopback it needs a JOBSPOOL_PASSWORD or JOBSPOOL_TOKEN.

Examples:
  $ jobspool serve
  $ jobspool serve --dir /srv/spool --jobs ./allowlist.json --runners 8 --port 9090
  $ JOBSPOOL_WATCH=poll jobspool serve        # where file events do not arrive`,
    )
    .action((_options, command: Command) => run(command, 'serve'));
  addFlags(serve, 'server');
  const dispatch = program
    .command('dispatch')
    .description('run jobs, without a server')
    .addHelpText(
      'after',
      `
Any number of dispatchers may share one spool.

Examples:
  $ jobspool dispatch --dir /srv/spool
  $ jobspool dispatch --runners 2 --log-level warn`,
    )
    .action((_options, command: Command) => run(command, 'dispatch'));
  addFlags(dispatch, 'dispatcher');
}

async function run(command: Command, kind: 'serve' | 'dispatch'): Promise<void> {
  const config = configOf(command, kind === 'serve' ? 'server' : 'dispatcher');
  const { runService } = await import('../serve.ts');
  const settings = kind === 'serve' ? (found: Environment) => settingsFor(command, 'server', found) : undefined;
  await runService({ config, settings, greet: (lines) => console.error(lines.join('\n')) });
}
