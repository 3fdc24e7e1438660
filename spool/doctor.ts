/** Tries out a spool and the machine it is on: whether jobs can be taken in and run here, and what would surprise. */
import { availableBytes, limitsOfProcess, pidsMax } from './doctor/cgroup.ts';
import { dropFolder } from './doctor/drop-folder.ts';
import { events, inotifyLimits } from './doctor/events.ts';
import { clock, fileSystem, freeFiles, freeSpace, otherHosts } from './doctor/file-system.ts';
import { type Check, type Finding, fail } from './doctor/finding.ts';
import { existence, folders, nearestFolder, user } from './doctor/folders.ts';
import { memory, openFiles, processes } from './doctor/limits.ts';
import { processTable } from './doctor/processes.ts';
import { agreement, backlog, dispatchers, drafts, ignoredNames, livingDispatchers, paused } from './doctor/work.ts';
import { messageOf } from './errors.ts';
import { Liveness } from './liveness.ts';
import type { Spool } from './spool.ts';

/** `hasLimits`: the allow-list says of something who may submit it. */
export type Expectations = { minFreeBytes: number; staleMs: number; watch: 'events' | 'poll'; runners: number; hasLimits?: boolean };

/** Everything about the spool, which need not have been opened, and the machine. Leaves nothing behind. Takes five seconds at most. */
export async function* examine(spool: Spool, expectations: Expectations): AsyncGenerator<Finding> {
  yield* run(ofMachine(spool, expectations));
  const isThere = spool.disk.exists(spool.incoming);
  if (isThere) yield* run(ofSpool(spool, expectations));
}

/** Makes checks one after the other; one that breaks is a failure of its own, and the others go on. */
export async function* run(checks: readonly Check[]): AsyncGenerator<Finding> {
  for (const [check, look] of checks) {
    for (const answer of await answers(look)) yield { check, ...answer };
  }
}

async function answers(look: Check[1]) {
  try {
    return [(await look()) ?? []].flat();
  } catch (error) {
    return [fail(messageOf(error))];
  }
}

function ofMachine(spool: Spool, { minFreeBytes, runners }: Expectations): Check[] {
  const { disk } = spool;
  const home = nearestFolder(spool);
  const limits = limitsOfProcess(disk);
  return [
    ['spool', () => existence(spool)],
    ['file-system', () => fileSystem(disk.fileSystemType(home))],
    ['free-space', () => freeSpace(disk.room(home), minFreeBytes)],
    ['free-files', () => freeFiles(disk.room(home))],
    ['process-table', () => processTable()],
    ['open-files', () => (limits === undefined ? undefined : openFiles(limits, runners))],
    ['processes', () => (limits === undefined ? undefined : processes(limits, pidsMax(disk), runners, process.getuid?.() === 0))],
    ['memory', () => memory(availableBytes(), runners)],
  ];
}

function ofSpool(spool: Spool, { staleMs, watch, hasLimits = false }: Expectations): Check[] {
  const alive = () => livingDispatchers(spool, new Liveness(spool, staleMs));
  const now = Date.now();
  return [
    ['user', () => user(spool)],
    ['folders', () => folders(spool)],
    ['drop-folder', () => dropFolder(spool, hasLimits)],
    ['clock', () => clock(spool)],
    ['other-hosts', () => otherHosts(spool, now)],
    ['events', () => events(spool, watch)],
    [
      'inotify',
      () =>
        watch === 'poll' ? undefined : inotifyLimits((file) => spool.disk.readAnywhere(file), spool.disk.names(spool.incoming).length),
    ],
    ['dispatchers', () => dispatchers(alive())],
    ['agreement', () => agreement(alive())],
    ['paused', () => paused(spool)],
    ['backlog', () => backlog(spool, alive().length > 0, now)],
    ['ignored-names', () => ignoredNames(spool)],
    ['drafts', () => drafts(spool, now)],
  ];
}
