import { errnoOf } from './errors.ts';
import { freeName } from './free-name.ts';
import { type Job, jobOf } from './job.ts';
import { runAtOf } from './order.ts';
import { moveTo } from './reject.ts';
import { MAX_FILE_BYTES, parseRequest } from './request.ts';
import type { Spool } from './spool.ts';
import { authorOf, submittedIn } from './submitter.ts';

/** What a runner got when it reached for a job. `writtenAt` in milliseconds since the epoch. */
export type Claimed =
  | { kind: 'claimed'; job: Job; writtenAt: number }
  /** Claimed, but its file no longer holds a request: somebody edited it after it was accepted. */
  | { kind: 'spoilt'; name: string; reason: string }
  /** Another runner was first, or a person moved or removed it. */
  | { kind: 'missing' }
  /** Claimed, but its file cannot be read just now: `putBack` is due. */
  | { kind: 'unread'; reason: string }
  /** Its run-at has not come. */
  | { kind: 'early' };

/**
 * Claims a waiting job for the holder of `slot`: one rename, which one of several claimants wins. Not while `isUncleared`: a job of that very
 * name is done, and its file, which is cleared away next, still in the slot.
 */
export function claim(spool: Spool, slot: string, name: string, now: number, isUncleared = false): Claimed {
  if (runAtOf(name) > now) return { kind: 'early' };
  if (isUncleared) return { kind: 'missing' };
  return take(spool, slot, name) ? readJob(spool, spool.claimed(slot, name), name) : { kind: 'missing' };
}

/** Lets a job wait again that was claimed and could not be read: the disk had a fault that may pass. */
export function putBack(spool: Spool, slot: string, name: string): void {
  moveTo(spool, spool.claimed(slot, name), `${spool.pending}/${freeName(spool, spool.pending, name)}`);
}

/** Reads the job of the canonical name `name` from the file at `path`. */
export function readJob(spool: Spool, path: string, name: string): Claimed {
  const file = spool.disk.inspect(path, MAX_FILE_BYTES);
  if (file.kind === 'missing') return { kind: 'missing' };
  if (file.kind === 'unreadable' && !file.isDenied) return { kind: 'unread', reason: file.reason };
  if (file.kind !== 'text') return { kind: 'spoilt', name, reason: `its file became unreadable after it was accepted (${file.kind})` };
  const parsed = parseRequest(file.text);
  if (!parsed.ok) return { kind: 'spoilt', name, reason: `its file was changed after it was accepted: ${parsed.reason}` };
  const request = submittedIn(parsed.request, authorOf(spool, file.owner));
  return { kind: 'claimed', job: jobOf(name, request), writtenAt: file.mtimeMs };
}

/** Takes the file of a job, or of a part of a batch, into the slot; false when somebody else has it. */
export function take(spool: Spool, slot: string, name: string): boolean {
  const { disk } = spool;
  const target = spool.claimed(slot, name);
  const sources = [`${spool.pending}/${name}`, `${spool.retrying}/${name}`];
  if (sources.some((source) => grab(spool, source, target))) return true;
  // Missing may also mean that somebody removed our own folder: then it is made again. But not when the whole slot was rescued:
  // this process was taken for dead, and nobody would find what it claims.
  const isMadeAgain = disk.exists(spool.holder(slot)) && disk.makeFolder(spool.slot(slot), spool.durability === 'full');
  return isMadeAgain && sources.some((source) => disk.rename(source, target));
}

function grab(spool: Spool, source: string, target: string): boolean {
  try {
    return moveTo(spool, source, target);
  } catch (error) {
    // A folder of another user under the name of a job: it cannot be moved, and is none.
    if (['EACCES', 'EPERM'].includes(errnoOf(error) ?? '') && spool.disk.facts(source)?.isFolder) return false;
    throw error;
  }
}
