import { type Context, Hono } from 'hono';
import { MASK, maskSecrets, unmask } from '../../spool/mask.ts';
import type { JobStatus } from '../../spool/query.ts';
import { MAX_DEPTH } from '../../spool/request.ts';
import type { AllowedMethod, Dashboard, Env } from '../dashboard.ts';
import { type Enqueued, enqueue, isNestedDeeper, type Mistake, TOO_DEEP } from '../enqueueing.ts';
import { exampleParams } from '../example-params.ts';
import { type Fields, formFields, queryFields } from '../forms.ts';
import { frameOf } from '../frame.ts';
import { jsonText } from '../json-text.ts';
import { leaveNotice } from '../notice.ts';
import { jobPath } from '../urls.ts';
import { EMPTY_FORM, type EnqueueForm, enqueuePage, type Handler } from '../views/enqueue.ts';

/** `/dashboard/enqueue`: a form for one job, empty, for a handler (`?handler=`), or filled in from another job (`?from=`). */
export function enqueuePages(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/dashboard/enqueue', (context) => showForm(context, dashboard));
  app.post('/dashboard/enqueue', (context) => submitForm(context, dashboard));
  return app;
}

async function showForm(context: Context<Env>, dashboard: Dashboard): Promise<Response> {
  const frame = frameOf(context, dashboard);
  const query = queryFields(context);
  const handlers = handlersOf(dashboard);
  const original = await originalOf(dashboard, textOf(query, 'from'), frame.now);
  const chosen = handlers.find(({ name }) => name === textOf(query, 'handler'));
  const form = original ? formOf(original, frame.now) : chosen ? formFor(chosen) : EMPTY_FORM;
  const missing =
    original || !query.from
      ? []
      : [{ field: '', text: `from: no job with the id "${textOf(query, 'from')}" is known; nothing was filled in` }];
  return context.html(enqueuePage(frame, { form, handlers, mistakes: missing, original: original?.id }), missing.length > 0 ? 404 : 200);
}

async function submitForm(context: Context<Env>, dashboard: Dashboard): Promise<Response> {
  const frame = frameOf(context, dashboard);
  const fields = await formFields(context);
  const form = typedIn(fields);
  const original = await originalOf(dashboard, form.from, frame.now);
  const read = readJob(dashboard, form, original);
  const result: Enqueued =
    'mistakes' in read ? { kind: 'invalid', mistakes: read.mistakes } : await enqueue(dashboard, read.job, context.get('who'), frame.now);
  if (result.kind !== 'done') return refuse(context, dashboard, form, original, result);
  leaveNotice(context, dashboard.basePath, { kind: 'done', text: `${result.id} is enqueued` });
  return context.redirect(`${dashboard.basePath}${jobPath(result.id)}`, 303);
}

function refuse(
  context: Context<Env>,
  dashboard: Dashboard,
  form: EnqueueForm,
  original: JobStatus | undefined,
  result: Exclude<Enqueued, { kind: 'done' }>,
): Response | Promise<Response> {
  const mistakes = result.kind === 'invalid' ? result.mistakes.map(inForm) : [{ field: 'id', text: result.text }];
  const page = enqueuePage(frameOf(context, dashboard), { form, handlers: handlersOf(dashboard), mistakes, original: original?.id });
  return context.html(page, result.kind === 'invalid' ? 422 : 409);
}

// The form has one field for class and method.
const inForm = ({ field, text }: Mistake): Mistake => ({ field: field === 'class' || field === 'method' ? 'handler' : field, text });

/** What was typed, as a job; or what cannot be read of it. */
function readJob(dashboard: Dashboard, form: EnqueueForm, original: JobStatus | undefined): { job: object } | { mistakes: Mistake[] } {
  const { id, priority, retries, retryDelay, backoff, timeout, delay } = form;
  const handler = handlerIn(dashboard, form.handler);
  const params = paramsIn(form, 'mistake' in handler ? undefined : handler, original);
  const mistakes = [handler, params].flatMap((read) => ('mistake' in read ? [read.mistake] : []));
  if ('mistake' in handler || 'mistake' in params) return { mistakes };
  const texts = given({ id, delay, retryDelay, backoff, timeout, runAt: runAtOf(form) });
  return { job: { ...handler, ...params, ...texts, ...given({ priority, retries }, numberOf) } };
}

function handlerIn(dashboard: Dashboard, name: string): Handles | { mistake: Mistake } {
  const allowed = dashboard.allowlist.flatMap((one) => one.methods.map(({ method }) => ({ class: one.class, method })));
  const found = allowed.find((one) => `${one.class}.${one.method}` === name);
  if (found) return found;
  const dot = name.lastIndexOf('.');
  if (dot > 0) return { class: name.slice(0, dot), method: name.slice(dot + 1) };
  return {
    mistake: { field: 'handler', text: `handler: expected one of the list, got ${name === '' ? 'nothing' : JSON.stringify(name)}` },
  };
}

function paramsIn({ params }: EnqueueForm, handler: Handles | undefined, original: JobStatus | undefined): Params | { mistake: Mistake } {
  const json = jsonOf(params);
  if ('mistake' in json) return { mistake: { field: 'params', text: json.mistake } };
  // Another handler may print what it is given.
  const isItsOwn = original !== undefined && original.class === handler?.class && (original.method ?? 'handle') === handler?.method;
  const whole = isItsOwn ? unmask(json.value, original.params) : json.value;
  if (!params.includes(MASK) || !JSON.stringify(whole).includes(MASK)) return { params: whole };
  const there = original ? 'the secrets of the original go to no other handler' : 'there is no original to take it from';
  const why = isItsOwn ? 'the original has nothing there' : there;
  return { mistake: { field: 'params', text: `params: expected a value where ${MASK} stands, for ${why}` } };
}

type Handles = { class: string; method: string };
type Params = { params: unknown };

const given = (fields: Record<string, string>, read: (value: string) => unknown = (value) => value): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).flatMap(([key, value]) => (value === '' ? [] : [[key, read(value)]])));

// What is no number stays text, so that the sentence says what was typed.
const numberOf = (value: string): unknown => (/^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value);

const runAtOf = ({ runAt, offset }: EnqueueForm): string =>
  runAt === '' || /(z|[+-]\d{2}:?\d{2})$/i.test(runAt) ? runAt : `${runAt}${offset}`;

function jsonOf(params: string): { value: unknown } | { mistake: string } {
  if (params === '') return { value: [] };
  try {
    const value: unknown = JSON.parse(params);
    return isNestedDeeper(value, MAX_DEPTH) ? { mistake: TOO_DEEP } : { value };
  } catch (error) {
    return { mistake: `params: expected JSON, an array such as ["Sample Data"] or an object; ${(error as Error).message}` };
  }
}

function typedIn(fields: Fields): EnqueueForm {
  const known = Object.keys(EMPTY_FORM).map((key) => [key, textOf(fields, key)]);
  return { ...EMPTY_FORM, ...Object.fromEntries(known) };
}

function textOf(fields: Fields, key: string): string {
  const value = fields[key] ?? '';
  return (typeof value === 'string' ? value : (value[0] ?? '')).trim();
}

async function originalOf({ catalog }: Dashboard, id: string, now: number): Promise<JobStatus | undefined> {
  return id === '' ? undefined : (await catalog.find(id, now))?.job;
}

/** The form that would make the same job once more; what is secret in it is masked. */
function formOf(job: JobStatus, now: number): EnqueueForm {
  const { id, class: name, method = 'handle', params = [], priority, retries, retryDelay, backoff = '', timeout, runAt } = job;
  const isLater = job.state === 'scheduled' && Date.parse(runAt) > now;
  return {
    ...EMPTY_FORM,
    from: id,
    handler: name === undefined ? '' : `${name}.${method}`,
    params: jsonText(maskSecrets(params), 2),
    priority: String(priority),
    retries: asText(retries),
    retryDelay: asText(retryDelay),
    backoff,
    timeout: asText(timeout),
    runAt: isLater ? runAt.slice(0, 19) : '',
  };
}

const asText = (value: string | number | undefined): string => (value === undefined ? '' : String(value));

const formFor = ({ name, params }: Handler): EnqueueForm => ({
  ...EMPTY_FORM,
  handler: name,
  params: params === undefined ? '' : JSON.stringify(exampleParams(params), null, 2),
});

const handlersOf = ({ allowlist }: Dashboard): Handler[] =>
  allowlist.flatMap(({ class: name, methods }) =>
    methods.map((method: AllowedMethod) => ({ ...method, name: `${name}.${method.method}` })),
  );
