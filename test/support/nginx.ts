/** A real nginx before the service, as one that serves more than it would have it. */
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { afterwards } from './afterwards.ts';
import { tempFolder } from './spool.ts';
import { waitFor } from './wait-for.ts';

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
  const child = spawn('nginx', ['-p', folder, '-e', 'stderr', '-c', file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  afterwards(t, async () => {
    child.kill('SIGTERM');
    await exited;
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  await waitFor(() => {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode} before it listened:\n${errors}`);
    return isListening(port);
  }, 'nginx to listen');
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

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer().once('error', reject);
    server.listen(0, () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
