import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { Server } from '../node-peer.ts';
import { startProcess } from '../start-process.ts';
import { until } from '../until.ts';

export type AppendOnly = 'off' | 'everysec' | 'always';

/** What is missing to run Redis; undefined: nothing. */
export const missingRedis = (): string | undefined =>
  redisVersion() === undefined ? 'redis-server is not installed: apt-get install --no-install-recommends redis-server' : undefined;

export function redisVersion(): string | undefined {
  try {
    return /v=([\d.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
  } catch {
    return undefined;
  }
}

/** Starts a Redis of its own: no port, a socket in its folder, no snapshots. */
export async function startRedis(folder: string, appendOnly: AppendOnly): Promise<Server> {
  const socket = path.join(folder, 'redis.sock');
  const append = appendOnly === 'off' ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', appendOnly];
  const started = startProcess('redis-server', [
    '--port',
    '0',
    '--unixsocket',
    socket,
    '--dir',
    folder,
    '--save',
    '',
    '--daemonize',
    'no',
    ...append,
  ]);
  await until(() => fs.existsSync(socket) || started.hasEnded(), 'Redis to start');
  if (started.hasEnded()) throw new Error(`redis-server ended: ${started.says()}`);
  return { address: socket, pids: [started.pid], close: () => started.end('SIGKILL') };
}
