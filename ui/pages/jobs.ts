import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { type Filter, term } from '../../spool/filter.ts';
import { maskJob } from '../../spool/mask.ts';
import type { JobStatus } from '../../spool/query.ts';
import { STATES } from '../../spool/state.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { firstJob } from '../first-job.ts';
import { readQuery } from '../forms.ts';
import { frameOf } from '../frame.ts';
import { filterOf, type Tab } from '../tab-filter.ts';
import { type JobsView, jobsPage } from '../views/jobs.ts';
import { type Tries, triesOf } from '../views/tries.ts';
import { bulkPages } from './bulk.ts';

/** `/dashboard/jobs`, and what can be done to many of them. */
export function jobsPages(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/dashboard/jobs', (context) => showJobs(context, dashboard));
  app.route('/', bulkPages(dashboard));
  return app;
}

/** So many jobs are on a page. */
const PAGE = 50;

// `active` is what people call those that run.
const STATE = z.enum([...STATES, 'active', 'all']).transform((word): Tab => (word === 'active' ? 'running' : word));

const JobsQuery = z.object({
  state: STATE.optional(),
  q: z.string().optional(),
  after: z.string().max(1_000).optional(),
});

async function showJobs(context: Context<Env>, dashboard: Dashboard): Promise<Response> {
  const { state = 'all', q = '', after } = readQuery(context, JobsQuery);
  const { catalog, spool } = dashboard;
  await catalog.refresh();
  const frame = frameOf(context, dashboard);
  const view: JobsView = { tab: state, q: q.trim(), after };
  const parsed = filterOf(view, frame.now);
  const page = parsed.ok ? await listed(dashboard, parsed.filter, after, frame.now) : undefined;
  const jobs = {
    ...view,
    counts: catalog.counts(frame.now),
    page,
    mistake: parsed.ok ? undefined : parsed.reason,
    unread: catalog.unread,
    suggestions: suggestionsOf(dashboard),
    firstJob: firstJob(dashboard.allowlist, spool.root),
    triesOf: (job: JobStatus) => triesIn(dashboard, job),
  };
  return context.html(jobsPage(frame, jobs), parsed.ok ? 200 : 422);
}

/** How often a job was tried, of how often it may be. */
export function triesIn(dashboard: Dashboard, job: JobStatus): Tries {
  const { class: name, method } = job;
  return triesOf(job, name === undefined ? undefined : dashboard.policyOf({ ...job, class: name, method: method ?? 'handle' }).retries);
}

// What is searched is what is shown: nobody finds a secret by guessing.
async function listed({ catalog }: Dashboard, filter: Filter, after: string | undefined, now: number) {
  const page = await catalog.list({ filter, after, limit: PAGE, shown: maskJob }, now);
  return { ...page, jobs: page.jobs.map(maskJob) };
}

const MAX_SUGGESTIONS = 60;

function suggestionsOf({ catalog, allowlist }: Dashboard): string[] {
  const allowed = allowlist.flatMap(({ class: name, methods }) => methods.map(({ method }) => ({ class: name, method })));
  const handlers = [...allowed, ...catalog.handlers()];
  const texts = handlers.flatMap(({ class: name, method }) => [term('class', name), `${term('class', name)} ${term('method', method)}`]);
  return [...new Set([...texts, 'retried:yes', 'since:1h', 'since:24h', 'since:7d'])].slice(0, MAX_SUGGESTIONS);
}
