/** `POST /api/jobs`: submits a job as a file in `incoming/` would, with the same refusals. An id makes it safe to repeat. */
import { isDeepStrictEqual } from 'node:util';
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from 'zod';
import { MAX_BATCH_LINES } from '../../spool/batch-name.ts';
import { durationMs } from '../../spool/duration.ts';
import { ID_RULE, isId } from '../../spool/filename.ts';
import type { JobStatus } from '../../spool/query.ts';
import { traceContextIn } from '../../spool/trace-context.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { Enqueueing, enqueue, enqueueMany, momentOf } from '../enqueueing.ts';
import { problem } from '../problem.ts';
import { json } from './answer.ts';
import { Job, jobBody, State } from './job.ts';
import { answerMistakes, type Mistake, mistakesOf, refusals, titleOf } from './refusal.ts';

export function submittingApi(dashboard: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>();
  const inTurn = takeTurns();
  api.post(SUBMIT.path, async (context, next) => {
    const body = await arrayIn(context);
    return body ? submitMany(dashboard, context, body) : next();
  });
  api.openapi(SUBMIT, async (context) => {
    const { params } = (await context.req.json()) as Partial<Submission>;
    // As it came: zod would lose a key "__proto__".
    const given = withTrace(context, { ...context.req.valid('json'), params: params ?? [] });
    const named = idOf(given.id, context.req.valid('header')['Idempotency-Key']);
    if ('mistake' in named) return answerMistakes(context, [named.mistake]);
    const { id } = named;
    if (id === undefined) return submit(dashboard, context, given);
    return inTurn(
      id,
      async () => (await answerRepeat(dashboard, context, { ...given, id })) ?? submit(dashboard, context, { ...given, id }),
    );
  });
  return api;
}

const { runAt, delay, ...rest } = Enqueueing.shape;

const Submission = z
  .strictObject({
    ...rest,
    delay: delay.describe('Run this long after now: a number of seconds, or a text such as 5m. Not together with `at`.'),
    at: runAt,
  })
  .meta({ id: 'Submission', description: 'A job to run. What is left out falls back to the policy of the method, then of the service.' });

type Submission = z.infer<typeof Submission>;

const SubmittedMany = z
  .object({ ids: z.array(z.string()).describe('In the order given.') })
  .meta({ id: 'SubmittedMany', description: 'Jobs that were submitted together.' });

const Submitted = z.object({ id: z.string(), state: State }).meta({ id: 'Submitted', description: 'A job that was submitted.' });

const SUBMIT = createRoute({
  method: 'post',
  path: '/api/jobs',
  operationId: 'submitJob',
  tags: ['Jobs'],
  summary: 'Submit a job',
  description:
    'Once this is answered by 201, nothing loses the job. Submitted with an id, it can be repeated without running twice: while a job of that id is known, the same class, method and parameters are answered by 200 and that job, others by 409.\n\nA JSON array of 1 to 10,000 such objects submits all of them or none, and is answered by their `ids`; many are written as batches. It has no `Idempotency-Key`, and an id in it that is known is a 409.',
  request: {
    headers: z.object({
      'Idempotency-Key': z
        .string()
        .optional()
        .describe("The same as the body's `id`, for clients that send this header. Must be a valid id."),
      traceparent: z
        .string()
        .optional()
        .describe('As the body\u2019s, where that has none (W3C Trace Context). Ignored where it is not valid.'),
      tracestate: z.string().optional().describe('Likewise.'),
    }),
    body: {
      required: true,
      content: {
        'application/json': {
          schema: Submission,
          example: { class: 'ExampleJob', method: 'execute', params: ['Sample Data'], priority: 8, delay: '30s', id: 'sample-1' },
        },
      },
    },
  },
  responses: {
    200: json('It was submitted before: the job of that id, with the same class, method and parameters. Nothing was done.', Job),
    201: {
      ...json('Submitted.', z.union([Submitted, SubmittedMany])),
      headers: z.object({ Location: z.string().optional().describe("The job's path, `/api/jobs/{id}`. With an array there is none.") }),
    },
    ...refusals(400, 409, 413, 415, 422, 507),
  },
});

/** The array that was posted, if there is anything in it; undefined for any other body, also one that is none: that is looked at, and refused, further on. */
async function arrayIn({ req }: Context): Promise<unknown[] | undefined> {
  if (!/^application\/([\w.-]+\+)?json\b/i.test(req.header('Content-Type') ?? '')) return undefined;
  const body: unknown = await req.json().catch(() => undefined);
  return Array.isArray(body) && body.length > 0 ? body : undefined;
}

const Submissions = z.array(Submission).max(MAX_BATCH_LINES);

async function submitMany(dashboard: Dashboard, context: Context<Env>, given: unknown[]): Promise<Response> {
  if (context.req.header('Idempotency-Key') !== undefined)
    return answerMistakes(context, [
      { path: 'header.Idempotency-Key', message: 'Idempotency-Key: expected none with an array; give each job its id' },
    ]);
  const parsed = Submissions.safeParse(given);
  if (!parsed.success) return answerMistakes(context, mistakesOf('json', parsed.error, given));
  // As they came: zod would lose a key "__proto__".
  const traced = (given as Submission[]).map((job) => withTrace(context, job));
  const jobs = traced.map(({ at, ...rest }) => (at === undefined ? rest : { ...rest, runAt: at }));
  const enqueued = await enqueueMany(dashboard, jobs, context.get('who'));
  if (enqueued.kind === 'conflict') return problem(context, 409, titleOf(409), enqueued.text, { id: enqueued.id });
  if (enqueued.kind === 'done') return context.json({ ids: enqueued.ids } satisfies z.infer<typeof SubmittedMany>, 201);
  return answerMistakes(
    context,
    enqueued.mistakes.map(({ at, field, text }) => ({
      path: pathOf(field).replace('body', `body[${at}]`),
      message: `job ${at + 1}: ${text}`,
    })),
  );
}

// A client that traces sends the header by itself; what its job says comes before.
const withTrace = ({ req }: Context, given: Submission): Submission => ({ ...traceContextIn((name) => req.header(name)), ...given });

function idOf(id: string | undefined, key: string | undefined): { id: string | undefined } | { mistake: Mistake } {
  if (key === undefined) return { id };
  const path = 'header.Idempotency-Key';
  // The draft of the header's standard puts it in quotes; most clients do not.
  const named = key.replace(/^"(.*)"$/, '$1');
  if (!isId(named)) return { mistake: { path, message: `Idempotency-Key: ${ID_RULE}; got ${JSON.stringify(key.slice(0, 120))}` } };
  if (id !== undefined && id !== named)
    return { mistake: { path, message: `Idempotency-Key: expected the id of the body, ${id}, or none; got ${named}` } };
  return { id: named };
}

/** Two submissions of one id wait for each other, so that the second finds what the first has submitted. */
function takeTurns(): <T>(id: string, act: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>();
  return (id, act) => {
    const turn = (last.get(id) ?? Promise.resolve()).then(act);
    const over = turn
      .catch(() => undefined)
      .then(() => {
        if (last.get(id) === over) last.delete(id);
      });
    last.set(id, over);
    return turn;
  };
}

/** Answers for an id that is taken. What was rejected never became a job: its id is free. */
async function answerRepeat({ catalog }: Dashboard, context: Context, given: Submission & { id: string }): Promise<Response | undefined> {
  const { id } = given;
  const job = (await catalog.find(id, Date.now()))?.job;
  if (!job || job.state === 'rejected') return undefined;
  if (isSame(job, given)) return context.json(jobBody(job), 200);
  const detail = `Submit ${id}: a job of that id is ${job.state} already, with another class, method or parameters. Nothing was submitted.`;
  return problem(context, 409, titleOf(409), detail, { id, state: job.state });
}

const isSame = (job: JobStatus, { class: name, method, params }: Submission): boolean =>
  job.class === name && job.method === method && isDeepStrictEqual(job.params, params);

async function submit(dashboard: Dashboard, context: Context<Env>, given: Submission): Promise<Response> {
  const { at, ...rest } = given;
  const now = Date.now();
  const enqueued = await enqueue(dashboard, at === undefined ? rest : { ...rest, runAt: at }, context.get('who'), now);
  if (enqueued.kind === 'invalid') {
    return answerMistakes(
      context,
      enqueued.mistakes.map(({ field, text }) => ({ path: pathOf(field), message: text })),
    );
  }
  const { id } = enqueued;
  // Somebody else was faster, and may have submitted the same.
  if (enqueued.kind === 'conflict') {
    return (await answerRepeat(dashboard, context, { ...given, id })) ?? problem(context, 409, titleOf(409), enqueued.text, { id });
  }
  const body: z.infer<typeof Submitted> = { id, state: isLater(given, now) ? 'scheduled' : 'pending' };
  return context.json(body, 201, { Location: `${dashboard.basePath}/api/jobs/${id}` });
}

const isLater = ({ at, delay }: Submission, now: number): boolean =>
  at === undefined ? (durationMs(delay) ?? 0) > 0 : (momentOf(at) ?? now) > now;

const pathOf = (field: string): string => (field === '' ? 'body' : `body.${field === 'runAt' ? 'at' : field}`);
