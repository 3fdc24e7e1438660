/** Permissions that are wrong, in words: who was denied, what, whose that is, and what to do about it. */
import path from 'node:path';
import type { Disk, FileDetails } from './disk.ts';
import { errnoOf } from './errors.ts';

/** This process's user. */
export function who(): string {
  if (!process.getuid) return 'this user';
  return `uid ${process.getuid()} (gid ${process.getgid?.()}, umask ${process.umask().toString(8).padStart(3, '0')})`;
}

/** Whose a file or folder is; undefined when it cannot be looked at. */
export function ownerOf(disk: Disk, file: string): string | undefined {
  const details = detailsOf(disk, file);
  return details && `belongs to uid ${details.uid}, gid ${details.gid}, with the permissions ${details.mode.toString(8)}`;
}

/** What denied this user the file or folder of an error, and the remedy, as a sentence without its full stop; undefined for other errors. */
export function denialOf(disk: Disk, error: unknown): string | undefined {
  const denied = (error as { path?: unknown }).path;
  if (!['EACCES', 'EPERM'].includes(errnoOf(error) ?? '') || typeof denied !== 'string') return undefined;
  const file = nearest(disk, denied);
  const remedy = remedyFor(detailsOf(disk, file), file);
  return `${file} ${ownerOf(disk, file)}, and this is ${who()}: ${remedy}`;
}

function remedyFor(details: FileDetails | undefined, file: string): string {
  if (details?.uid === process.getuid?.()) return `chmod u+rwX ${file}`;
  const opened =
    details !== undefined && isOwnGroup(details.gid)
      ? `its owner or root can let the group in (chmod g+rwX ${file})`
      : 'put that user into that group, or chgrp the spool to one of its groups and chmod g+rwxs its folders';
  // To open it would end what it is closed for.
  const isClosed = details !== undefined && (details.mode & 0o077) === 0;
  return isClosed
    ? `it is closed to all others; in a drop folder, ask the API what became of a job (GET /api/jobs/ID), else ${opened}`
    : opened;
}

const isOwnGroup = (gid: number): boolean => process.getgid?.() === gid || process.getgroups?.().includes(gid) === true;

// A folder that may not be entered hides what is in it.
function nearest(disk: Disk, file: string): string {
  for (let at = file; ; at = path.dirname(at)) if (detailsOf(disk, at) || path.dirname(at) === at) return at;
}

function detailsOf(disk: Disk, file: string) {
  try {
    return disk.details(file);
  } catch {
    return undefined;
  }
}
