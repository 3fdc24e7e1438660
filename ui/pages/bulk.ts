import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { MAX_PRIORITY } from '../../spool/filename.ts';
import type { Filter } from '../../spool/filter.ts';
import { STATES } from '../../spool/state.ts';
import { AT_ONCE, type BulkOrder, planBulk, progressText, runBulk, type Selection } from '../bulk.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { backOf, readForm, several } from '../forms.ts';
import { frameOf } from '../frame.ts';
import { leaveNotice } from '../notice.ts';
import { operationsOf } from '../operations.ts';
import { STEER_ACTIONS } from '../steering.ts';
import { filterOf } from '../tab-filter.ts';
import { type BulkQuestion, bulkConfirmation, MUST_TYPE } from '../views/bulk.ts';
import { operationPage, unknownOperation } from '../views/operation.ts';

/** `/dashboard/jobs/bulk`, which asks first, and the operations that go on in the background. */
export function bulkPages(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  app.post('/dashboard/jobs/bulk', (context) => bulk(context, dashboard));
  app.get('/dashboard/operations/:id', (context) => {
    const frame = frameOf(context, dashboard);
    const operation = operationsOf(dashboard).find(context.req.param('id'));
    return operation ? context.html(operationPage(frame, operation)) : context.html(unknownOperation(frame), 404);
  });
  app.post('/dashboard/operations/:id/stop', async (context) => {
    const id = context.req.param('id');
    const stopped = operationsOf(dashboard).stop(id);
    const text = stopped ? 'It stops before its next job; what is done is done' : 'It was over already';
    leaveNotice(context, dashboard.basePath, { kind: stopped ? 'done' : 'refused', text });
    return context.redirect(`${dashboard.basePath}/dashboard/operations/${encodeURIComponent(id)}`, 303);
  });
  return app;
}

const whole = (least: number, most: number) => z.coerce.number().int().min(least).max(most);
const STATE = z.enum(STATES);
/** More are found by a filter. */
const MAX_IDS = 1_000;

const BulkForm = z.object({
  action: z.enum(STEER_ACTIONS),
  priority: whole(1, MAX_PRIORITY).optional(),
  id: several.pipe(z.array(z.string()).max(MAX_IDS)),
  /** Of each id, in their order: the state in which it was seen. */
  seen: several,
  scope: z.literal('filter').optional(),
  state: STATE.optional(),
  q: z.string().default(''),
  back: z.string().optional(),
  confirmed: z.literal('yes').optional(),
  /** Milliseconds since the epoch. */
  asOf: whole(0, Number.MAX_SAFE_INTEGER).optional(),
  count: whole(0, Number.MAX_SAFE_INTEGER).optional(),
  typed: z.string().optional(),
});

type BulkForm = z.infer<typeof BulkForm>;

async function bulk(context: Context<Env>, dashboard: Dashboard): Promise<Response> {
  const form = await readForm(context, BulkForm);
  const back = backOf(form, '/dashboard/jobs');
  if (form.action === 'priority' && form.priority === undefined) throw wrong('priority: expected a whole number from 1 to 10, got nothing');
  if (form.confirmed !== 'yes') return ask(context, dashboard, form, back);
  if (form.asOf === undefined || form.count === undefined)
    throw wrong('asOf, count: expected what the confirmation page sends, got nothing; nothing was changed');
  if (form.count > MUST_TYPE && digitsOf(form.typed) !== String(form.count)) return ask(context, dashboard, form, back, typedWrong(form));
  return carryOut(context, dashboard, orderOf(context, form, form.asOf, form.count), back);
}

/** The confirmation page: how many, of which states, and what will happen. Changes nothing. */
async function ask(context: Context<Env>, dashboard: Dashboard, form: BulkForm, back: string, mistake?: string): Promise<Response> {
  const frame = frameOf(context, dashboard);
  const order = orderOf(context, form, frame.now, 0);
  const plan = await planBulk(dashboard, order);
  const { action, priority, state, q } = form;
  const question: BulkQuestion = { action, priority, state, q, selection: order.selection, plan, asOf: frame.now, back, mistake };
  return context.html(bulkConfirmation(frame, question), mistake === undefined ? 200 : 422);
}

async function carryOut(context: Context<Env>, dashboard: Dashboard, order: BulkOrder, back: string): Promise<Response> {
  const { basePath } = dashboard;
  const { action, expected } = order;
  if (expected > AT_ONCE) {
    const started = operationsOf(dashboard).start(order, back);
    if (!started.ok) throw new HTTPException(429, { message: started.reason });
    return context.redirect(`${basePath}/dashboard/operations/${started.operation.id}`, 303);
  }
  const progress = await runBulk(dashboard, order, { done: 0, skipped: new Map() });
  dashboard.log.info(`bulk ${action}: ${progressText(action, progress)}`, { who: order.who });
  leaveNotice(context, basePath, {
    kind: progress.done > 0 || expected === 0 ? 'done' : 'refused',
    text: progressText(action, progress),
    link: whereTheyAre(action),
  });
  return context.redirect(`${basePath}${back}`, 303);
}

function orderOf(context: Context<Env>, form: BulkForm, asOf: number, expected: number): BulkOrder {
  return { action: form.action, priority: form.priority, selection: selectionOf(form, asOf), asOf, expected, who: context.get('who') };
}

function selectionOf(form: BulkForm, asOf: number): Selection {
  if (form.scope === 'filter') return { kind: 'filter', filter: filterIn(form, asOf) };
  if (form.id.length === 0) throw wrong('id: expected the ids of selected jobs, got none; nothing was changed');
  return { kind: 'picked', jobs: form.id.map((id, index) => ({ id, seen: seenOf(form.seen[index]) ?? form.state })) };
}

function filterIn({ state, q }: BulkForm, now: number): Filter {
  const parsed = filterOf({ tab: state ?? 'all', q }, now);
  if (parsed.ok) return parsed.filter;
  throw wrong(parsed.reason);
}

const seenOf = (word: string | undefined) => STATES.find((state) => state === word);

const wrong = (message: string) => new HTTPException(422, { message });

// People type numbers as they read them: 1,204 or 1 204.
const digitsOf = (text = ''): string => text.replace(/[\s,.'’]/g, '');

const typedWrong = ({ typed }: BulkForm): string =>
  `expected the number of jobs, got ${typed === undefined ? 'nothing' : JSON.stringify(typed.slice(0, 40))}; nothing was changed`;

/** The list in which those that were done are now. */
export function whereTheyAre(action: BulkOrder['action']): { path: string; text: string } | undefined {
  if (action === 'cancel') return { path: '/dashboard/jobs?state=cancelled', text: 'Show cancelled jobs' };
  return action === 'retry' || action === 'run-now' ? { path: '/dashboard/jobs?state=pending', text: 'Show pending jobs' } : undefined;
}
