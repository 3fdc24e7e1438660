import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { holderOfSlot, slots } from '../../spool/lease.ts';
import { isDrainRequested, isPaused, pause, requestDrain, resume } from '../../spool/marker.ts';
import { workersOf } from '../at-work.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { backOf, readForm } from '../forms.ts';
import { frameOf } from '../frame.ts';
import { inert } from '../inert.ts';
import { leaveNotice } from '../notice.ts';
import { runnersPage } from '../views/runners.ts';

/** `/dashboard/runners`, and what is done there: pause, resume, drain. */
export function runnersPages(dashboard: Dashboard): Hono<Env> {
  const { basePath, catalog, log, spool } = dashboard;
  const app = new Hono<Env>();

  app.get('/dashboard/runners', async (context) => {
    await catalog.refresh();
    const frame = frameOf(context, dashboard);
    const workers = await workersOf(dashboard, frame.now);
    const pausedAt = spool.disk.facts(spool.paused)?.mtimeMs;
    return context.html(runnersPage(frame, { workers, pausedAt, counts: catalog.counts(frame.now), root: spool.root }));
  });

  app.post('/dashboard/pause', (context) =>
    act(context, () => {
      if (isPaused(spool)) return 'It was paused already: nothing new is run until it is resumed.';
      pause(spool);
      log.info('paused in the dashboard', { who: context.get('who') });
      return 'Paused: nothing new is run until it is resumed. What runs goes on.';
    }),
  );

  app.post('/dashboard/resume', (context) =>
    act(context, () => {
      if (!resume(spool)) return 'It was not paused: nothing was changed.';
      log.info('resumed in the dashboard', { who: context.get('who') });
      return 'Resumed: jobs are run again.';
    }),
  );

  app.post('/dashboard/runners/:slot/drain', (context) =>
    act(context, () => {
      const slot = context.req.param('slot') ?? '';
      if (isDrainRequested(spool, slot))
        return `${inert(slot, 100)} was asked to drain already: it goes when the job that it runs is over.`;
      if (!requestDrain(spool, slot)) throw noRunner(dashboard, slot);
      log.info(`drain asked for in the dashboard: ${slot} finishes what it runs and goes`, { runner: slot, who: context.get('who') });
      return `${slot} is draining: it finishes what it runs and goes, and another one takes its place.`;
    }),
  );

  /** Does what was asked for by a form, says so on the page that comes next, and goes there. */
  async function act(context: Context<Env>, how: () => string): Promise<Response> {
    const back = backOf(await readForm(context, Form), '/dashboard/runners');
    leaveNotice(context, basePath, { kind: 'done', text: how() });
    return context.redirect(`${basePath}${back}`, 303);
  }

  return app;
}

const Form = z.object({ back: z.string().optional() });

function noRunner({ spool }: Dashboard, slot: string): HTTPException {
  if (!slots(spool).includes(slot)) {
    const message = `drain ${inert(slot, 100)}: expected the slot of a runner, found none of that name; it may be gone already`;
    return new HTTPException(404, { message });
  }
  const kind = holderOfSlot(spool, slot)?.kind;
  const what = kind === 'dispatcher' ? 'is a dispatcher; stop its process instead (SIGTERM)' : 'is held by nobody who can be asked';
  return new HTTPException(409, { message: `drain ${slot}: expected the slot of a runner, but it ${what}; nothing was changed` });
}
