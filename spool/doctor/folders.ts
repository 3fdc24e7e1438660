/** Whether the spool's folders are there and this user may use them: each is tried. */
import path from 'node:path';
import { ownerOf, who } from '../denial.ts';
import { errnoOf, messageOf } from '../errors.ts';
import { FOLDERS } from '../layout.ts';
import type { Spool } from '../spool.ts';
import { type Answer, fail, ok, warn } from './finding.ts';

/** Whether there is a spool, or where it could be made. Nothing is made. */
export function existence(spool: Spool): Answer {
  const { disk, root } = spool;
  if (disk.exists(spool.version)) return version(spool);
  const there = FOLDERS.filter((folder) => disk.exists(spool[folder]));
  if (there.length > 0) return fail(`${spool.version} is missing: jobspool fsck --repair makes it anew`);
  const parent = nearestFolder(spool);
  try {
    disk.checkAccess(parent);
    return warn(`there is no spool at ${root} yet: jobspool serve makes it`);
  } catch (error) {
    return fail(
      `there is no spool at ${root}, and ${who()} cannot make it: ${messageOf(error)}; make the folder, and chown it to that user`,
    );
  }
}

function version(spool: Spool): Answer {
  const file = spool.disk.inspect(spool.version, 100);
  const text = file.kind === 'text' ? file.text.trim() : undefined;
  if (text === '1') return ok(`there is a spool at ${spool.root}`);
  const then = /^\d+$/.test(text ?? '') ? 'upgrade this Jobspool' : 'jobspool fsck --repair puts it right';
  return fail(`expected 1 in ${spool.version}, got ${text === undefined ? 'what cannot be read' : JSON.stringify(text)}: ${then}`);
}

/** The spool's folder, or the one above it that is there. */
export function nearestFolder({ disk, root }: Spool): string {
  let folder = root;
  while (!disk.exists(folder) && path.dirname(folder) !== folder) folder = path.dirname(folder);
  return folder;
}

/** Writes a file under `tmp/`, renames it into every other folder, and removes it there. */
export function folders(spool: Spool): Answer[] {
  const troubles = FOLDERS.flatMap((folder) => tried(spool, folder) ?? []);
  return troubles.length > 0 ? troubles : [ok(`${who()} can make, rename and remove files in all folders of the spool`)];
}

function tried(spool: Spool, folder: (typeof FOLDERS)[number]): Answer | undefined {
  const { disk } = spool;
  const isLog = folder === 'logs' || folder === 'jobLogs';
  // Logs may be on another disk.
  const draft = `${isLog ? spool[folder] : spool.tmp}/.doctor-${process.pid}-draft`;
  const probe = `${spool[folder]}/.doctor-${process.pid}`;
  try {
    disk.create(draft, 'jobspool doctor was here\n', true);
    if (!disk.rename(draft, probe)) throw Object.assign(new Error(`${spool[folder]} is missing`), { code: 'ENOENT' });
    disk.remove(probe);
    return undefined;
  } catch (error) {
    return fail(sentence(spool, folder, error));
  } finally {
    for (const file of [draft, probe]) removeQuietly(spool, file);
  }
}

function removeQuietly({ disk }: Spool, file: string): void {
  try {
    disk.remove(file);
  } catch {
    // It could not be made there either.
  }
}

function sentence(spool: Spool, folder: (typeof FOLDERS)[number], error: unknown): string {
  const at = spool[folder];
  const tail = `${messageOf(error)}; ${remedy(errnoOf(error), spool, at)}`;
  return folder === 'tmp'
    ? `${who()} cannot make a file in ${at}: ${tail}`
    : `${who()} cannot rename a file from tmp into ${at} and remove it: ${tail}`;
}

function remedy(code: string | undefined, spool: Spool, folder: string): string {
  if (code === 'EXDEV') return 'the two are on different mounts: mount the whole spool folder, not a part of it';
  if (code === 'EROFS') return 'mount it writable';
  if (code === 'ENOSPC') return 'the disk is full: make room, or raise the number of inodes';
  if (code === 'EDQUOT') return 'the quota of this user is used up';
  if (code === 'ENOENT') return 'jobspool fsck --repair makes what is missing';
  const owner = ownerOf(spool.disk, folder) ?? 'cannot be looked at';
  return `it ${owner}; chown it to the service's user, or chgrp it to a group of that user and chmod 770 ${folder}`;
}

/** Whether who asks is whom the spool belongs to. */
export function user(spool: Spool): Answer | undefined {
  const uid = process.getuid?.();
  const owner = spool.disk.details(spool.root)?.uid;
  if (uid === undefined || owner === undefined || uid === owner) return undefined;
  const advice = `run this as the service's user (sudo -u '#${owner}' jobspool doctor) to see what it sees`;
  return warn(
    `the spool belongs to uid ${owner}, and this was tried by ${who()}: ${advice}${uid === 0 ? '; root may do what others may not' : ''}`,
  );
}
