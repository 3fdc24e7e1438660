/**
 * A slot and the lease on it. A process that claims jobs holds `running/<slot>.lock` (proper-lockfile: a folder whose
 * time is its heartbeat) and says in `running/<slot>.holder` who it is. A slot's name is not used again
 * while anything of it is left, and has the pid in it, so nobody who comes late mistakes a new holder for the dead one.
 *
 * The watchdog thread of every runner loads this module, so it imports little.
 */
import os from 'node:os';
import path from 'node:path';
import lockfile from 'proper-lockfile';
import { platform } from './platform.ts';
import { reject } from './reject.ts';
import { replaceFile, type Spool } from './spool.ts';

/** Who holds a slot, and how to prove that it is dead. */
export type Holder = {
  kind: 'runner' | 'dispatcher';
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
  /** A heartbeat older than this (milliseconds, 2,000 or more) says on other hosts that the holder is lost. */
  staleMs: number;
  /** The lock was taken away or its heartbeat failed, and it could not be had again. */
  onLost(error: Error): void;
};

/** Takes a slot of its own for this process. It must be called in a thread that is never blocked for the stale time. */
export async function acquireSlot(spool: Spool, options: LeaseOptions): Promise<Lease> {
  const slot = await lockFreeName(spool, options);
  const holder = holderOf(slot, options);
  const write = (more: Partial<Holder> = {}) => replaceFile(spool, spool.holder(slot), `${JSON.stringify({ ...holder, ...more })}\n`);
  write();
  if (options.kind === 'runner') spool.disk.makeFolder(spool.slot(slot));
  return { slot, announceStop: () => write({ stopping: true }), release: () => releaseSlot(spool, slot) };
}

/** The slots that are held or were left behind, in no order. */
export function slots(spool: Spool): string[] {
  const names = spool.disk.names(spool.running).map((name) => name.replace(SLOT_FILE, ''));
  return [...new Set(names.filter((name) => SLOT.test(name)))];
}

/** The names of the files in the slots' folders: the jobs that run, and what else lies there. */
export const claimedNames = (spool: Spool): string[] => slots(spool).flatMap((slot) => spool.disk.names(spool.slot(slot)));

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
  for (const file of files) {
    // A folder of such a name is a stranger's.
    if (spool.disk.facts(file)?.isFolder)
      reject(spool, file, path.basename(file), { reason: `it lay among the files of the dead slot ${slot}` });
    else spool.disk.remove(file);
  }
  spool.disk.removeFolder(spool.slot(slot));
  spool.disk.removeFolder(spool.lock(slot));
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

async function lock(spool: Spool, slot: string, staleMs: number, onLost: (error: Error) => void): Promise<boolean> {
  if (spool.disk.exists(spool.lock(slot))) return false;
  try {
    await lockfile.lock(spool.slot(slot), {
      lockfilePath: spool.lock(slot),
      realpath: false,
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

// Somebody removed the lock by hand, or the disk failed for a while. While our holder file stands, nobody took the slot over.
function relock(spool: Spool, slot: string, staleMs: number, onLost: (error: Error) => void, cause: Error): void {
  if (!spool.disk.exists(spool.holder(slot))) return onLost(cause);
  spool.disk.removeFolder(spool.lock(slot));
  lock(spool, slot, staleMs, onLost).then(
    (locked) => (locked ? undefined : onLost(cause)),
    (error) => onLost(error),
  );
}

async function releaseSlot(spool: Spool, slot: string): Promise<void> {
  spool.disk.removeFolder(spool.slot(slot));
  if (spool.disk.exists(spool.slot(slot))) return;
  forgetSlot(spool, slot);
  await lockfile.unlock(spool.slot(slot), { lockfilePath: spool.lock(slot), realpath: false }).catch(() => {
    // The lock folder is gone already: forgetSlot removed it. The call only ends the heartbeat.
  });
}

function holderOf(slot: string, { kind, dispatcher }: LeaseOptions): Holder {
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
