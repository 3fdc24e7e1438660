/** `/api/jobs/bulk`: one action on many jobs, and `/api/operations/:id`, where it goes on when there are very many. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from 'zod';
import { MAX_PRIORITY } from '../../spool/filename.ts';
import { parseFilter } from '../../spool/filter.ts';
import { AT_ONCE, type BulkOrder, type BulkPlan, planBulk, progressText, runBulk, type Skipped, sum } from '../bulk.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { type Operation, operationsOf } from '../operations.ts';
import { problem } from '../problem.ts';
import { STEER_ACTIONS } from '../steering.ts';
import { json } from './answer.ts';
import { FilterText } from './jobs.ts';
import { answerMistakes, type Mistake, refusals, titleOf } from './refusal.ts';

export function bulkApi(dashboard: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>();
  const operations = operationsOf(dashboard);
  api.openapi(BULK, async (context) => {
    const given = context.req.valid('json');
    const now = Date.now();
    const checked = check(given, now);
    if ('mistakes' in checked) return answerMistakes(context, checked.mistakes);
    const asOf = Math.min(given.asOf === undefined ? now : Date.parse(given.asOf), now);
    const wanted = { action: given.action, selection: checked.selection, asOf };
    const plan = await planBulk(dashboard, wanted);
    if (given.dryRun) return context.json(planBody(plan, asOf), 200);
    const expected = plan.count + sum(plan.leftOut);
    const order = { ...wanted, priority: given.priority, expected, who: context.get('who') };
    return plan.count <= AT_ONCE ? context.json(await doneBody(dashboard, order), 200) : start(dashboard, context, order);
  });
  api.openapi(OPERATION, (context) => {
    const { id } = context.req.valid('param');
    const operation = operations.find(id);
    return operation ? context.json(operationBody(operation), 200) : answerUnknownOperation(context, id);
  });
  api.openapi(STOP, (context) => {
    const { id } = context.req.valid('param');
    const operation = operations.find(id);
    if (!operation) return answerUnknownOperation(context, id);
    if (operations.stop(id)) return context.json(operationBody(operation), 200);
    return problem(context, 409, titleOf(409), `Stop the operation ${id}: it is over already.`);
  });
  return api;
}

const MAX_IDS = 1_000;

const Order = z
  .strictObject({
    action: z.enum(STEER_ACTIONS),
    ids: z.array(z.string().min(1).max(300)).min(1).max(MAX_IDS).optional().describe('These jobs. Either this or `filter`.'),
    filter: FilterText.min(1).optional().describe('All jobs that match, as in `q` of the list. Either this or `ids`.'),
    asOf: z.iso
      .datetime({ offset: true })
      .optional()
      .describe('Jobs that came into their state later are left alone; default: now. The list says it of what it lists.'),
    priority: z.int().min(1).max(MAX_PRIORITY).optional().describe('Belongs to the action `priority`.'),
    dryRun: z.boolean().default(false).describe('Only say what it would be done to.'),
  })
  .meta({ id: 'BulkOrder', description: 'One action on many jobs.' });

type Order = z.infer<typeof Order>;

const SkippedBody = z.record(z.string(), z.number()).describe('How many were left alone, by the reason.');

const Plan = z
  .object({
    dryRun: z.literal(true),
    count: z.number().describe('It would be done to so many.'),
    byState: z.record(z.string(), z.number()).describe('How many of them are in each state.'),
    skipped: SkippedBody,
    asOf: z.iso.datetime().describe('Give it with the order, so that no job that comes meanwhile is touched.'),
  })
  .meta({ id: 'BulkPlan' });

const Result = z
  .object({ done: z.number(), skipped: SkippedBody, text: z.string().describe('The same in words.') })
  .meta({ id: 'BulkResult', description: 'What was done.' });

const OperationBody = z
  .object({
    id: z.string(),
    action: z.enum(STEER_ACTIONS),
    state: z.enum(['running', 'finished', 'stopped', 'broken']),
    expected: z.number().describe('`done` and `skipped` add up to it in the end.'),
    done: z.number(),
    skipped: SkippedBody,
    text: z.string().describe('The same in words.'),
    startedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().nullable(),
    error: z.string().nullable().describe('Why it is broken.'),
  })
  .meta({
    id: 'Operation',
    description: 'A bulk action that goes on in the background. A restart of the service ends and forgets it; what it has done is done.',
  });

const BULK = createRoute({
  method: 'post',
  path: '/api/jobs/bulk',
  operationId: 'steerJobs',
  tags: ['Actions'],
  summary: 'Do one thing to many jobs',
  description: `To jobs named by their ids, or to all that match a filter as of a moment. Jobs that have moved on are left alone and counted. Up to ${AT_ONCE} jobs are done at once (200); more go on in the background (202), where \`Location\` says how far it is.`,
  request: {
    body: {
      required: true,
      content: {
        'application/json': { schema: Order, example: { action: 'retry', filter: 'state:failed class:Report since:24h', dryRun: true } },
      },
    },
  },
  responses: {
    200: json('Done; or, of a dry run, what it would be done to.', z.union([Plan, Result])),
    202: {
      ...json('It goes on in the background.', OperationBody),
      headers: z.object({ Location: z.string().describe('The path of the operation.') }),
    },
    ...refusals(400, 413, 415, 422, 429),
  },
});

const OperationId = z.strictObject({ id: z.string().min(1).max(100).meta({ example: '1f0c5a7e9b3d2468' }) });

const OPERATION = createRoute({
  method: 'get',
  path: '/api/operations/{id}',
  operationId: 'getOperation',
  tags: ['Actions'],
  summary: 'How far a bulk action is',
  request: { params: OperationId },
  responses: { 200: json('So far.', OperationBody), ...refusals(404) },
});

const STOP = createRoute({
  method: 'post',
  path: '/api/operations/{id}/stop',
  operationId: 'stopOperation',
  tags: ['Actions'],
  summary: 'Stop a bulk action before its next job',
  description: 'What it has done is done.',
  request: { params: OperationId },
  responses: { 200: json('It stops.', OperationBody), ...refusals(404, 409) },
});

function check({ action, ids, filter, priority }: Order, now: number): { selection: BulkOrder['selection'] } | { mistakes: Mistake[] } {
  const mistakes = [...mistakesOfWhich(ids, filter), ...mistakesOfPriority(action, priority)];
  if (mistakes.length > 0) return { mistakes };
  if (ids) return { selection: { kind: 'picked', jobs: [...new Set(ids)].map((id) => ({ id, seen: undefined })) } };
  const parsed = parseFilter(filter ?? '', now);
  if (parsed.ok) return { selection: { kind: 'filter', filter: parsed.filter } };
  return { mistakes: [{ path: 'body.filter', message: `filter: ${parsed.reason}` }] };
}

function mistakesOfWhich(ids: string[] | undefined, filter: string | undefined): Mistake[] {
  if ((ids === undefined) !== (filter === undefined)) return [];
  return [{ path: 'body.ids', message: `expected either ids or a filter, got ${ids === undefined ? 'neither' : 'both'}` }];
}

function mistakesOfPriority(action: Order['action'], priority: number | undefined): Mistake[] {
  if ((action === 'priority') === (priority !== undefined)) return [];
  const path = 'body.priority';
  if (action === 'priority') return [{ path, message: `priority: expected a whole number from 1 to ${MAX_PRIORITY}, got nothing` }];
  return [{ path, message: `priority: expected only with the action "priority", got it with "${action}"` }];
}

const skippedBody = (skipped: Skipped): Record<string, number> => Object.fromEntries(skipped);

const planBody = ({ count, byState, leftOut }: BulkPlan, asOf: number): z.infer<typeof Plan> => ({
  dryRun: true,
  count,
  byState,
  skipped: skippedBody(leftOut),
  asOf: new Date(asOf).toISOString(),
});

async function doneBody(dashboard: Dashboard, order: BulkOrder): Promise<z.infer<typeof Result>> {
  const progress = await runBulk(dashboard, order, { done: 0, skipped: new Map() });
  const text = progressText(order.action, progress);
  dashboard.log.info(`bulk ${order.action}: ${text}`, { who: order.who });
  return { done: progress.done, skipped: skippedBody(progress.skipped), text };
}

function start(dashboard: Dashboard, context: Context, order: BulkOrder): Response {
  const started = operationsOf(dashboard).start(order, '/dashboard/jobs');
  if (!started.ok) return problem(context, 429, titleOf(429), `${started.reason}. Nothing was done.`);
  const { operation } = started;
  return context.json(operationBody(operation), 202, { Location: `${dashboard.basePath}/api/operations/${operation.id}` });
}

function operationBody({ id, order, progress, startedAt, end }: Operation): z.infer<typeof OperationBody> {
  return {
    id,
    action: order.action,
    state: end?.kind ?? 'running',
    expected: order.expected,
    done: progress.done,
    skipped: skippedBody(progress.skipped),
    text: progressText(order.action, progress),
    startedAt: new Date(startedAt).toISOString(),
    finishedAt: end ? new Date(end.at).toISOString() : null,
    error: end?.kind === 'broken' ? end.why : null,
  };
}

const answerUnknownOperation = (context: Context, id: string): Response =>
  problem(
    context,
    404,
    titleOf(404),
    `No operation ${JSON.stringify(id)} is known. Those of before the last restart are forgotten, and all but the last ones.`,
  );
