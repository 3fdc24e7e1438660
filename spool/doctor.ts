/** Tries out a spool's folders: whether they can be written and watched, and what lies in them that nobody will read. */
import path from 'node:path';
import chokidar from 'chokidar';
import { messageOf } from './errors.ts';
import { parseRequestName } from './filename.ts';
import { holderOfSlot, slots } from './lease.ts';
import { Liveness } from './liveness.ts';
import { isPaused } from './marker.ts';
import type { Spool } from './spool.ts';
import { temporaryFile } from './spool.ts';

/** What was looked at and how it is. `warn`: it works, and not as one might think; `fail`: it does not. */
export type Finding = { level: 'ok' | 'warn' | 'fail'; what: string };

export type Expectations = { minFreeBytes: number; staleMs: number; watch: 'events' | 'poll' };

/** All findings about an open spool. Leaves nothing behind. Takes two seconds at most. */
export async function examine(spool: Spool, { minFreeBytes, staleMs, watch }: Expectations): Promise<Finding[]> {
  return [
    writing(spool),
    await watching(spool, watch),
    freeSpace(spool, minFreeBytes),
    ...ignoredNames(spool),
    service(spool, staleMs),
    ...(isPaused(spool) ? [warn(`the spool is paused: nothing is claimed until ${spool.paused} is removed (jobspool resume)`)] : []),
  ];
}

const WATCH_TIMEOUT_MS = 1_800;
/** Larger differences between the clocks make jobs run noticeably early or late. */
const MAX_CLOCK_SKEW_MS = 1_000;

/** What producers do: write under tmp/, rename into incoming/. The file's time also shows the file system's clock. */
function writing(spool: Spool): Finding {
  const draft = temporaryFile(spool, 'doctor');
  const probe = `${spool.incoming}/.doctor-${process.pid}`;
  try {
    spool.disk.create(draft, 'jobspool doctor was here\n', true);
    const skew = (spool.disk.facts(draft)?.mtimeMs ?? Number.NaN) - Date.now();
    spool.disk.rename(draft, probe);
    if (Math.abs(skew) <= MAX_CLOCK_SKEW_MS)
      return ok('a file can be written under tmp/ and renamed into incoming/, and the file system has the time of this machine');
    return warn(`the file system's clock is ${Math.round(skew)} ms off this machine's: set both by NTP, run-ats and ages go by them`);
  } catch (error) {
    return fail(`a file cannot be written under tmp/ and renamed into incoming/: ${messageOf(error)}`);
  } finally {
    for (const file of [draft, probe]) spool.disk.remove(file);
  }
}

async function watching(spool: Spool, watch: 'events' | 'poll'): Promise<Finding> {
  if (watch === 'poll') return ok('file events are not used (JOBSPOOL_WATCH=poll); the scan finds everything');
  const arrived = await eventsArrive(spool);
  if (arrived) return ok('file events arrive: a dropped file is noticed at once');
  return warn(
    `no file event arrived in ${WATCH_TIMEOUT_MS} ms: jobs are found by the scan, which JOBSPOOL_WATCH=poll uses alone (usual on NFS and some bind mounts; else look at fs.inotify.max_user_watches)`,
  );
}

function eventsArrive(spool: Spool): Promise<boolean> {
  const probe = path.join(spool.incoming, `.doctor-${process.pid}.watch`);
  // Only the probe: a stat for each of many files would take longer than we wait.
  const watcher = chokidar.watch(spool.incoming, {
    depth: 0,
    ignoreInitial: true,
    ignored: (file) => file !== spool.incoming && file !== probe,
  });
  return new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), WATCH_TIMEOUT_MS);
    watcher.on('ready', () => spool.disk.create(probe, '', false));
    watcher.on('add', () => {
      clearTimeout(timer);
      resolve(true);
    });
    watcher.on('error', () => resolve(false));
  }).finally(async () => {
    spool.disk.remove(probe);
    await watcher.close();
  });
}

function freeSpace(spool: Spool, minFreeBytes: number): Finding {
  const free = spool.disk.freeBytes(spool.root);
  const words = `${mebibytes(free)} are free, JOBSPOOL_MIN_FREE is ${mebibytes(minFreeBytes)}`;
  if (free < minFreeBytes) return fail(`${words}: nothing is accepted or claimed until there is more`);
  return free < 4 * minFreeBytes ? warn(`${words}: that is soon reached`) : ok(words);
}

function ignoredNames(spool: Spool): Finding[] {
  const names = spool.disk.names(spool.incoming).filter((name) => parseRequestName(name).kind === 'ignored');
  const batches = names.filter((name) => name.endsWith('.ndjson') && !name.startsWith('.') && !name.includes('\ufffd'));
  // What is not UTF-8 was read with this character in place of what it could not be.
  const mangled = names.filter((name) => name.includes('\ufffd'));
  const others = names.filter((name) => !batches.includes(name) && !mangled.includes(name));
  const findings = [
    ...said(batches, 'batches (.ndjson) are planned and not supported yet: write one .json file per job'),
    ...said(mangled, 'their names are not UTF-8: rename them'),
    ...said(others, 'names that begin with "." or do not end in .json are ignored: rename them to enqueue them'),
  ];
  return findings.length === 0 ? [ok('every name in incoming/ is one that is accepted')] : findings;
}

function said(names: string[], why: string): Finding[] {
  if (names.length === 0) return [];
  const some = names.slice(0, 3).map((name) => JSON.stringify(name));
  const more = names.length > some.length ? ` and ${names.length - some.length} more` : '';
  return [warn(`ignored in incoming/: ${some.join(', ')}${more}; ${why}`)];
}

function service(spool: Spool, staleMs: number): Finding {
  const liveness = new Liveness(spool, staleMs);
  const alive = slots(spool).filter((slot) => holderOfSlot(spool, slot)?.kind === 'dispatcher' && liveness.of(slot, 0) === 'alive');
  return alive.length > 0
    ? ok(`dispatchers that run: ${alive.join(', ')}`)
    : warn('no dispatcher runs on this spool: jobs wait until one is started (jobspool serve)');
}

const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1_048_576)} MiB`;

const ok = (what: string): Finding => ({ level: 'ok', what });
const warn = (what: string): Finding => ({ level: 'warn', what });
const fail = (what: string): Finding => ({ level: 'fail', what });
