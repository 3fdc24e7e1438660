/**
 * A slot and the lease on it. A process that claims jobs holds `running/<slot>.lock` (proper-lockfile: a folder whose
 * time is its heartbeat) and says in `running/<slot>.holder` who it is. A slot's name is not used again
 * while anything of it is left, and has the pid in it, so nobody who comes late mistakes a new holder for the dead one.
 *
 * The watchdog thread of every runner loads this module, so it imports little.
 */
import os from 'node:os';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import lockfile from 'proper-lockfile';
import { mayPass } from './errors.ts';
import { jobNameIn } from './filename.ts';
import { platform } from './platform.ts';
import { clearAway, reject } from './reject.ts';
import { replaceFile, type Spool } from './spool.ts';

/** Who holds a slot, and how to prove that it is dead. */
export type Holder = {
  /** `tool`: a program or thread that steers jobs for a person, and holds it for that moment. */
  kind: 'runner' | 'dispatcher' | 'tool';
  slot: string;
  host: string;
  pid: number;
  /** When the process started, in its system's own unit: with the pid, one process and no other. */
  processStart: string;
  bootId: string;
  pidNamespace: string;
  /** ISO 8601 UTC. */
  since: string;
  /** A dispatcher that was told to stop: another one accepts. */
  stopping?: true;
  /** A runner's dispatcher; how a later dispatcher knows that a runner is orphaned. */
  dispatcher?: string;
  /** A dispatcher's version, and those of its settings in which all of a spool should agree. `doctor` compares them. */
  runs?: Record<string, string>;
};

export type Lease = {
  slot: string;
  /** Says that this holder is stopping. */
  announceStop(): void;
  /** Gives the slot back and removes what stood for it. Jobs in its folder keep the folder; a rescue finds them. */
  release(): Promise<void>;
};

export type LeaseOptions = {
  kind: Holder['kind'];
  dispatcher?: string | undefined;
  runs?: Record<string, string> | undefined;
  /** A heartbeat older than this (milliseconds, 2,000 or more) says on other hosts that the holder is lost. */
  staleMs: number;
  /** The lock was taken away or its heartbeat failed, and it could not be had again. */
  onLost(error: Error): void;
};

/** Takes a slot of its own for this process. It must be called in a thread that is never blocked for the stale time. */
export async function acquireSlot(spool: Spool, options: LeaseOptions): Promise<Lease> {
  const slot = await lockFreeName(spool, options);
  const holder = holderOf(slot, options);
  const write = (more: Partial<Holder> = {}) => replaceFile(spool, spool.holder(slot), `${JSON.stringify(Object.assign(holder, more))}\n`);
  try {
    write();
    if (options.kind === 'runner') spool.disk.makeFolder(spool.slot(slot), spool.durability === 'full');
  } catch (error) {
    // A full disk: the lock must not beat on for nobody.
    await releaseSlot(spool, slot).catch(() => undefined);
    throw error;
  }
  const keeping = keepHolder(spool, holder, write, beatsEvery(options.staleMs));
  return {
    slot,
    announceStop: () => write({ stopping: true }),
    release: () => {
      clearInterval(keeping);
      return releaseSlot(spool, slot);
    },
  };
}

/** The slots that are held or were left behind, in no order. */
export function slots(spool: Spool): string[] {
  const names = spool.disk.names(spool.running).map((name) => name.replace(SLOT_FILE, ''));
  return [...new Set(names.filter((name) => SLOT.test(name)))];
}

/** The names in the slots' folders: of the jobs that run or are on their way to another folder, and what else lies there. */
export const claimedNames = (spool: Spool): string[] => slots(spool).flatMap((slot) => spool.disk.names(spool.slot(slot)).map(jobNameIn));

/** Who holds a slot; undefined when nobody says so, or not in a way that could be understood. */
export function holderOfSlot(spool: Spool, slot: string): Holder | undefined {
  const holder = readHolder(spool, slot);
  const texts = [holder?.host, holder?.processStart, holder?.bootId, holder?.pidNamespace, holder?.since];
  const isWhole = Number.isInteger(holder?.pid) && texts.every((text) => typeof text === 'string');
  return isWhole ? ({ ...holder, slot } as Holder) : undefined;
}

/** Removes what stands for a dead slot. Harmless when another process does the same. */
export function forgetSlot(spool: Spool, slot: string): void {
  const files = [spool.output(slot), spool.progress(slot), spool.result(slot), spool.lines(slot), spool.drain(slot), spool.holder(slot)];
  for (const file of files) clearAway(spool, file, `it lay among the files of the dead slot ${slot}`);
  clearStranger(spool, spool.slot(slot), 'a folder');
  clearStranger(spool, spool.lock(slot), 'an empty folder');
}

// What bears the name of a slot and is none would be looked after at every scan, for ever. A folder with jobs in it is a slot.
function clearStranger(spool: Spool, place: string, expected: string): void {
  const { disk } = spool;
  if (disk.removeFolder(place) || !disk.facts(place)) return;
  if (disk.facts(place)?.isFolder && expected === 'a folder') return;
  reject(spool, place, path.basename(place), { reason: `it bore the name of a slot: expected ${expected} there` });
}

/** This machine's name as it stands in slots: letters, digits, dots and hyphens. */
export function hostName(): string {
  const name = os.hostname().replace(/[^A-Za-z0-9.-]/g, '-');
  return name.replace(/^[.-]+/, '').slice(0, 63) || 'host';
}

/** `<host>-<pid>`, with a number where that name was taken. Whatever else is in `running/` is a stranger's. */
const SLOT = /^[A-Za-z0-9][A-Za-z0-9.-]*-\d+(\.\d+)?$/;
const SLOT_FILE = /\.(lock|holder|out|progress|result|lines)$/;
/** Heartbeats are written this often; three may be late before anybody worries. */
const beatsEvery = (staleMs: number) => Math.max(1_000, Math.min(5_000, Math.floor(staleMs / 4)));

const RELOCK_MS = 1_000;

async function lockFreeName(spool: Spool, { staleMs, onLost }: LeaseOptions): Promise<string> {
  for (let number = 1; ; number++) {
    // The pid tells a person which process it is; the number keeps containers of one host name apart.
    const slot = `${hostName()}-${process.pid}${number === 1 ? '' : `.${number}`}`;
    if (spool.disk.exists(spool.slot(slot)) || spool.disk.exists(spool.holder(slot))) continue;
    // A fresh name is never stale: a lock that is there belongs to somebody, dead or alive.
    const locked = await lock(spool, slot, staleMs, onLost);
    if (locked) return slot;
  }
}

/**
 * Writes the holder file again when a person has removed or spoilt it: nobody would know who holds the slot, and a dispatcher without
 * one accepts nothing. A rescue takes it too, but the lock with it: what is amiss at two looks, beside a lock that stands, was done by hand.
 */
function keepHolder(spool: Spool, holder: Holder, write: () => void, everyMs: number): NodeJS.Timeout {
  let wasAmiss = false;
  const look = () => {
    const isAmiss = spool.disk.exists(spool.lock(holder.slot)) && !isDeepStrictEqual(readHolder(spool, holder.slot), holder);
    if (isAmiss && wasAmiss) write();
    wasAmiss = isAmiss;
  };
  const safely = () => {
    try {
      look();
    } catch {
      // The disk is full or gone: the next look tries again.
    }
  };
  return setInterval(safely, everyMs).unref();
}

async function lock(spool: Spool, slot: string, staleMs: number, onLost: (error: Error) => void): Promise<boolean> {
  if (spool.disk.exists(spool.lock(slot))) return false;
  try {
    await lockfile.lock(spool.slot(slot), {
      lockfilePath: spool.lock(slot),
      realpath: false,
      fs: promptly(spool),
      stale: Math.max(2_000, staleMs),
      update: beatsEvery(staleMs),
      onCompromised: (error) => relock(spool, slot, staleMs, onLost, error),
    });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ELOCKED') return false;
    throw error;
  }
}

// Somebody removed the lock by hand, or the disk failed for a while. While our holder file stands, nobody took the slot over. A disk
// that cannot be written on, or is not there at all, proves nothing: it is asked again until it answers.
function relock(spool: Spool, slot: string, staleMs: number, onLost: (error: Error) => void, cause: Error): void {
  const again = () => void setTimeout(relock, RELOCK_MS, spool, slot, staleMs, onLost, cause);
  if (!spool.disk.exists(spool.running)) return again();
  // Who rescues a slot takes its folder, and removes its holder file: one of them alone was removed by hand.
  if (!spool.disk.exists(spool.holder(slot)) && !spool.disk.exists(spool.slot(slot))) return onLost(cause);
  try {
    clearStranger(spool, spool.lock(slot), 'an empty folder');
  } catch {
    return again();
  }
  lock(spool, slot, staleMs, onLost).then(
    (locked) => (locked ? undefined : onLost(cause)),
    (error) => (mayPass(error) || !spool.disk.exists(spool.running) ? again() : onLost(error)),
  );
}

/**
 * The calls by which a lock is kept, without a trip through the pool of threads that all of a process shares: a handler that hashes
 * a thousand passwords fills it for minutes, and the heartbeat would stand still.
 */
function promptly({ disk }: Spool): object {
  type Done = (error: unknown, answer?: unknown) => void;
  const answer = (done: Done, act: () => unknown): void => {
    let result: unknown;
    try {
      result = act();
    } catch (error) {
      return done(error);
    }
    done(null, result);
  };
  const failed = (code: string, folder: string) => Object.assign(new Error(`${code}: ${folder}`), { code });
  const timesOf = (folder: string) => {
    const facts = disk.facts(folder);
    if (!facts) throw failed('ENOENT', folder);
    return { mtime: new Date(Math.round(facts.mtimeMs)) };
  };
  const make = (folder: string) => {
    // Not in the place of a disk that is not mounted just now.
    if (!disk.exists(path.dirname(folder))) throw failed('ENOENT', folder);
    if (!disk.makeFolder(folder)) throw failed('EEXIST', folder);
  };
  return {
    mkdir: (folder: string, done: Done) => answer(done, () => make(folder)),
    stat: (folder: string, done: Done) => answer(done, () => timesOf(folder)),
    utimes: (folder: string, _: Date, time: Date, done: Done) => answer(done, () => disk.setTimes(folder, time.getTime())),
    rmdir: (folder: string, done: Done) => answer(done, () => disk.removeFolder(folder)),
    rmdirSync: (folder: string) => disk.removeFolder(folder),
  };
}

async function releaseSlot(spool: Spool, slot: string): Promise<void> {
  spool.disk.removeFolder(spool.slot(slot));
  if (spool.disk.exists(spool.slot(slot))) return;
  forgetSlot(spool, slot);
  await lockfile.unlock(spool.slot(slot), { lockfilePath: spool.lock(slot), realpath: false }).catch(() => {
    // The lock folder is gone already: forgetSlot removed it. The call only ends the heartbeat.
  });
}

function holderOf(slot: string, { kind, dispatcher, runs }: LeaseOptions): Holder {
  return {
    kind,
    slot,
    host: hostName(),
    pid: process.pid,
    processStart: ownStart(),
    bootId: platform.bootId(),
    pidNamespace: platform.pidNamespace(),
    since: new Date().toISOString(),
    ...(dispatcher === undefined ? {} : { dispatcher }),
    ...(runs === undefined ? {} : { runs }),
  };
}

// Where a process cannot find out when it started, its pid alone must do.
function ownStart(): string {
  try {
    return platform.processStart(process.pid) ?? '';
  } catch {
    return '';
  }
}

const MAX_HOLDER_BYTES = 65_536;

// What cannot be read or understood names nobody.
function readHolder(spool: Spool, slot: string): Partial<Holder> | undefined {
  try {
    const file = spool.disk.inspect(spool.holder(slot), MAX_HOLDER_BYTES);
    const value: unknown = file.kind === 'text' ? JSON.parse(file.text) : undefined;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
