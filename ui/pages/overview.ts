import { Hono } from 'hono';
import type { Counts } from '../../spool/catalog.ts';
import { everything } from '../../spool/filter.ts';
import { isPaused } from '../../spool/marker.ts';
import { maskJob } from '../../spool/mask.ts';
import type { State } from '../../spool/state.ts';
import { workersOf } from '../at-work.ts';
import { concernsIn } from '../attention.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { firstJob } from '../first-job.ts';
import { type Frame, frameOf } from '../frame.ts';
import { type Overview, overviewPage } from '../views/overview.ts';

/** `/dashboard`. */
export function overviewPages(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/dashboard', async (context) => {
    await dashboard.catalog.refresh();
    const frame = frameOf(context, dashboard);
    return context.html(overviewPage(frame, await overviewOf(dashboard, frame)));
  });
  return app;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const LAST_FAILURES = 10;
/** Of the files rejected within the last hour no more are counted. */
const MAX_REJECTED = 20;

async function overviewOf(dashboard: Dashboard, { now, trouble }: Frame): Promise<Overview> {
  const { catalog, spool, minFreeBytes } = dashboard;
  const counts = catalog.counts(now);
  const { unread } = catalog;
  const workers = await workersOf(dashboard, now);
  const hour = catalog.throughput(now, MINUTE_MS, 60);
  const oldestPendingMs = catalog.oldestPendingMs(now);
  const room = spool.disk.room(spool.root);
  const concerns = concernsIn({
    unusable: trouble?.kind === 'unusable' ? trouble.text : undefined,
    counts,
    slots: workers,
    isPaused: isPaused(spool),
    room,
    minFreeBytes,
    oldestPendingMs,
    endedLastHour: hour.reduce((sum, { completed, failed }) => sum + completed + failed, 0),
    failures: catalog.failures(now - HOUR_MS),
    rejected: await rejectedSince(dashboard, now - HOUR_MS, now),
    unread,
  });
  return {
    counts,
    concerns,
    workers,
    hour,
    day: catalog.throughput(now, HOUR_MS, 24),
    timings: catalog.timings(now - HOUR_MS),
    oldestPendingMs,
    freeBytes: room.freeBytes,
    lastFailed: (await catalog.list({ filter: only('failed'), limit: LAST_FAILURES }, now)).jobs.map(maskJob),
    begin:
      isEmpty(counts) && unread.files === 0 && unread.ledgerBytes === 0
        ? { firstJob: firstJob(dashboard.allowlist, spool.root) }
        : undefined,
  };
}

// The list is newest first: what is older than asked for ends it, and no search for a time is needed.
async function rejectedSince({ catalog }: Dashboard, since: number, now: number): Promise<{ count: number; isMore: boolean }> {
  const { jobs } = await catalog.list({ filter: only('rejected'), limit: MAX_REJECTED + 1 }, now);
  const count = jobs.filter(({ finishedAt }) => Date.parse(finishedAt ?? '') >= since).length;
  return { count: Math.min(count, MAX_REJECTED), isMore: count > MAX_REJECTED };
}

const only = (state: State) => ({ ...everything(), states: [state] });

const isEmpty = (counts: Counts): boolean => Object.values(counts).every((count) => count === 0);
