import { type ServerType, serve } from '@hono/node-server';
import { Hono } from 'hono';
import { ConfigError } from './config.ts';

/** What `/readyz` answers by: each reason is a sentence why work would not be taken now. */
export type Readiness = () => string[];

/** The routes that the service has so far: whether it lives, and whether it takes work. */
export function makeApp(basePath: string, readiness: Readiness): Hono {
  const app = new Hono().basePath(basePath || '/');
  app.get('/healthz', (context) => context.json({ status: 'ok' }));
  app.get('/readyz', (context) => {
    const reasons = readiness();
    return reasons.length === 0 ? context.json({ status: 'ready' }) : context.json({ status: 'not ready', reasons }, 503);
  });
  return app;
}

/** Listens, and resolves with the port. Rejects with ConfigError when the address cannot be had. */
export function listen(app: Hono, hostname: string, port: number): Promise<{ port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server: ServerType = serve({ fetch: app.fetch, hostname, port }, (address) => {
      resolve({ port: address.port, close: () => close(server) });
    });
    server.once('error', (error) => {
      reject(new ConfigError(`listen on ${hostname}:${port}: ${error.message}; choose another with JOBSPOOL_HOST and JOBSPOOL_PORT`));
    });
  });
}

function close(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    if ('closeAllConnections' in server) server.closeAllConnections();
  });
}
