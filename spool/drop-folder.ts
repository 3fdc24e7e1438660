/** A spool for producers that do not trust each other: they share `tmp/` and `incoming/`, where each may move its own files alone, and may enter nothing else. */
import type { FileDetails } from './disk.ts';
import { FOLDERS } from './layout.ts';
import type { Spool } from './spool.ts';

/** What producers may write to. */
export const SHARED_FOLDERS = ['tmp', 'incoming'] as const;

/** What they may not: whoever writes there makes files pass for the service's. */
export const PRIVATE_FOLDERS = FOLDERS.filter((folder) => folder !== 'tmp' && folder !== 'incoming' && folder !== 'jobLogs');

const STICKY = 0o1000;
/** Of permissions: those by which others than the owner may write. */
export const OTHERS_WRITE = 0o022;

/** Whether the spool is laid out so: `incoming/` is sticky and what is accepted is closed. A sticky bit alone is a mistake. */
export function isDropFolder(spool: Spool): boolean {
  const pending = spool.disk.details(spool.pending);
  return isSticky(spool) && pending !== undefined && isPrivate(pending);
}

/** Whether somebody meant it to be laid out so. */
export const isSticky = (spool: Spool): boolean => ((spool.disk.details(spool.incoming)?.mode ?? 0) & STICKY) !== 0;

/** Whether a folder that producers share keeps each to its own files, and lets the service, whose folder it must be, move those of all. */
export const isShared = ({ mode, uid }: FileDetails, service: number): boolean => (mode & 0o1777) === 0o1770 && uid === service;

/** Whether nobody but the owner may write to a folder. */
export const isPrivate = ({ mode }: FileDetails): boolean => (mode & 0o700) === 0o700 && (mode & OTHERS_WRITE) === 0;
