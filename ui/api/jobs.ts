/** `/api/jobs`: finds jobs and shows them. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import type { Catalog, ListPage, ListQuery } from '../../spool/catalog.ts';
import { SpoolError } from '../../spool/errors.ts';
import { type Filter, type ParsedFilter, parseFilter, QUALIFIERS } from '../../spool/filter.ts';
import { maskJob } from '../../spool/mask.ts';
import type { State } from '../../spool/state.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { json } from './answer.ts';
import { answerUnknown, Id } from './id.ts';
import { State as AnyState, Job, jobBody } from './job.ts';
import { answerMistakes, type Mistake, refusals } from './refusal.ts';

export function jobsApi({ catalog }: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>();
  api.openapi(LIST, async (context) => {
    const { state, q, after, limit } = context.req.valid('query');
    const now = Date.now();
    const parsed = filterOf(q, state, now);
    if (!parsed.ok) return answerMistakes(context, [{ path: 'query.q', message: `q: ${parsed.reason}` }]);
    await catalog.refresh();
    const page = await pageOf(catalog, { filter: parsed.filter, after, limit, shown: maskJob }, now);
    if ('mistake' in page) return answerMistakes(context, [page.mistake]);
    return context.json(pageBody(page, now), 200);
  });
  api.openapi(GET, async (context) => {
    const { id } = context.req.valid('param');
    const found = await catalog.find(id, Date.now());
    return found ? context.json(jobBody(found.job), 200) : answerUnknown(context, id);
  });
  return api;
}

/** A filter's text and the state beside it, both of which must hold. */
function filterOf(text: string, state: State | undefined, now: number): ParsedFilter {
  const parsed = parseFilter(text, now);
  if (!parsed.ok || state === undefined) return parsed;
  const { states } = parsed.filter;
  // No states at all would mean all of them.
  if (states.length > 0 && !states.includes(state)) {
    return { ok: false, reason: `it asks for ${states.join(', ')} only, and beside it the state ${state} is asked for: no job has both` };
  }
  return { ok: true, filter: { ...parsed.filter, states: [state] } satisfies Filter };
}

export const FilterText = z
  .string()
  .max(2_000)
  .describe(`The filter of the dashboard's search: ${QUALIFIERS} and free text, all of which must hold.`);

const JobPage = z
  .object({
    jobs: z.array(Job),
    next: z.string().nullable().describe('Give it as `after` to go on; null at the end.'),
    total: z.number().nullable().describe('How many match in all; null where only reading them all could say.'),
    stoppedEarly: z.boolean().describe('The search took too long and stopped before the page was full: go on with `next`.'),
    searched: z.number().describe('How many jobs it looked at.'),
    asOf: z.iso.datetime().describe('When this was so: for an action on all that match.'),
  })
  .meta({ id: 'JobPage', description: 'Some of the jobs that match.' });

const LIST = createRoute({
  method: 'get',
  path: '/api/jobs',
  operationId: 'listJobs',
  tags: ['Jobs'],
  summary: 'Find jobs',
  description:
    'Running jobs first, then those that wait in the order in which they run, then those that are over, newest first. The filter is the one of the dashboard and of `jobspool ls`.',
  request: {
    query: z.strictObject({
      state: AnyState.optional().describe('Only jobs in this state.'),
      q: FilterText.default('').meta({ example: 'class:Report error:ETIMEDOUT since:24h' }),
      after: z.string().max(2_000).optional().describe('The `next` of the page before.'),
      limit: z.coerce.number().int().min(1).max(200).default(50).describe('How many jobs at most.'),
    }),
  },
  responses: { 200: json('The jobs that match.', JobPage), ...refusals(422) },
});

const GET = createRoute({
  method: 'get',
  path: '/api/jobs/{id}',
  operationId: 'getJob',
  tags: ['Jobs'],
  summary: 'Show a job',
  description: 'Where an id was used again, the job that lives comes before one that is over, and the latest before earlier ones.',
  request: { params: Id },
  responses: { 200: json('The job.', Job), ...refusals(404) },
});

async function pageOf(catalog: Catalog, query: ListQuery, now: number): Promise<ListPage | { mistake: Mistake }> {
  try {
    return await catalog.list(query, now);
  } catch (error) {
    if (!(error instanceof SpoolError) || error.code !== 'INVALID_REQUEST') throw error;
    return { mistake: { path: 'query.after', message: `after: ${error.message}` } };
  }
}

function pageBody({ jobs, next, total, stoppedEarly, searched }: ListPage, now: number): z.infer<typeof JobPage> {
  return {
    jobs: jobs.map(jobBody),
    next: next ?? null,
    total: total ?? null,
    stoppedEarly,
    searched,
    asOf: new Date(now).toISOString(),
  };
}
