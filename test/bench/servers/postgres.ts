import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Durability } from '../contender.ts';
import type { Server } from '../node-peer.ts';
import { startProcess } from '../start-process.ts';
import { until } from '../until.ts';

/** What is missing to run PostgreSQL; undefined: nothing. */
export const missingPostgres = (): string | undefined =>
  programs() === undefined ? 'postgres is not installed: apt-get install --no-install-recommends postgresql' : undefined;

export function postgresVersion(): string | undefined {
  const folder = programs();
  return folder && /[\d.]+/.exec(execFileSync(path.join(folder, 'postgres'), ['--version'], { encoding: 'utf8' }))?.[0];
}

/**
 * Starts a PostgreSQL of its own: no port, a socket in its folder, commits synchronous (its default) where jobs are to survive a power cut. It refuses to
 * run as root: then it runs as another user.
 */
export async function startPostgres(folder: string, durability: Durability): Promise<Server> {
  const data = path.join(folder, 'data');
  fs.cpSync(newCluster(), data, { recursive: true, preserveTimestamps: true });
  own(data);
  fs.chmodSync(data, 0o700);
  own(folder);
  const started = startProcess(
    path.join(programs() as string, 'postgres'),
    [
      '-D',
      data,
      '-k',
      folder,
      '-c',
      'listen_addresses=',
      '-c',
      `synchronous_commit=${durability === 'power' ? 'on' : 'off'}`,
      '-c',
      'shared_buffers=256MB',
      '-c',
      'max_wal_size=4GB',
    ],
    asNobody(),
  );
  const socket = path.join(folder, '.s.PGSQL.5432');
  await until(() => started.says().includes('ready to accept connections') || started.hasEnded(), 'PostgreSQL to start');
  if (started.hasEnded() || !fs.existsSync(socket)) throw new Error(`postgres ended: ${started.says()}`);
  // Its data is thrown away: it need not write it down first.
  return { address: folder, pids: [started.pid], close: () => started.end('SIGQUIT') };
}

/** How a library is told of it. */
export const connectionString = (folder: string): string => `postgres://bench@/postgres?host=${encodeURIComponent(folder)}`;

let cluster: string | undefined;

// A cluster takes a second to make and a tenth to copy.
function newCluster(): string {
  if (cluster) return cluster;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jobspool-bench-cluster-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  own(folder);
  const args = ['-D', folder, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--no-locale', '--no-sync'];
  execFileSync(path.join(programs() as string, 'initdb'), args, { stdio: 'ignore', ...asNobody() });
  cluster = folder;
  return folder;
}

function own(file: string): void {
  const { uid, gid } = asNobody();
  if (uid === undefined || gid === undefined) return;
  for (const inside of ['.', ...(fs.readdirSync(file, { recursive: true }) as string[])]) fs.chownSync(path.join(file, inside), uid, gid);
}

function asNobody(): { uid?: number; gid?: number; cwd: string } {
  if (process.getuid?.() !== 0) return { cwd: '/' };
  const [, , uid, gid] = (/^(?:postgres|nobody):.*$/m.exec(fs.readFileSync('/etc/passwd', 'utf8'))?.[0] ?? '').split(':');
  return { uid: Number(uid), gid: Number(gid), cwd: '/' };
}

// Debian keeps the server's programs off the path.
function programs(): string | undefined {
  const home = '/usr/lib/postgresql';
  const versions = fs.existsSync(home) ? fs.readdirSync(home).sort((a, b) => Number(b) - Number(a)) : [];
  return versions.map((version) => path.join(home, version, 'bin')).find((folder) => fs.existsSync(path.join(folder, 'initdb')));
}
