/** Permissions that are wrong, in words: who was denied, what, whose that is, and what to do about it. */
import path from 'node:path';
import type { Disk } from './disk.ts';
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
  const isOwn = detailsOf(disk, file)?.uid === process.getuid?.();
  const remedy = isOwn
    ? `chmod u+rwX ${file}`
    : 'put that user into that group, or chgrp the spool to one of its groups and chmod g+rwxs its folders';
  return `${file} ${ownerOf(disk, file)}, and this is ${who()}: ${remedy}`;
}

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
