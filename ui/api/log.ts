/** `/api/jobs/:id/log`: what a job has printed. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from 'zod';
import { isId } from '../../spool/filename.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { download } from '../download.ts';
import { logWindow } from '../job-log.ts';
import { problem } from '../problem.ts';
import { answerUnknown, Id } from './id.ts';
import { refusals, titleOf } from './refusal.ts';

export function logApi({ spool, catalog }: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>();
  api.openapi(LOG, async (context) => {
    const { id } = context.req.valid('param');
    const { tail } = context.req.valid('query');
    const log = tail === undefined ? wholeLog(context, id) : lastLines(context, id, tail);
    if (log) return log;
    return (await catalog.find(id, Date.now())) ? context.text('', 200) : answerUnknown(context, id);
  });
  return api;

  function wholeLog(context: Context, id: string): Response | undefined {
    // No other name leads into the folder of logs, or out of it.
    if (!isId(id)) return undefined;
    const response = download(context, spool.disk, spool.jobLog(id), `${id}.log`);
    if (response?.status !== 416) return response;
    const length = response.headers.get('Content-Range') ?? '';
    context.header('Content-Range', length);
    const detail = `Read the log of ${id}: expected a range within its ${length.replace(/^\D+/, '')} bytes, got ${context.req.header('Range')}.`;
    return problem(context, 416, titleOf(416), detail);
  }

  function lastLines(context: Context, id: string, lines: number): Response | undefined {
    const window = logWindow(spool, id, { tail: lines }, MAX_TAIL_BYTES);
    return window && context.text(window.text, 200);
  }
}

const MAX_TAIL_BYTES = 1_048_576;

const LOG = createRoute({
  method: 'get',
  path: '/api/jobs/{id}/log',
  operationId: 'getJobLog',
  tags: ['Jobs'],
  summary: 'Read what a job has printed',
  description:
    'All attempts, as the job printed it: empty where it printed nothing. A `Range` of bytes gives a part, so that a log can be followed by asking for what is new.',
  request: {
    params: Id,
    query: z.strictObject({
      tail: z.coerce
        .number()
        .int()
        .min(1)
        .max(100_000)
        .optional()
        .describe('Only so many of its last lines, 1 MiB at most; without `Range`.'),
    }),
    headers: z.object({ Range: z.string().optional().describe('Such as `bytes=1024-`.') }),
  },
  responses: {
    200: { description: 'The log.', content: { 'text/plain': { schema: z.string() } } },
    206: { description: 'The part that was asked for.', content: { 'text/plain': { schema: z.string() } } },
    ...refusals(404, 416, 422),
  },
});
