/** The dashboard on a fresh spool, without a server and without a service: requests go to `app.request()`. */
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Hono } from 'hono';
import { loadAllowlist } from '../../jobs/load-allowlist.ts';
import { allowedClasses } from '../../service/allowed-classes.ts';
import { Catalog } from '../../spool/catalog.ts';
import { DEFAULT_POLICY } from '../../spool/policy.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Credentials } from '../../ui/access/credentials.ts';
import type { Dashboard, Env, Journal } from '../../ui/dashboard.ts';
import type { Part } from '../../ui/shell.ts';
import { afterwards } from './afterwards.ts';
import { tempSpool } from './spool.ts';

export type TestDashboard = {
  dashboard: Dashboard;
  /** The whole application; it is loaded with the first request. */
  app: { request(path: string, init?: RequestInit): Promise<Response> };
  spool: Spool;
  journal: RecordingJournal;
};

/** What was logged, in order. */
export type RecordingJournal = Journal & { lines: { level: 'info' | 'warn' | 'error' | 'cancelled'; text: string; fields: object }[] };

/** A dashboard with the example allow-list, without any password and without a base path, unless `overrides` say otherwise. */
export async function makeDashboard(t: TestContext, overrides: Partial<Dashboard> = {}): Promise<TestDashboard> {
  const spool = overrides.spool ?? tempSpool(t);
  const allowlist = await loadAllowlist(path.resolve(import.meta.dirname, '../../jobs/allowlist.ts'));
  const journal = recordingJournal();
  const stopping = new AbortController();
  afterwards(t, () => stopping.abort());
  const dashboard: Dashboard = {
    spool,
    catalog: new Catalog(spool),
    log: journal,
    credentials: credentials(),
    basePath: '',
    readOnly: false,
    version: '0.0.0-test',
    refusal: (request) => {
      const checked = allowlist.check(request);
      return checked.ok ? undefined : checked.reason;
    },
    limitation: (job, priority) => allowlist.limitation(job, { priority }),
    policyOf: (request) => allowlist.policyOf(request, DEFAULT_POLICY),
    allowlist: allowedClasses(allowlist.classes),
    settings: [
      { name: 'JOBSPOOL_DIR', value: spool.root, source: 'environment', means: 'The spool.' },
      { name: 'JOBSPOOL_RUNNERS', value: '2', source: 'default', means: 'How many jobs run at once.' },
      { name: 'JOBSPOOL_PASSWORD', value: '••••••', source: 'file', means: 'The password of the dashboard.' },
    ],
    minFreeBytes: 50 * 1_048_576,
    staleMs: 30_000,
    logsEvents: true,
    readiness: async () => [],
    stopping: stopping.signal,
    ...overrides,
  };
  return { dashboard, app: { request: async (url, init) => (await wholeApp(dashboard)).request(url, init) }, spool, journal };
}

/** Credentials of which none is set, but for those named. */
export const credentials = (given: Partial<Credentials> = {}): Credentials => ({
  user: 'admin',
  password: undefined,
  token: undefined,
  viewerUser: 'viewer',
  viewerPassword: undefined,
  viewerToken: undefined,
  auth: 'required',
  ...given,
});

/** Every route that the service has, once for each dashboard. */
export async function wholeApp(dashboard: Dashboard): Promise<Hono<Env>> {
  const known = apps.get(dashboard);
  if (known) return known;
  const { makeApp } = await import('../../ui/app.ts');
  const app = makeApp(dashboard);
  apps.set(dashboard, app);
  return app;
}

/** Only the given pages, behind the same checks and headers as the whole application has. */
export async function appOf(dashboard: Dashboard, ...pages: Part[]): Promise<Hono<Env>> {
  const { shell } = await import('../../ui/shell.ts');
  return shell(dashboard, pages);
}

const apps = new WeakMap<Dashboard, Hono<Env>>();

function recordingJournal(): RecordingJournal {
  const lines: RecordingJournal['lines'] = [];
  return {
    lines,
    info: (text, fields = {}) => void lines.push({ level: 'info', text, fields }),
    warn: (text, fields = {}) => void lines.push({ level: 'warn', text, fields }),
    error: (text, fields = {}) => void lines.push({ level: 'error', text, fields }),
    cancelled: (job) => void lines.push({ level: 'cancelled', text: job.id, fields: job }),
  };
}
