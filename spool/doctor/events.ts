/** Whether the kernel tells of dropped files. */
import path from 'node:path';
import chokidar from 'chokidar';
import { messageOf } from '../errors.ts';
import type { Spool } from '../spool.ts';
import { type Answer, ok, warn } from './finding.ts';

const TIMEOUT_MS = 5_000;

/** Drops a file that nobody takes for a request, and waits to be told of it. */
export async function events(spool: Spool, watch: 'events' | 'poll'): Promise<Answer> {
  if (watch === 'poll') return ok('file events are not used (JOBSPOOL_WATCH=poll); the scan finds everything');
  const silence = await whySilent(spool);
  if (silence === undefined) return ok('file events arrive: what is dropped on this machine is noticed at once');
  return warn(
    `no file event arrived, ${silence}: jobs are found by the scan, which JOBSPOOL_WATCH=poll uses alone (usual on NFS and some bind mounts; else look at the inotify limits)`,
  );
}

function whySilent(spool: Spool): Promise<string | undefined> {
  const probe = path.join(spool.incoming, `.doctor-${process.pid}.watch`);
  // Only the probe: a stat for each of many files would take longer than we wait.
  const watcher = chokidar.watch(spool.incoming, {
    depth: 0,
    ignoreInitial: true,
    ignored: (file) => file !== spool.incoming && file !== probe,
  });
  return new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(`in ${TIMEOUT_MS} ms`), TIMEOUT_MS);
    const end = (silence?: string) => {
      clearTimeout(timer);
      resolve(silence);
    };
    watcher.on('ready', () => drop(spool, probe, end));
    watcher.on('add', () => end());
    watcher.on('error', (error) => end(messageOf(error)));
  }).finally(async () => {
    spool.disk.remove(probe);
    await watcher.close();
  });
}

function drop(spool: Spool, probe: string, end: (silence: string) => void): void {
  try {
    spool.disk.create(probe, '', false);
  } catch (error) {
    end(messageOf(error));
  }
}

/** Below this a machine with a few editors and services on it runs out. */
const FEW = { instances: 64, watches: 8_192 };

/** The limits of inotify, by the texts of the kernel's files: those of the machine and those of the user namespace. */
export function inotifyLimits(read: (file: string) => string | undefined, waiting: number): Answer | undefined {
  const limit = (name: string) => {
    const values = [read(`/proc/sys/fs/inotify/max_user_${name}`), read(`/proc/sys/user/max_inotify_${name}`)].flatMap(
      (text) => text?.trim() || [],
    );
    return Math.min(...values.map(Number));
  };
  const [instances, watches] = [limit('instances'), limit('watches')];
  if (!Number.isFinite(instances) || !Number.isFinite(watches)) return undefined;
  const words = `inotify allows this user ${instances} instances and ${watches} watches`;
  const need = Math.max(FEW.watches, waiting * 2);
  if (instances >= FEW.instances && watches >= need) return ok(words);
  return warn(
    `${words}: other programs may have taken them, and then jobs are found by the scan alone; sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=${Math.max(524_288, need)}`,
  );
}
