/** `/api/jobs/:id/cancel` and the other things that can be done to one job. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from 'zod';
import { MAX_PRIORITY } from '../../spool/filename.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { problem } from '../problem.ts';
import { STEER_ACTIONS, type SteerAction, steer } from '../steering.ts';
import { json } from './answer.ts';
import { Id } from './id.ts';
import { State } from './job.ts';
import { refusals, titleOf } from './refusal.ts';

export function actionsApi(dashboard: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>();
  api.openapi(CANCEL, (context) => act(dashboard, context, 'cancel', context.req.valid('param').id));
  api.openapi(RETRY, (context) => act(dashboard, context, 'retry', context.req.valid('param').id));
  api.openapi(RUN_NOW, (context) => act(dashboard, context, 'run-now', context.req.valid('param').id));
  api.openapi(DELETE, (context) => act(dashboard, context, 'delete', context.req.valid('param').id));
  api.openapi(PRIORITY, (context) =>
    act(dashboard, context, 'priority', context.req.valid('param').id, context.req.valid('json').priority),
  );
  return api;
}

async function act(dashboard: Dashboard, context: Context<Env>, action: SteerAction, id: string, priority?: number): Promise<Response> {
  const steering = await steer(dashboard, action, id, context.get('who'), { priority });
  if (steering.kind === 'unknown') return problem(context, 404, titleOf(404), steering.text);
  if (steering.kind === 'conflict') return problem(context, 409, titleOf(409), steering.text, { state: steering.state });
  const found = action === 'delete' ? undefined : await dashboard.catalog.find(id, Date.now());
  const done: z.infer<typeof Done> = { id, action, text: steering.text, state: found?.job.state ?? null };
  return context.json(done, 200);
}

const Done = z
  .object({
    id: z.string(),
    action: z.enum(STEER_ACTIONS),
    text: z.string().describe('A sentence that says what was done.'),
    state: State.nullable().describe('The state of the job now: a running one that is being cancelled still runs. Null when it is gone.'),
  })
  .meta({ id: 'Done', description: 'What was done to a job.' });

const action = <const Name extends string>(name: Name, operationId: string, summary: string, description: string) =>
  createRoute({
    method: 'post',
    path: `/api/jobs/{id}/${name}`,
    operationId,
    tags: ['Actions'],
    summary,
    description,
    request: { params: Id },
    responses: { 200: json('Done.', Done), ...refusals(404, 409) },
  });

const CANCEL = action(
  'cancel',
  'cancelJob',
  'Cancel a job',
  'One that waits is cancelled at once. One that runs is told to stop, then gets TERM, then KILL: it goes on being `running` until then.',
);

const RETRY = action(
  'retry',
  'retryJob',
  'Run a job again',
  'A failed, cancelled or rejected job, with its history and with all its retries.',
);

const RUN_NOW = action('run-now', 'runJobNow', 'Run a job now', 'A job that waits for its time (`scheduled`, `retrying`) is due at once.');

const DELETE = createRoute({
  method: 'delete',
  path: '/api/jobs/{id}',
  operationId: 'deleteJob',
  tags: ['Actions'],
  summary: 'Delete a job',
  description: 'With its history and its log. Not while it runs: cancel it first. Completed jobs leave by age alone.',
  request: { params: Id },
  responses: { 200: json('Deleted.', Done), ...refusals(404, 409) },
});

const PRIORITY = createRoute({
  method: 'post',
  path: '/api/jobs/{id}/priority',
  operationId: 'setPriority',
  tags: ['Actions'],
  summary: 'Change the priority of a job that waits',
  request: {
    params: Id,
    body: {
      required: true,
      content: {
        'application/json': {
          schema: z.strictObject({ priority: z.int().min(1).max(MAX_PRIORITY).describe('Higher runs first.') }),
          example: { priority: 8 },
        },
      },
    },
  },
  responses: { 200: json('Changed.', Done), ...refusals(400, 404, 409, 413, 415, 422) },
});
