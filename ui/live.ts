/** Tells open pages when they are out of date, over one server-sent stream each. A page that is told asks for itself again. */
import { setTimeout as pause } from 'node:timers/promises';
import { type Context, Hono } from 'hono';
import type { SSEMessage } from 'hono/streaming';
import { z } from 'zod';
import { messageOf } from '../spool/errors.ts';
import type { Spool } from '../spool/spool.ts';
import { STATES } from '../spool/state.ts';
import { assetsVersion } from './assets.ts';
import type { Dashboard, Env } from './dashboard.ts';
import { type EventStream, eventStream, HEARTBEAT_MS } from './event-stream.ts';
import { logChunk } from './job-log.ts';
import { LiveHub, type OpenPage } from './live-hub.ts';
import type { View } from './live-marks.ts';

/** `GET /dashboard/live?view=…`: `hello` with the version of the pages first, then `changed`, `done` and `log` as they happen, `bye` at the end. */
export function liveRoutes(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  const hub = new LiveHub(dashboard);
  app.get('/dashboard/live', (context) => {
    const asked = QUERY.safeParse(context.req.query());
    if (!asked.success) return context.text(`open a live stream: ${z.prettifyError(asked.error)}`, 400);
    if (hub.isFull) return context.text('open a live stream: too many pages are open; ask again later', 503, { 'Retry-After': '10' });
    const { seen, at, from, ...view } = asked.data;
    const tail = tailOf(dashboard.spool, view, resumeAt(context) ?? from);
    return eventStream(
      context,
      async (stream) => {
        const page = hub.open(view, { seen, at });
        stream.gone.addEventListener('abort', () => page.tell('bye'), { once: true });
        await follow(page, stream, tail).finally(() => hub.close(page));
      },
      (error) => dashboard.log.warn(`a live stream broke off: ${messageOf(error)}; its page opens a new one`),
    );
  });
  return app;
}

const ID = z.string().min(1).max(300);

const VIEW = z.discriminatedUnion('view', [
  z.object({ view: z.enum(['overview', 'failures', 'runners', 'logs']) }),
  z.object({ view: z.literal('jobs'), state: z.enum(STATES).optional() }),
  z.object({ view: z.literal('operation'), id: ID }),
  z.object({ view: z.literal('job'), id: ID, drawn: z.string().max(20).optional() }),
]);

const QUERY = VIEW.and(
  z.object({
    /** What the page was drawn from, as `versionsOf` says it. */
    seen: z
      .string()
      .regex(/^\d+(\.\d+){7}$/, 'expected the versions of eight states')
      .optional(),
    /** When it was drawn, in milliseconds since the epoch. */
    at: z.coerce.number().int().nonnegative().optional(),
    /** Where the log ends that the page shows, in bytes; a page that shows none leaves it out. */
    from: z.coerce.number().int().nonnegative().optional(),
  }),
);

const LOG_PAUSE_MS = 100;

/** A stream that broke and is opened again by the browser says where it was. */
function resumeAt(context: Context): number | undefined {
  const id = context.req.header('Last-Event-ID') ?? '';
  return /^\d{1,15}$/.test(id) ? Number(id) : undefined;
}

async function follow(page: OpenPage, stream: EventStream, nextOfLog: () => SSEMessage | undefined): Promise<void> {
  // Many pages whose service was restarted do not come back in the same moment.
  const retry = 1_000 + Math.floor(Math.random() * 2_000);
  await stream.send({ event: 'hello', data: JSON.stringify({ version: assetsVersion() }), retry });
  while (!stream.gone.aborted) {
    const news = await page.take(HEARTBEAT_MS);
    for (const event of EVENTS) if (news.includes(event)) await stream.send({ event, data: '' });
    if (news.includes('bye')) return;
    if (news.includes('log')) await sendLog(page, stream, nextOfLog());
    // An event, and no comment: the page hears it, and opens a new stream where it hears nothing.
    if (news.length === 0) await stream.send({ event: 'beat', data: '' });
  }
}

const EVENTS = ['changed', 'aged', 'done', 'bye'] as const;

async function sendLog(page: OpenPage, stream: EventStream, message: SSEMessage | undefined): Promise<void> {
  if (!message) return;
  await stream.send(message);
  await pause(LOG_PAUSE_MS);
  // There may be more at once.
  page.tell('log');
}

/** What gives the next portion of a job's log each time it is called; undefined: nothing new, or the page shows no log. */
function tailOf(spool: Spool, view: View, from: number | undefined): () => SSEMessage | undefined {
  if (view.view !== 'job' || from === undefined) return () => undefined;
  let offset = from;
  return () => {
    const chunk = logChunk(spool, view.id, offset);
    if (chunk.to === offset && !chunk.isCut) return undefined;
    offset = chunk.to;
    return { event: 'log', id: String(chunk.to), data: JSON.stringify(chunk) };
  };
}
