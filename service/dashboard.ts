import { EventLog } from '../jobs/event-log.ts';
import { loadAllowlist } from '../jobs/load-allowlist.ts';
import { Catalog } from '../spool/catalog.ts';
import { spoolAt } from '../spool/spool.ts';
import { makeApp } from '../ui/app.ts';
import type { Journal, Setting } from '../ui/dashboard.ts';
import { allowedClasses } from './allowed-classes.ts';
import type { Config } from './config.ts';
import type { Fetch } from './listen.ts';
import { packageVersion } from './version.ts';

/** What a dashboard shows and how; plain data, which may go to another thread. `allowlist` is the file. */
export type DashboardPlan = { config: Config; settings: Setting[]; allowlist: string };

/** The process around it. */
export type Surroundings = {
  /** Gets every log line, as NDJSON with its newline; several at once where they were held. */
  onLines(lines: string): void;
  /** Why work would not be taken now. */
  readiness(): Promise<string[]>;
};

export type LoadedDashboard = {
  fetch: Fetch;
  log: EventLog;
  /** Ends the streams of open pages. */
  stop(): void;
};

/** Loads the dashboard and the API, over a spool that they only read and steer. */
export async function loadDashboard(plan: DashboardPlan, { onLines, readiness }: Surroundings): Promise<LoadedDashboard> {
  const { config, settings } = plan;
  const spool = spoolAt(config.dir, { durability: config.durability });
  const allowlist = await loadAllowlist(plan.allowlist);
  const log = new EventLog(spool, { level: config.logLevel, onLines });
  const catalog = new Catalog(spool);
  const stopping = new AbortController();
  const app = makeApp({
    spool,
    catalog,
    log: journalOf(log),
    credentials: config,
    basePath: config.basePath,
    readOnly: config.readOnly,
    version: packageVersion(),
    refusal: (request, priority) => {
      const checked = allowlist.check({ ...request, submittedBy: process.geteuid?.() }, { priority });
      return checked.ok ? undefined : checked.reason;
    },
    limitation: (job, priority) => allowlist.limitation(job, { priority }),
    policyOf: (request) => allowlist.policyOf(request, config.policy),
    allowlist: allowedClasses(allowlist.classes),
    settings,
    minFreeBytes: config.minFreeBytes,
    staleMs: config.staleMs,
    logsEvents: config.logLevel === 'info' || config.logLevel === 'debug',
    readiness,
    stopping: stopping.signal,
  });
  return { fetch: app.fetch as Fetch, log, stop: () => stopping.abort() };
}

function journalOf(log: EventLog): Journal {
  return {
    info: (text, fields) => log.info(text, fields),
    warn: (text, fields) => log.warn(text, fields),
    error: (text, fields) => log.error(text, fields),
    cancelled: (job) => log.event('cancelled', job, 'cancelled before it ran'),
  };
}
