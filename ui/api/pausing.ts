/** `/api/pause` and `/api/resume`: whether new jobs are claimed. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { isPaused, pause, resume } from '../../spool/marker.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { json } from './answer.ts';

export function pausingApi({ spool, log }: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>();
  api.openapi(PAUSE, (context) => {
    const changed = !isPaused(spool);
    pause(spool);
    if (changed) log.info('paused by the API', { who: context.get('who') });
    return context.json({ paused: true, changed }, 200);
  });
  api.openapi(RESUME, (context) => {
    const changed = resume(spool);
    if (changed) log.info('resumed by the API', { who: context.get('who') });
    return context.json({ paused: false, changed }, 200);
  });
  return api;
}

const Pausing = z
  .object({ paused: z.boolean().describe('So it is now.'), changed: z.boolean().describe('False when it was so already.') })
  .meta({ id: 'Pausing', description: 'Whether new jobs are claimed.' });

const route = (word: 'pause' | 'resume', summary: string, description: string) =>
  createRoute({
    method: 'post',
    path: `/api/${word}`,
    operationId: word,
    tags: ['Service'],
    summary,
    description,
    responses: { 200: json('So it is now.', Pausing) },
  });

const PAUSE = route('pause', 'Claim nothing new', 'What runs goes on, and requests are still accepted.');

const RESUME = route('resume', 'Claim jobs again', 'Those that became due meanwhile run, best first.');
