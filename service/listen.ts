import { type ServerType, serve } from '@hono/node-server';
import { ConfigError } from './config-error.ts';

export type Listening = {
  port: number;
  /** Takes no new connection, and resolves when answers that are under way are sent, or after `graceMs`. */
  close(graceMs: number): Promise<void>;
};

/** Answers requests, as Hono's `fetch` does. */
export type Fetch = Parameters<typeof serve>[0]['fetch'];

/** Listens, and resolves with the port. Rejects with ConfigError when the address cannot be had. */
export function listen(fetch: Fetch, hostname: string, port: number): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const server: ServerType = serve({ fetch, hostname, port }, (address) => {
      resolve({ port: address.port, close: (graceMs) => close(server, graceMs) });
    });
    server.maxConnections = MAX_CONNECTIONS;
    // Not `once`: a connection that cannot be accepted (no descriptor is left) must not end the server.
    server.on('error', (error) => {
      reject(new ConfigError(`listen on ${hostname}:${port}: ${error.message}; choose another with JOBSPOOL_HOST and JOBSPOOL_PORT`));
    });
  });
}

/** Whoever holds connections open must not take all descriptors from the dispatcher, which is in the same process. */
const MAX_CONNECTIONS = 1_000;

function close(server: ServerType, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    // A connection that a browser keeps open for its next request would hold the server up for ever.
    const closeIdle = () => ('closeIdleConnections' in server ? server.closeIdleConnections() : undefined);
    const sweeping = setInterval(closeIdle, 50);
    const deadline = setTimeout(() => ('closeAllConnections' in server ? server.closeAllConnections() : undefined), graceMs);
    server.close(() => {
      clearInterval(sweeping);
      clearTimeout(deadline);
      resolve();
    });
    closeIdle();
  });
}
