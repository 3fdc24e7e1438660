/** `/api/events`: every transition of every job, as it happens. */
import { setTimeout as pause } from 'node:timers/promises';
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { z } from 'zod';
import { messageOf } from '../../spool/errors.ts';
import { maskSecrets } from '../../spool/mask.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { type EventStream, eventStream, HEARTBEAT_MS } from '../event-stream.ts';
import { problem } from '../problem.ts';
import { type Cursor, cursorOf, cursorText, type EventFeed, eventFeed, type LoggedEvent } from './event-feed.ts';
import { answerMistakes, refusals, titleOf } from './refusal.ts';

export function eventsApi(dashboard: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>();
  const feed = eventFeed(dashboard.spool);
  let open = 0;
  api.openapi(EVENTS, (context) => {
    const { after, ...wanted } = context.req.valid('query');
    const resumed = context.req.valid('header')['Last-Event-ID'] || after;
    const from = resumed === undefined ? feed.end() : cursorOf(resumed);
    if (!from) return answerMistakes(context, [{ path: 'header.Last-Event-ID', message: NO_CURSOR }]);
    if (open >= MAX_STREAMS) return answerFull(context);
    return eventStream(
      context,
      async (stream) => {
        open += 1;
        const ended = AbortSignal.any([stream.gone, dashboard.stopping]);
        await follow(stream, feed, { from, wanted, ended }).finally(() => {
          open -= 1;
        });
      },
      (error) => dashboard.log.warn(`a stream of events broke off: ${messageOf(error)}; its reader goes on where it was`),
    );
  });
  return api;
}

const MAX_STREAMS = 100;
const LOOK_MS = 250;
const RETRY_MS = 2_000;

const NO_CURSOR = 'Last-Event-ID: expected the id of an event of this stream, such as 1795344900123-4096';

const oneOf = (what: string) => z.string().min(1).max(2_000).optional().describe(`Only ${what}; several by commas.`);

const EVENTS = createRoute({
  method: 'get',
  path: '/api/events',
  operationId: 'followEvents',
  tags: ['Events'],
  summary: 'Follow what happens to jobs',
  description:
    'A stream of server-sent events, one for each line that `background_jobs.log` gets about a job. The name of an event is what happened: `accepted`, `running`, `completed`, `retrying`, `failed`, `cancelled`, `rejected`, also `snoozed`, `released`, `cancelling`, `timed-out`, `not-cancelled`. Its data is the line: `time`, `id`, `class`, `method`, `attempt`, `msg` and what else there is to say; of a batch, whose `id` it is then, `jobs` says how many were accepted. It begins with what happens next; whoever was cut off sends `Last-Event-ID`, as browsers do by themselves, and misses nothing, also across the daily rotation of the log. A comment is sent every 15 seconds. The stream ends when the service stops.',
  request: {
    query: z.strictObject({
      id: oneOf('jobs of this id'),
      class: oneOf('jobs of this class'),
      event: oneOf('events of this name').meta({ example: 'completed,failed' }),
      after: z.string().max(40).optional().describe('As Last-Event-ID, for clients that cannot set it.'),
    }),
    headers: z.object({ 'Last-Event-ID': z.string().max(40).optional().describe('Go on after the event of this id.') }),
  },
  responses: {
    200: {
      description: 'The stream.',
      content: {
        'text/event-stream': {
          schema: z.string(),
          example:
            'event: completed\nid: 1795344900123-4096\ndata: {"time":"2026-11-22T10:15:00.123Z","id":"report-2026","class":"Report","method":"build"}\n\n',
        },
      },
    },
    ...refusals(422, 503),
  },
});

function answerFull(context: Context): Response {
  context.header('Retry-After', '10');
  return problem(context, 503, titleOf(503), `Follow events: ${MAX_STREAMS} streams are open already, which is the most. Try again later.`);
}

type Wanted = { id?: string | undefined; class?: string | undefined; event?: string | undefined };

type Following = { from: Cursor; wanted: Wanted; ended: AbortSignal };

async function follow(stream: EventStream, feed: EventFeed, { from, wanted, ended }: Following): Promise<void> {
  const passes = filterOf(wanted);
  let cursor = from;
  // With the place where it begins: whoever is cut off before the first event misses nothing either.
  await stream.send(`: following\nretry: ${RETRY_MS}\nid: ${cursorText(cursor)}\n\n`);
  let sentAt = performance.now();
  while (!ended.aborted) {
    const portion = feed.read(cursor, Date.now());
    cursor = portion.cursor;
    const text = portion.events.filter(passes).map(sentAs).join('');
    const isQuiet = performance.now() - sentAt > HEARTBEAT_MS;
    if (text !== '' || isQuiet) {
      await stream.send(text === '' ? `: still here\nid: ${cursorText(cursor)}\n\n` : text);
      sentAt = performance.now();
    }
    await pause(portion.isEnd ? LOOK_MS : 0, undefined, { signal: ended }).catch(() => undefined);
  }
}

function filterOf({ id, class: name, event }: Wanted): (logged: LoggedEvent) => boolean {
  const [ids, classes, events] = [id, name, event].map((text) => text?.split(','));
  const isIn = (list: string[] | undefined, value: unknown) => list === undefined || (typeof value === 'string' && list.includes(value));
  return (logged) => isIn(events, logged.event) && isIn(ids, logged.fields.id) && isIn(classes, logged.fields.class);
}

const sentAs = ({ event, fields, cursor }: LoggedEvent): string =>
  `event: ${event}\nid: ${cursorText(cursor)}\ndata: ${JSON.stringify(maskSecrets(fields))}\n\n`;
