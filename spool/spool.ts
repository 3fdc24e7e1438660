import { denialOf } from './denial.ts';
import { type Disk, disk as realDisk } from './disk.ts';
import { atBest, errnoOf, messageOf, SpoolError } from './errors.ts';
import { FOLDERS, type Layout, layout, SPOOL_VERSION } from './layout.ts';

/** `full`: what is acknowledged survives a power cut. `none`: it survives the crash of any process. */
export type Durability = 'full' | 'none';

/** An open spool: where it is, and how it writes. Plain data; nothing needs closing. */
export type Spool = Layout & { disk: Disk; durability: Durability };

/** `reach`: what of it this user must be able to use; who only submits may be kept out of everything but `tmp/` and `incoming/`. */
export type SpoolOptions = { durability?: Durability; disk?: Disk; reach?: 'all' | 'submit' };

/** The spool's folder when none is named, relative to the working directory. */
export const DEFAULT_DIR = './var/spool';

/**
 * Opens a spool, and makes its folders where they are missing. Throws SpoolError: `SPOOL_VERSION` when it was written by
 * a newer Jobspool, `SPOOL_SPLIT` when its folders are on several file systems, `SPOOL_ACCESS` when this
 * user may not use it. Nothing in the spool is changed in those cases.
 */
export function openSpool(dir: string, { durability = 'full', disk = realDisk, reach = 'all' }: SpoolOptions = {}): Spool {
  const spool = spoolAt(dir, { durability, disk });
  try {
    checkVersion(spool);
    const isMade = disk.exists(spool.version);
    const folders = reach === 'submit' && isMade ? SUBMITTING : FOLDERS;
    for (const folder of [spool.root, ...folders.map((name) => spool[name])]) disk.makeFolder(folder, durability === 'full');
    if (!isMade) writeVersion(spool);
    for (const folder of folders) disk.checkAccess(spool[folder]);
  } catch (error) {
    throw error instanceof SpoolError ? error : accessError(spool, error);
  }
  checkOneFileSystem(spool);
  return spool;
}

/** What a producer needs. */
const SUBMITTING = ['tmp', 'incoming'] as const;

/**
 * A spool that was opened before, by another thread or process of ours. Nothing is looked at or made: folders that are gone with an
 * unmounted disk must not be made anew in its place, where they would look like a spool from which somebody took the jobs.
 */
export const spoolAt = (dir: string, { durability = 'full', disk = realDisk }: SpoolOptions = {}): Spool => ({
  ...layout(dir),
  disk,
  durability,
});

/** A name under `tmp/` that nobody else uses. */
export function temporaryFile(spool: Spool, what: string): string {
  temporaryCount += 1;
  return `${spool.tmp}/${what}.${process.pid}.${START}.${temporaryCount}`;
}

/** Puts `text` at `file` whole or not at all: written to `tmp/`, synced as the spool's durability asks, renamed. */
export function replaceFile(spool: Spool, file: string, text: string): void {
  const draft = temporaryFile(spool, 'draft');
  try {
    spool.disk.create(draft, text, spool.durability === 'full');
    if (!spool.disk.rename(draft, file)) throw Object.assign(new Error(`ENOENT: rename ${draft} to ${file}`), { code: 'ENOENT' });
  } catch (error) {
    atBest(() => spool.disk.remove(draft));
    throw error;
  }
}

/** With `durability: full`, makes the names in a folder survive a power cut. */
export function syncNames(spool: Spool, folder: string): void {
  if (spool.durability === 'full') spool.disk.syncFolder(folder);
}

let temporaryCount = 0;
// Two processes may have the same pid (containers), and one thread may share it with another: the time and a random
// part tell them apart.
const START = `${Date.now().toString(36)}${Math.random().toString(36).slice(2, 8)}`;

function checkVersion(spool: Spool): void {
  const found = versionText(spool)?.trim();
  if (found === undefined || (/^\d+$/.test(found) && Number(found) === SPOOL_VERSION)) return;
  throw new SpoolError(
    'SPOOL_VERSION',
    `open the spool ${spool.root}: expected version ${SPOOL_VERSION} in ${spool.version}, got ${whatIsWrong(found)}. Nothing was changed.`,
  );
}

function whatIsWrong(found: string): string {
  const fix = `if the spool is one of this version, write ${SPOOL_VERSION} into it`;
  if (found === '') return `an empty file (a full disk, or a power cut): ${fix}`;
  const isNewer = /^\d{1,9}$/.test(found) && Number(found) > SPOOL_VERSION;
  const why = isNewer ? 'the spool was written by a newer Jobspool: upgrade this one' : `the file is damaged: restore it, or, ${fix}`;
  return `${JSON.stringify(found)}; ${why}`;
}

/** A file of a version says no more than a number. */
const MAX_VERSION_BYTES = 100;

function versionText({ disk, version }: Spool): string | undefined {
  const file = disk.inspect(version, MAX_VERSION_BYTES);
  if (file.kind === 'missing') return undefined;
  if (file.kind === 'unreadable') throw Object.assign(new Error(file.reason), file.isDenied ? { code: 'EACCES', path: version } : {});
  if (file.kind === 'text') return file.text;
  return file.kind === 'not-a-file' ? file.what : 'a file that holds something else';
}

// Always synced: a power cut that left it empty would keep the service from starting.
function writeVersion(spool: Spool): void {
  replaceFile({ ...spool, durability: 'full' }, spool.version, `${SPOOL_VERSION}\n`);
  syncNames(spool, spool.root);
}

function checkOneFileSystem(spool: Spool): void {
  const home = spool.disk.deviceOf(spool.tmp);
  // Logs are only appended to: they may be elsewhere.
  const moved = FOLDERS.find((folder) => folder !== 'logs' && folder !== 'jobLogs' && spool.disk.deviceOf(spool[folder]) !== home);
  if (!moved) return;
  throw new SpoolError(
    'SPOOL_SPLIT',
    `open the spool ${spool.root}: ${spool[moved]} is on another file system than ${spool.tmp}, and a rename is atomic only within one. Mount the whole spool folder, not a part of it.`,
  );
}

function accessError(spool: Spool, error: unknown): SpoolError {
  const fix = errnoOf(error) === 'EROFS' ? 'mount it writable' : denialOf(spool.disk, error);
  const message = `open the spool ${spool.root}: ${messageOf(error)}${fix === undefined ? '' : `; ${fix}`}`;
  return new SpoolError('SPOOL_ACCESS', message, { cause: error });
}
