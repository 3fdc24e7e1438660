/** A real nginx before the service, as one that serves more than it would have it. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { freePort, isListening, startServer } from './server.ts';
import { tempFolder } from './spool.ts';

/** True, and says so, when this machine has no nginx. */
export function skipsWithoutNginx(t: TestContext): boolean {
  if (spawnSync('nginx', ['-v']).error === undefined) return false;
  t.skip('nginx is not installed: the pages were NOT tested behind a reverse proxy');
  return true;
}

/** Serves what is under `location` from the service at `to`, both without a slash at the end, and nothing beside it. Resolves with its port, on every address of this machine. */
export function startNginx(t: TestContext, location: string, to: string): Promise<number> {
  return serveByNginx(t, passed(location, to));
}

/** Serves what these lines of a `server` say, and resolves with its port. */
export async function serveByNginx(t: TestContext, lines: string): Promise<number> {
  const folder = tempFolder(t, 'jobspool-nginx-');
  const port = await freePort();
  const file = path.join(folder, 'nginx.conf');
  fs.writeFileSync(file, configuration(folder, port, lines));
  await startServer(t, ['nginx', '-p', folder, '-e', 'stderr', '-c', file], () => isListening(port));
  return port;
}

// Buffers are left on, as they are by default: the service itself must say that a stream is not to be held back.
const passed = (location: string, to: string): string => `
    location ${location}/ {
      proxy_pass ${to};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }`;

function configuration(folder: string, port: number, lines: string): string {
  return `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/pid;
events { worker_connections 256; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  server {
    listen ${port};
    ${lines}
  }
}
`;
}
