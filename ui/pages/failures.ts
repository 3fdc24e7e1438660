import { Hono } from 'hono';
import { z } from 'zod';
import type { Dashboard, Env } from '../dashboard.ts';
import { readQuery } from '../forms.ts';
import { frameOf } from '../frame.ts';
import { failuresPage, WINDOWS, type Window } from '../views/failures.ts';

/** `/dashboard/failures?window=1h|24h|7d`. */
export function failuresPages(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/dashboard/failures', async (context) => {
    const { window } = readQuery(context, Query);
    const { catalog } = dashboard;
    await catalog.refresh();
    const frame = frameOf(context, dashboard);
    const groups = new Map(WINDOWS.map((one) => [one, catalog.failures(frame.now - LENGTH_MS[one])]));
    const counts = [...groups.values()].map((all) => all.reduce((sum, { count }) => sum + count, 0));
    return context.html(failuresPage(frame, { window, groups: groups.get(window) ?? [], counts, isReading: catalog.unread.files > 0 }));
  });
  return app;
}

const Query = z.object({ window: z.enum(WINDOWS).default('24h') });

const LENGTH_MS: Record<Window, number> = { '1h': 3_600_000, '24h': 86_400_000, '7d': 7 * 86_400_000 };
