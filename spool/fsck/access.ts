/** Whether the service's user may use what is in the spool. */
import path from 'node:path';
import type { FileDetails } from '../disk.ts';
import { isDropFolder, isPrivate, isShared, SHARED_FOLDERS } from '../drop-folder.ts';
import { type Flaw, note, type Repair, wrong } from './flaw.ts';
import type { Look, User } from './look.ts';

/** Folders are for their owner and group. Setuid and setgid may be there, the sticky bit may not: it keeps others from moving files. */
const FOLDER_MODE = 0o770;
const FILE_MODE = 0o660;
/** Of producers that do not trust each other: none writes the file of another. */
const DROPPED_MODE = 0o640;
const CHECKED = 0o1777;

/** The flaw of a folder with other permissions than the spool's. The spool's own folder may be opened to others, or closed to its group. */
export function* inFolderMode(look: Look, shown: string, details: FileDetails): Generator<Flaw> {
  const mode = details.mode & CHECKED;
  if (process.platform === 'win32' || mode === FOLDER_MODE || isOfDropFolder(look, shown, details)) return;
  const does = harm(mode);
  if (shown === '' && does === undefined) return;
  const name = shown === '' ? 'the spool' : shown;
  const file = path.join(look.spool.root, shown);
  const what = `${name} has the permissions ${octal(details.mode)}, where 770 is expected: ${does ?? effect(mode)}; chmod 770 ${file}`;
  const repair = share(look, file, (details.mode & ~CHECKED) | FOLDER_MODE, details.gid, `set the permissions of ${name} to 770`);
  yield (does === undefined ? note : wrong)('folder-mode', shown, what, { repair });
}

// Of a drop folder doctor says what is open that should not be.
function isOfDropFolder({ spool, user }: Look, shown: string, details: FileDetails): boolean {
  if (!isDropFolder(spool)) return false;
  return SHARED_FOLDERS.some((name) => name === shown) ? isShared(details, user.uid) : isPrivate(details);
}

/** The flaw of a file that the service, or who looks, cannot read; none when it can. */
export function unreadable(look: Look, shown: string, details: FileDetails, then: string): Flaw | undefined {
  const me = process.getuid?.() ?? 0;
  const isMine = canRead({ uid: me, gid: process.getgid?.() ?? 0, spoolGid: look.user.spoolGid }, details);
  if (canRead(look.user, details) && isMine) return undefined;
  const who = canRead(look.user, details) ? `uid ${me}, which runs this fsck,` : `the service (uid ${look.user.uid})`;
  const file = `${look.spool.root}/${shown}`;
  const mode = isDropFolder(look.spool) ? DROPPED_MODE : FILE_MODE;
  return wrong(
    'unreadable',
    shown,
    `${shown} cannot be read by ${who}: it belongs to uid ${details.uid}, gid ${details.gid}, with the permissions ${octal(details.mode)}; ${then}; chgrp ${look.user.spoolGid} and chmod ${octal(mode)} ${file}`,
    { repair: share(look, file, mode, look.user.spoolGid, `made ${shown} readable for the spool's group`) },
  );
}

function share({ spool }: Look, file: string, mode: number, gid: number, how: string): Repair {
  const act = () => {
    if (!spool.disk.exists(file)) return false;
    spool.disk.setAccess(file, mode, gid);
    return true;
  };
  return { how, act };
}

// The service's other groups are not known: the group of the spool is taken for one of them.
function canRead(user: User, { uid, gid, mode }: FileDetails): boolean {
  if (process.platform === 'win32' || user.uid === 0) return true;
  if (user.uid === uid) return (mode & 0o400) !== 0;
  return (mode & (gid === user.gid || gid === user.spoolGid ? 0o040 : 0o004)) !== 0;
}

/** What the permissions of a folder break; undefined when jobs are handled all the same. */
function harm(mode: number): string | undefined {
  if ((mode & 0o1000) !== 0) return 'with its sticky bit the service cannot move the files of other users';
  if ((mode & 0o002) !== 0) return 'every user of this machine may put jobs there, and take them away';
  return (mode & 0o700) === 0o700 ? undefined : 'its owner is kept out';
}

const effect = (mode: number): string =>
  (mode & 0o007) === 0 ? 'the group (producers, most likely) is kept out' : 'every user of this machine may look into it';

const octal = (mode: number): string => mode.toString(8);
