import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { compress } from 'hono/compress';
import { accessControl } from './access/control.ts';
import { securityHeaders } from './access/headers.ts';
import { answer } from './answer.ts';
import { assetRoutes } from './assets.ts';
import type { Dashboard, Env } from './dashboard.ts';
import { answerError, answerNotFound } from './errors.ts';
import { healthRoutes } from './health.ts';

/** One or more routes, as each page module makes them. */
export type Part = (dashboard: Dashboard) => Hono<Env>;

/** What stands around every route, under the base path: headers, who may do what, answers to errors. Health and assets are for everybody. */
export function shell(dashboard: Dashboard, parts: readonly Part[]): Hono<Env> {
  // An address with a slash at its end is the same address.
  const root = new Hono<Env>({ strict: false });
  root.onError((error, context) => answerError(error, context, dashboard));
  root.notFound((context) => answerNotFound(context, dashboard));
  // Also for what lies outside the base path.
  root.use(securityHeaders());
  root.use(compress({ contentTypeFilter: COMPRESSED }));
  const app = root.basePath(dashboard.basePath || '/');
  app.route('/', healthRoutes(dashboard));
  app.route('/', assetRoutes());
  app.use(accessControl(dashboard));
  // Behind the access check: nobody else makes us hold so much.
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (context) => answer(context, dashboard, TOO_LARGE) }));
  for (const part of parts) app.route('/', part(dashboard));
  return app;
}

// Never a stream of events: it would wait in the compressor.
const COMPRESSED = /^(text\/(html|css|javascript)|application\/(json|problem\+json)|image\/svg\+xml)\b/;

const MAX_BODY_BYTES = 2 * 1_048_576;

const TOO_LARGE = {
  status: 413,
  title: 'Too large',
  detail: 'Expected no more than 2 MiB in one request, got more. Nothing was done.',
} as const;
