/** The server's routes: the pages for people, the API for programs, and who may do what. */
import { Hono } from 'hono';
import { apiRoutes } from './api/routes.ts';
import type { Dashboard, Env } from './dashboard.ts';
import { liveRoutes } from './live.ts';
import { metricsRoutes } from './metrics.ts';
import { apiPage } from './pages/api.ts';
import { enqueuePages } from './pages/enqueue.ts';
import { failuresPages } from './pages/failures.ts';
import { jobPages } from './pages/job.ts';
import { jobLogPages } from './pages/job-log.ts';
import { jobsPages } from './pages/jobs.ts';
import { logPages } from './pages/logs.ts';
import { overviewPages } from './pages/overview.ts';
import { runnersPages } from './pages/runners.ts';
import { settingsPages } from './pages/settings.ts';
import { type Part, shell } from './shell.ts';

/** All routes, under the base path. Health and assets are for everybody; the rest is behind the access check. */
export const makeApp = (dashboard: Dashboard): Hono<Env> => shell(dashboard, PARTS);

const home: Part = ({ basePath }) => new Hono<Env>().get('/', (context) => context.redirect(`${basePath}/dashboard`));

const PARTS: readonly Part[] = [
  home,
  overviewPages,
  jobsPages,
  jobPages,
  jobLogPages,
  failuresPages,
  logPages,
  runnersPages,
  settingsPages,
  enqueuePages,
  apiPage,
  liveRoutes,
  metricsRoutes,
  apiRoutes,
];
