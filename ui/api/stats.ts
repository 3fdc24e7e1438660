/** `/api/stats`: the spool in numbers, and who works on it. */
import { createRoute, OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import type { Percentiles } from '../../spool/catalog.ts';
import { isPaused } from '../../spool/marker.ts';
import type { JobStatus } from '../../spool/query.ts';
import { STATES, type State } from '../../spool/state.ts';
import { type Worker, workersOf } from '../at-work.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { json } from './answer.ts';
import { refusals } from './refusal.ts';

export function statsApi(dashboard: Dashboard): OpenAPIHono<Env> {
  const api = new OpenAPIHono<Env>();
  api.openapi(STATS, async (context) => {
    await dashboard.catalog.refresh();
    return context.json(await statsOf(dashboard, context.req.valid('query').window, Date.now()), 200);
  });
  return api;
}

/** The stretches of time that can be asked for, and the steps in which they are told. In milliseconds. */
const WINDOWS = {
  '1h': { stepMs: 60_000, count: 60 },
  '24h': { stepMs: 3_600_000, count: 24 },
} as const;

type Window = keyof typeof WINDOWS;

const count = (description: string) => z.number().describe(description);
const orNull = (description: string) => z.number().nullable().describe(description);

const Timing = z
  .object({ count: count('How many jobs were measured.'), p50: orNull('The median, in milliseconds.'), p95: orNull('In milliseconds.') })
  .meta({ id: 'Timing' });

const Slot = z
  .object({
    slot: z.string(),
    life: z.enum(['alive', 'dead', 'lost']).describe('dead: its process is gone. lost: its host is silent.'),
    host: z.string().nullable(),
    pid: z.number().nullable(),
    since: z.iso.datetime().nullable(),
    leaseAgeMs: orNull('How long ago its last heartbeat was.'),
    memoryBytes: orNull('In use; null where that is not known, as on another host.'),
    leaving: z.boolean().describe('It was told to finish and go.'),
    running: z.array(
      z.object({
        id: z.string(),
        class: z.string().optional(),
        method: z.string().optional(),
        startedAt: z.iso.datetime().optional(),
        progress: z.number().optional(),
      }),
    ),
    completed: count('Jobs that it completed, of those still on record.'),
    failed: count('Jobs that failed in it, likewise.'),
  })
  .meta({ id: 'Slot', description: 'Room for one runner or dispatcher, and who holds it.' });

const Stats = z
  .object({
    time: z.iso.datetime(),
    version: z.string().describe('Of the service that answers.'),
    counts: z
      .object(Object.fromEntries(STATES.map((state) => [state, z.number()])) as Record<State, z.ZodNumber>)
      .describe('Jobs in each state.'),
    oldestPendingMs: orNull('How long the job that is due longest has been waiting; null when none is due.'),
    paused: z.boolean().describe('Nothing new is claimed.'),
    obstacles: z.array(z.string()).describe('Why no work would be taken now, each in a sentence; as `/readyz`.'),
    throughput: z.object({
      stepMs: z.number(),
      buckets: z
        .array(z.object({ from: z.iso.datetime(), completed: z.number(), failed: z.number() }))
        .describe('What ended in each step, oldest first.'),
    }),
    timings: z
      .object({ wait: Timing, run: Timing })
      .describe('Of jobs that completed in the window: from when they were due to their first start, and their last attempt.'),
    dispatchers: z.array(Slot),
    runners: z.array(Slot),
    disk: z.object({ freeBytes: z.number(), minFreeBytes: count('With less nothing is accepted or claimed.') }),
    unread: z
      .object({ ledgerBytes: z.number(), files: z.number() })
      .describe('Of finished jobs, what was not read yet since the service started: until both are 0, what is over is not counted whole.'),
  })
  .meta({ id: 'Stats', description: 'The spool in numbers, and who works on it.' });

const STATS = createRoute({
  method: 'get',
  path: '/api/stats',
  operationId: 'getStats',
  tags: ['Service'],
  summary: 'The spool in numbers',
  request: {
    query: z.strictObject({
      window: z
        .enum(['1h', '24h'] satisfies Window[])
        .default('1h')
        .describe('How far `throughput` and `timings` go back: by minutes, or by hours.'),
    }),
  },
  responses: { 200: json('Now.', Stats), ...refusals(422) },
});

async function statsOf(dashboard: Dashboard, window: Window, now: number): Promise<z.infer<typeof Stats>> {
  const { catalog, spool, minFreeBytes, version } = dashboard;
  const { stepMs, count } = WINDOWS[window];
  const workers = await workersOf(dashboard, now);
  const { wait, run } = catalog.timings(now - stepMs * count);
  return {
    time: iso(now),
    version,
    counts: catalog.counts(now),
    oldestPendingMs: catalog.oldestPendingMs(now) ?? null,
    paused: isPaused(spool),
    obstacles: await dashboard.readiness(),
    throughput: { stepMs, buckets: catalog.throughput(now, stepMs, count).map((bucket) => ({ ...bucket, from: iso(bucket.from) })) },
    timings: { wait: timing(wait), run: timing(run) },
    dispatchers: workers.filter(({ kind }) => kind === 'dispatcher').map(slotBody),
    runners: workers.filter(isRunner).map(slotBody),
    disk: { freeBytes: spool.disk.freeBytes(spool.root), minFreeBytes },
    unread: catalog.unread,
  };
}

// Whoever steers a job for a moment is none; of one that is dead, nobody may know what it was.
const isRunner = ({ kind }: Worker): boolean => kind !== 'dispatcher' && kind !== 'tool';

const timing = ({ count, p50, p95 }: Percentiles): z.infer<typeof Timing> => ({ count, p50: p50 ?? null, p95: p95 ?? null });

function slotBody({
  slot,
  life,
  host,
  pid,
  since,
  leaseAgeMs,
  memoryBytes,
  draining,
  stopping,
  running,
  done,
}: Worker): z.infer<typeof Slot> {
  return {
    slot,
    life,
    host: host ?? null,
    pid: pid ?? null,
    since: since ?? null,
    leaseAgeMs: leaseAgeMs ?? null,
    memoryBytes: memoryBytes ?? null,
    leaving: draining || stopping,
    running: running.map(({ id, class: name, method, startedAt, progress }: JobStatus) => ({
      id,
      class: name,
      method,
      startedAt,
      progress,
    })),
    ...done,
  };
}

const iso = (ms: number): string => new Date(ms).toISOString();
