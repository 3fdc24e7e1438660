import { findAllowlist } from '../jobs/load-allowlist.ts';
import { Liveness } from '../spool/liveness.ts';
import { openSpool } from '../spool/spool.ts';
import type { Setting } from '../ui/dashboard.ts';
import { type Config, type Environment, unknownVariables } from './config.ts';
import { greetingOfDashboard, urlOf } from './greeting.ts';
import { logSink } from './output.ts';
import { reasonsOfSpool } from './readiness.ts';
import { firstAndSecondSignal } from './shutdown.ts';
import { startDashboard } from './start-dashboard.ts';

export type DashboardOptions = {
  config: Config;
  /** What the settings page shows. `found`: what empty defaults came to. */
  settings(found: Environment): Setting[];
  /** Gets what is meant for a person. */
  greet(lines: string[]): void;
};

/** Serves the dashboard alone. Resolves when it was told to stop and has. Standard output carries log lines and nothing else. */
export async function runDashboard({ config, settings, greet }: DashboardOptions): Promise<void> {
  const spool = openSpool(config.dir, { durability: config.durability });
  const allowlist = findAllowlist(config.jobs);
  const liveness = new Liveness(spool, config.staleMs);
  const { first } = firstAndSecondSignal();
  const dashboard = await startDashboard(
    { config, settings: settings({ JOBSPOOL_JOBS: allowlist }), allowlist },
    { onLines: await logSink(process.stdout), readiness: async () => reasonsOfSpool(spool, liveness, config.minFreeBytes) },
  );
  const { port } = dashboard;
  const { log } = await dashboard.loaded;
  for (const name of unknownVariables(process.env)) log.warn(`${name} is set, but it is no variable of Jobspool: misspelt?`);
  greet(greetingOfDashboard(spool, config, port));
  log.info(`dashboard started on ${spool.root}`, { pid: process.pid, url: urlOf(config, port), allowlist });
  const signal = await first;
  log.info(`${signal}: the dashboard ends; jobs go on where they run`);
  await dashboard.close();
}
