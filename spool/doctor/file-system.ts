/** Which file system the spool is on, what is left of it, and whether its clock is right. */
import { type Holder, holderOfSlot, hostName, slots } from '../lease.ts';
import { type Room, shortageOf } from '../room.ts';
import { type Spool, temporaryFile } from '../spool.ts';
import { type Answer, fail, ok, warn } from './finding.ts';

/** By the type of statfs(2): what is special, and what to do. */
const NEEDS_CARE: Record<number, [name: string, advice: string]> = {
  26985: [
    'NFS',
    'set JOBSPOOL_WATCH=poll, mount it with "hard" and acdirmax=15 (half of JOBSPOOL_STALE), and keep the clocks of all hosts together',
  ],
  20859: ['SMB', SMB()],
  4283649346: ['SMB (CIFS)', SMB()],
  4266872130: ['SMB', SMB()],
  16914839: [
    '9p (a folder of a virtual machine, or WSL)',
    'file events do not arrive and syncs may be lost: set JOBSPOOL_WATCH=poll, or use a disk of the machine itself',
  ],
  2035054128: ['overlay (the layer of a container)', 'the jobs are gone with the container: put the spool on a volume'],
  1702057286: [
    'FUSE',
    'renames, syncs and file events are as good as the program behind it: try this command on a copy, and set JOBSPOOL_WATCH=poll when no event arrives',
  ],
  2020557398: ['a folder shared by VirtualBox', 'file events do not arrive: set JOBSPOOL_WATCH=poll, or use a disk of the machine itself'],
  16914836: ['tmpfs (memory)', 'the jobs are gone when the machine restarts: use a disk, unless that is what you want'],
  2240043254: ['ramfs (memory)', 'the jobs are gone when the machine restarts: use a disk, unless that is what you want'],
  19780: ['FAT', 'it has no permissions and no links, and a power cut may damage it: use another'],
  538032816: ['exFAT', 'it has no permissions and no links, and a power cut may damage it: use another'],
};

function SMB(): string {
  return 'a rename may be seen in two steps, and names differ by more than their case only: use a local disk or NFS';
}

const GOOD: Record<number, string> = {
  61267: 'ext',
  1481003842: 'XFS',
  2435016766: 'Btrfs',
  801189825: 'ZFS',
  4076150800: 'F2FS',
  12805120: 'Ceph',
};

/** The kind of file system, by the number that statfs(2) gives it. */
export function fileSystem(type: number): Answer {
  // Some systems give it with a sign.
  const unsigned = type >>> 0;
  const [name, advice] = NEEDS_CARE[unsigned] ?? [];
  if (name) return warn(`the spool is on ${name}: ${advice}`);
  return ok(`the spool is on ${GOOD[unsigned] ?? `a file system of the type 0x${unsigned.toString(16)}`}`);
}

/** Whether there is room for what comes. */
export function freeSpace(room: Room, minFreeBytes: number): Answer {
  const shortage = shortageOf(room, minFreeBytes);
  if (shortage) return fail(`${shortage.text}: nothing is accepted or claimed until there is more`);
  const words = `${mebibytes(room.freeBytes)} are free, JOBSPOOL_MIN_FREE is ${mebibytes(minFreeBytes)}`;
  return room.freeBytes < 4 * minFreeBytes ? warn(`${words}: that is soon reached`) : ok(words);
}

/** Whether more files can be made: each job is one. */
export function freeFiles({ freeFiles: free }: Room): Answer {
  if (!Number.isFinite(free)) return ok('the file system has no limit on the number of files');
  const words = `${free} more files can be made (inodes)`;
  return free < FEW_FILES ? warn(`${words}: a backlog of so many jobs fills it, whatever space is free`) : ok(words);
}

const FEW_FILES = 10_000;

/** Larger differences between clocks make jobs run noticeably early or late. */
const MAX_SKEW_MS = 1_000;

/** The clock of the file system against this machine's. */
export function clock(spool: Spool): Answer {
  const draft = temporaryFile(spool, 'doctor');
  try {
    spool.disk.create(draft, '', false);
    return clockAnswer((spool.disk.facts(draft)?.mtimeMs ?? Number.NaN) - Date.now());
  } finally {
    spool.disk.remove(draft);
  }
}

/** `skewMs`: how far the file system's clock is ahead. */
export function clockAnswer(skewMs: number): Answer {
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return ok('the file system has the time of this machine');
  return warn(`the file system's clock is ${inWords(skewMs)} this machine's: set both by NTP, run-ats and ages go by them`);
}

/** The clocks of other hosts, as their heartbeats show them: each sets the time of its lock by its own clock. */
export function otherHosts(spool: Spool, now: number): Answer[] {
  const holders = slots(spool).flatMap((slot) => holderOfSlot(spool, slot) ?? []);
  const others = holders.filter(({ host }) => host !== hostName());
  return others.flatMap((holder) => heartbeat(holder, (spool.disk.facts(spool.lock(holder.slot))?.mtimeMs ?? now) - now));
}

function heartbeat({ host, slot }: Holder, aheadMs: number): Answer[] {
  if (aheadMs > MAX_SKEW_MS)
    return [
      warn(`the clock of the host ${host} is at least ${inWords(aheadMs)} this machine's (the heartbeat of ${slot}): set both by NTP`),
    ];
  const silentMs = -aheadMs;
  if (silentMs <= SILENT_MS) return [];
  return [
    warn(
      `the host ${host} has not been heard of for ${Math.round(silentMs / 1_000)} s (${slot}): it is down, cut off, or its clock is behind`,
    ),
  ];
}

/** Heartbeats come every 5 s at the latest. */
const SILENT_MS = 15_000;

const inWords = (ms: number): string => `${Math.round(Math.abs(ms))} ms ${ms > 0 ? 'ahead of' : 'behind'}`;
const mebibytes = (bytes: number): string => `${Math.floor(bytes / 1_048_576)} MiB`;
