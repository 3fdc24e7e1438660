import type { Command } from 'commander';
import type { Environment } from '../config.ts';
import { addFlags, configOf, settingsFor } from './settings.ts';

/** `ui`: the dashboard alone. */
export function addUi(program: Command): void {
  const ui = program
    .command('ui')
    .description('serve the dashboard and the HTTP API alone, over a spool that other processes serve')
    .addHelpText(
      'after',
      `
Runs no jobs. What is done in it is read from, and written to, the spool: it works beside dispatchers on this machine or on others,
and without any. /readyz answers 503 while no dispatcher or no runner is alive.

Examples:
  $ jobspool ui --dir /srv/spool --jobs ./allowlist.json
  $ JOBSPOOL_PASSWORD_FILE=/run/secrets/password jobspool ui --host 0.0.0.0 --read-only yes`,
    )
    .action(async (_options, command: Command) => {
      const config = configOf(command, 'dashboard');
      const { runDashboard } = await import('../run-dashboard.ts');
      const settings = (found: Environment) => settingsFor(command, 'dashboard', found);
      await runDashboard({ config, settings, greet: (lines) => console.error(lines.join('\n')) });
    });
  addFlags(ui, 'dashboard');
}
