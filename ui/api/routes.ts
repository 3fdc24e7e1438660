/** The HTTP API. What it does is what the dashboard does, by JSON. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { JSONValue } from 'hono/utils/types';
import { z } from 'zod';
import type { Dashboard, Env } from '../dashboard.ts';
import { answerError } from '../errors.ts';
import { problem } from '../problem.ts';
import { actionsApi } from './actions.ts';
import { json } from './answer.ts';
import { bulkApi } from './bulk.ts';
import { type ApiDocument, documentOf } from './document.ts';
import { eventsApi } from './events.ts';
import { jobsApi } from './jobs.ts';
import { logApi } from './log.ts';
import { pausingApi } from './pausing.ts';
import { answerBody, answerInvalid, titleOf } from './refusal.ts';
import { statsApi } from './stats.ts';
import { submittingApi } from './submitting.ts';

/** Everything below `/api`, and its document. */
export function apiRoutes(dashboard: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>({ defaultHook: answerInvalid });
  api.onError(async (error, context) => {
    const refused = error instanceof HTTPException ? await answerBody(context, error) : undefined;
    return refused ?? answerError(error, context, dashboard);
  });
  for (const part of PARTS) api.route('/', part(dashboard));
  let document: ApiDocument | undefined;
  api.openapi(DOCUMENT, (context) => {
    document ??= documentOf(api, dashboard);
    return context.json(document as object as Record<string, JSONValue>, 200);
  });
  const methods = methodsOf(api);
  api.all('/api/*', (context) => answerNoRoute(context, dashboard, methods));
  return api;
}

// In the order in which they are read about.
const PARTS = [submittingApi, jobsApi, logApi, actionsApi, bulkApi, eventsApi, statsApi, pausingApi];

const DOCUMENT = createRoute({
  method: 'get',
  path: '/api/openapi.json',
  operationId: 'getDocument',
  tags: ['Service'],
  summary: 'This document',
  responses: { 200: json('OpenAPI 3.1.', z.record(z.string(), z.unknown())) },
});

/** The methods of each path that has a route. */
type Methods = { path: RegExp; method: string }[];

function methodsOf({ routes }: OpenAPIHono<Env>): Methods {
  return routes.map(({ path, method }) => ({ method, path: new RegExp(`^${path.replace(/:[^/]+/g, '[^/]+')}$`) }));
}

function answerNoRoute(context: Context<Env>, { basePath }: Dashboard, methods: Methods): Response {
  const { method, path } = context.req;
  const below = path.slice(basePath.length);
  const allowed = new Set(
    methods.filter((route) => route.path.test(below)).flatMap((route) => (route.method === 'GET' ? ['GET', 'HEAD'] : route.method)),
  );
  if (allowed.size === 0) {
    return problem(context, 404, titleOf(404), `Nothing answers to ${path}. The document at ${basePath}/api/openapi.json says what does.`);
  }
  const list = [...allowed].sort().join(', ');
  context.header('Allow', list);
  return problem(context, 405, titleOf(405), `${path} answers to ${list}, not to ${method}. Nothing was done.`);
}
