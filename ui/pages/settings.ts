import { Hono } from 'hono';
import { SPOOL_VERSION } from '../../spool/layout.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { frameOf } from '../frame.ts';
import { settingsPage } from '../views/settings.ts';

/** `/dashboard/settings`. */
export function settingsPages(dashboard: Dashboard): Hono<Env> {
  const { allowlist, minFreeBytes, policyOf, settings, spool } = dashboard;
  const app = new Hono<Env>();
  app.get('/dashboard/settings', (context) => {
    const frame = frameOf(context, dashboard);
    const service = {
      settings,
      allowlist: allowlist.map((one) => ({
        ...one,
        methods: one.methods.map((method) => ({ ...method, resolved: policyOf({ class: one.class, method: method.method }) })),
      })),
      spool: {
        root: spool.root,
        version: SPOOL_VERSION,
        durability: spool.durability,
        freeBytes: spool.disk.freeBytes(spool.root),
        minFreeBytes,
      },
      versions: { jobspool: dashboard.version, node: process.version, system: `${process.platform} ${process.arch}` },
    };
    return context.html(settingsPage(frame, service));
  });
  return app;
}
