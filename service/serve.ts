import { findAllowlist, loadAllowlist } from '../jobs/load-allowlist.ts';
import { openSpool } from '../spool/spool.ts';
import type { Setting } from '../ui/dashboard.ts';
import { type Config, type Environment, unknownVariables } from './config.ts';
import { Dispatcher } from './dispatcher.ts';
import { greetingOfService, urlOf } from './greeting.ts';
import { keepDashboard } from './keep-dashboard.ts';
import { logSink } from './output.ts';
import { reasonsOfService } from './readiness.ts';
import { firstAndSecondSignal } from './shutdown.ts';

export type ServiceOptions = {
  config: Config;
  /** Serves the dashboard beside the dispatcher, which shows these settings; undefined: it only dispatches. `found`: what empty defaults came to. */
  settings: ((found: Environment) => Setting[]) | undefined;
  /** Gets what is meant for a person. */
  greet(lines: string[]): void;
};

/**
 * Runs jobs, and serves the dashboard where it is asked for. Resolves when the service was told to stop and has. Standard output carries log
 * lines and nothing else.
 */
export async function runService({ config, settings, greet }: ServiceOptions): Promise<void> {
  const spool = openSpool(config.dir, { durability: config.durability });
  const allowlist = await loadAllowlist(findAllowlist(config.jobs));
  const onLines = await logSink(process.stdout);
  const dispatcher = new Dispatcher({ spool, config, allowlist, onLines });
  for (const name of unknownVariables(process.env)) dispatcher.log.warn(`${name} is set, but it is no variable of Jobspool: misspelt?`);
  const { first, second } = firstAndSecondSignal();
  const found = { JOBSPOOL_JOBS: allowlist.file, JOBSPOOL_RUNNERS: String(config.runners) };
  const plan = settings && { config, settings: settings(found), allowlist: allowlist.file };
  const keeper = { log: dispatcher.log, onLines, reasons: () => reasonsOfService(spool, dispatcher) };
  const dashboard = plan && (await keepDashboard(plan, keeper));
  first.then(() => dispatcher.takeNothingNew());
  await dispatcher.start();
  greet(greetingOfService(spool, config, allowlist, dashboard?.port));
  dispatcher.log.info(`dispatcher started with ${config.runners} runners on ${spool.root}`, {
    pid: process.pid,
    ...(dashboard ? { url: urlOf(config, dashboard.port) } : {}),
    allowlist: allowlist.file,
  });
  const signal = await Promise.race([first, dispatcher.lost]);
  if (!signal) process.exitCode = 1;
  dispatcher.log.info(
    `${signal ?? 'its slot is lost'}: no new job is claimed; running ones have ${config.shutdownGraceMs} ms. A second signal skips the waiting.`,
  );
  await dispatcher.stop(second);
  // Last: who watches the dashboard sees the running jobs end.
  await dashboard?.close();
}
