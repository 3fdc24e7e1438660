import { Hono } from 'hono';
import type { Dashboard, Env } from './dashboard.ts';

/** `/healthz`: the process answers. `/readyz`: work would be taken now, or 503 with the reasons why not. For everybody. */
export function healthRoutes({ readiness }: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.get('/readyz', async (context) => {
    const reasons = await readiness();
    return reasons.length === 0 ? context.json({ status: 'ready' }) : context.json({ status: 'not ready', reasons }, 503);
  });
  return app;
}
