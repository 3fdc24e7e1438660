import { Hono } from 'hono';
import { Registry } from 'prom-client';
import type { Dashboard, Env } from './dashboard.ts';
import { followCounts } from './metrics/counts.ts';
import { addGauges } from './metrics/gauges.ts';
import { addProcess } from './metrics/process.ts';

/**
 * `/metrics`, for Prometheus. Behind the sign-in as every page is: a viewer's token or password is enough. Nothing is measured while nobody
 * asks, and no metric has the id of a job as a label.
 */
export function metricsRoutes(dashboard: Dashboard): Hono<Env> {
  const registry = new Registry();
  const counts = dashboard.logsEvents ? followCounts(registry, dashboard) : undefined;
  const gauges = addGauges(registry, dashboard);
  addProcess(registry);
  let answering: Promise<string> | undefined;
  const measure = async () => {
    const isReady = await gauges.measureReadiness();
    try {
      await gauges.measure(Date.now());
      await counts?.readOn(Date.now());
    } catch (error) {
      // What keeps the service from working may keep us from counting: that must be told all the same, and the figures stay as they were.
      if (isReady) throw error;
    }
    return registry.metrics();
  };
  const app = new Hono<Env>();
  app.get('/metrics', async (context) => {
    // Several Prometheuses that ask at once are one question.
    answering ??= measure().finally(() => {
      answering = undefined;
    });
    const text = await answering;
    return context.body(text, 200, { 'Content-Type': registry.contentType, 'Cache-Control': 'no-store' });
  });
  return app;
}
