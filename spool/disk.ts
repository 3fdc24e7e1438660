/**
 * The only module that touches the file system. Calls are synchronous where a job waits for them: one is several times
 * cheaper than its trip through the thread pool. A missing file is an answer here (false, undefined, no names): in
 * a spool that several processes move files through, it means that somebody else was first. Every other error is thrown.
 */
import fs from 'node:fs';
import path from 'node:path';
import { Breath } from './breath.ts';
import { atBest, errnoOf, messageOf, naming } from './errors.ts';
import { MAX_RUN_AT, MIN_RUN_AT } from './filename.ts';
import { platform } from './platform.ts';
import type { Room } from './room.ts';
import type { Owner } from './submitter.ts';

/** What stands at a path that a stranger may have put there; nothing but a regular file is ever read. */
export type Inspected =
  | { kind: 'text'; text: string; size: number; mtimeMs: number; owner: Owner }
  | { kind: 'too-large'; size: number; mtimeMs: number }
  | { kind: 'not-utf8'; size: number; mtimeMs: number }
  | { kind: 'not-a-file'; what: string }
  /** `isDenied`: by its permissions, and not by a fault that may pass. */
  | { kind: 'unreadable'; reason: string; isDenied: boolean }
  | { kind: 'missing' };

/** `bornMs`: when the file was made, which nobody can set; 0 where that is not known. `uid`: whose it is; undefined on a platform that has no users. */
export type FileFacts = {
  size: number;
  mtimeMs: number;
  ctimeMs: number;
  bornMs: number;
  ino: number;
  isFile: boolean;
  isFolder: boolean;
  uid: number | undefined;
};

/** `kind` as in `a file`, `a folder`, `a symbolic link`; `mode` are the permission bits; `device` is the file system. */
export type FileDetails = { kind: string; mode: number; uid: number; gid: number; device: number; size: number; mtimeMs: number };

export type Disk = typeof disk;

export const disk = {
  /** The names in a folder, in no order; none when it is missing or no folder. */
  names(folder: string): string[] {
    return missingAs([], () => fs.readdirSync(folder), ['ENOENT', 'ENOTDIR']);
  },

  /**
   * As `names`, for folders that may hold a million: a portion after the other, with turns for others in between. All at once they would take hundreds of MB,
   * and be sorted first.
   */
  async *namesOf(folder: string): AsyncGenerator<string[]> {
    const open = missingAs(undefined, () => fs.opendirSync(folder, { bufferSize: PORTION }));
    if (!open) return;
    try {
      const breath = new Breath();
      for (let names = portionOf(open); names.length > 0; names = portionOf(open)) {
        yield names;
        if (breath.isDue) await breath.take();
      }
    } finally {
      open.closeSync();
    }
  },

  /** The text of a file of ours. Throws for what is no regular file: no link is followed, no FIFO waited for. */
  read(file: string): string | undefined {
    return missingAs(undefined, () => {
      const fd = fs.openSync(file, INSPECT_FLAGS);
      return closing(file, fd, () => {
        if (!fs.fstatSync(fd).isFile()) throw new Error(`read ${file}: expected a regular file`);
        return fs.readFileSync(fd, 'utf8');
      });
    });
  },

  /** The text of a file that is not in the spool, such as a secret; links are followed. */
  readAnywhere(file: string): string | undefined {
    return missingAs(undefined, () => fs.readFileSync(file, 'utf8'));
  },

  /**
   * Reads a file that may be anything: what is no regular file is not opened, no link is followed, no more than `maxBytes` read. `isFile`: the
   * caller has just found a regular file there.
   */
  inspect(file: string, maxBytes: number, isFile = false): Inspected {
    try {
      const stat = isFile ? undefined : fs.lstatSync(file, { throwIfNoEntry: false });
      if (!isFile && !stat) return { kind: 'missing' };
      if (stat && !stat.isFile()) return { kind: 'not-a-file', what: kindOf(stat) };
      // It may have been replaced since: a FIFO is not waited for, and what was opened is looked at once more.
      const fd = fs.openSync(file, INSPECT_FLAGS);
      return closing(file, fd, () => readInspected(fd, maxBytes));
    } catch (error) {
      return unread(error);
    }
  },

  facts(file: string): FileFacts | undefined {
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    return (
      stat && {
        size: stat.size,
        mtimeMs: tellable(stat.mtimeMs),
        ctimeMs: stat.ctimeMs,
        bornMs: stat.birthtimeMs,
        ino: stat.ino,
        isFile: stat.isFile(),
        isFolder: stat.isDirectory(),
        uid: process.geteuid ? stat.uid : undefined,
      }
    );
  },

  /** What stands at a path, whose it is and who may use it; a link is not followed. */
  details(file: string): FileDetails | undefined {
    const stat = missingAs(undefined, () => fs.lstatSync(file), ['ENOENT', 'ENOTDIR']);
    if (!stat) return undefined;
    const { mode, uid, gid, dev, size, mtimeMs } = stat;
    return { kind: stat.isFile() ? 'a file' : kindOf(stat), mode: mode & 0o7777, uid, gid, device: dev, size, mtimeMs };
  },

  /** Gives a file or folder these permissions and this group. No link is followed. */
  setAccess(file: string, mode: number, gid: number): void {
    const fd = fs.openSync(file, INSPECT_FLAGS);
    try {
      const stat = fs.fstatSync(fd);
      if (stat.gid !== gid) fs.fchownSync(fd, stat.uid, gid);
      fs.fchmodSync(fd, mode);
    } finally {
      fs.closeSync(fd);
    }
  },

  /** Writes over some bytes of a file in place; whoever appends to it meanwhile is not disturbed. */
  writeAt(file: string, start: number, bytes: Uint8Array): void {
    const fd = fs.openSync(file, O_RDWR | O_NOFOLLOW);
    try {
      for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done, bytes.length - done, start + done);
      fs.fdatasyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },

  /** The number by which statfs(2) names the type of the file system that a folder is on. */
  fileSystemType(folder: string): number {
    return fs.statfsSync(folder).type;
  },

  /** The file system that a folder is on; a link is followed. */
  deviceOf(folder: string): number {
    return fs.statSync(folder).dev;
  },

  /** Whether something stands at a path; a link is followed. Throws when that cannot be found out: a fault of the disk is no answer. */
  exists(file: string): boolean {
    return missingAs(false, () => fs.statSync(file, { throwIfNoEntry: false }) !== undefined, NOTHING_THERE);
  },

  /** Moves a file or folder in one step; false when there is nothing (left) to move. */
  rename(from: string, to: string): boolean {
    return missingAs(false, () => {
      fs.renameSync(from, to);
      return true;
    });
  },

  /**
   * A second name for a file; false when that name is taken or the file is gone. Where the file system has no such links, the
   * file is renamed instead, if the name is free.
   */
  link(from: string, to: string): boolean {
    return linkOr(from, to, () => disk.rename(from, to));
  },

  /**
   * As `link`, for a file that must keep its first name: where there are no such links, or none to a file of another user, the second is a copy that has the time of
   * the first. `draft` is where the copy is written, and `rewrite` its text: the copy has another owner.
   */
  twin(from: string, to: string, draft: string, rewrite: (text: string, owner: Owner) => string): boolean {
    return linkOr(from, to, () => copyAs(from, to, draft, rewrite));
  },

  remove(file: string): boolean {
    return missingAs(false, () => {
      fs.unlinkSync(file);
      return true;
    });
  },

  /** Removes an empty folder; false when it is missing or not empty. */
  removeFolder(folder: string): boolean {
    try {
      fs.rmdirSync(folder);
      return true;
    } catch (error) {
      if (['ENOENT', 'ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return false;
      throw error;
    }
  },

  /**
   * Makes a folder, and those above it, that only the owner and the group may enter; false when it is there already. With `sync` their
   * names are on the disk on return.
   */
  makeFolder(folder: string, sync = false): boolean {
    try {
      fs.mkdirSync(folder, { mode: 0o770 });
      // mkdir's mode is cut by the umask. A setgid bit that came from above stays: by it files of all producers are of the spool's group.
      fs.chmodSync(folder, 0o770 | (fs.statSync(folder).mode & SETGID));
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      // Not mkdir's own `recursive`: where nothing may be made (/proc) it tries for ever.
      if (errnoOf(error) !== 'ENOENT' || !disk.makeFolder(path.dirname(folder), sync)) throw error;
      return disk.makeFolder(folder, sync);
    }
    if (sync) syncAbove(folder);
    return true;
  },

  /** Throws unless this process may list, enter and change the folder. */
  checkAccess(folder: string): void {
    fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  },

  /** Writes a new file; throws EEXIST rather than replace one. With `sync` its bytes are on the disk on return. */
  create(file: string, text: string | Uint8Array, sync: boolean): void {
    const mode = modeIn(path.dirname(file));
    const fd = fs.openSync(file, 'wx', mode);
    closing(file, fd, () => {
      share(fd, mode);
      writeAll(fd, text);
      if (sync) fs.fsyncSync(fd);
    });
  },

  /** Writes over a regular file in place, for values that may be torn and come again, such as progress. Throws for anything else. */
  overwrite(file: string, text: string): void {
    const fd = openRegular(file, O_WRONLY | O_CREAT | O_TRUNC);
    closing(file, fd, () => {
      share(fd);
      writeAll(fd, text);
    });
  },

  /** Makes the names in a folder durable. Windows cannot, and does not need to: its journal keeps renames in order. */
  syncFolder(folder: string): void {
    if (!platform.syncsFolders) return;
    const fd = fs.openSync(folder, 'r');
    closing(folder, fd, () => fs.fsyncSync(fd));
  },

  /** As `syncFolder`, off the main thread. */
  async syncFolderLater(folder: string): Promise<void> {
    if (platform.syncsFolders) await syncPath(folder, 'r');
  },

  /** Makes many files durable, a portion at once: the kernel commits them together. */
  async syncFiles(files: string[]): Promise<void> {
    for (let start = 0; start < files.length; start += SYNC_AT_ONCE) {
      // Whoever hears that one failed may remove them: no other is still on its way then.
      const synced = await Promise.allSettled(files.slice(start, start + SYNC_AT_ONCE).map((file) => syncPath(file, 'r+')));
      for (const sync of synced) if (sync.status === 'rejected') throw sync.reason;
    }
  },

  /** Makes a file durable now; nothing when it is missing. */
  syncFileNow(file: string): void {
    missingAs(undefined, () => {
      const fd = fs.openSync(file, O_RDWR | O_NOFOLLOW);
      closing(file, fd, () => fs.fdatasyncSync(fd));
    });
  },

  /** Opens a regular file for appending, and makes it where it is missing. Throws for anything else: what is written to a FIFO is kept nowhere. */
  openAppend(file: string): number {
    const fd = openRegular(file, O_RDWR | O_APPEND | O_CREAT);
    keepingOpen(file, fd, () => share(fd));
    return fd;
  },

  /** Opens a regular file for reading: it stays the same one, whatever is renamed. Undefined when there is none: no link is followed, no FIFO waited for. */
  openRead(file: string): number | undefined {
    if (!disk.facts(file)?.isFile) return undefined;
    const fd = missingAs(undefined, () => fs.openSync(file, INSPECT_FLAGS), ['ENOENT', 'ELOOP', 'EMLINK', 'ENXIO']);
    if (fd === undefined || keepingOpen(file, fd, () => fs.fstatSync(fd).isFile())) return fd;
    fs.closeSync(fd);
    return undefined;
  },

  /** Writes all of it at the end of an open file; returns how many bytes that were. */
  append(fd: number, text: string | Uint8Array): number {
    return writeAll(fd, text);
  },

  sync(fd: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(fd, (error) => (error ? reject(error) : resolve()));
    });
  },

  syncNow(fd: number): void {
    fs.fdatasyncSync(fd);
  },

  sizeOf(fd: number): number {
    return fs.fstatSync(fd).size;
  },

  inodeOf(fd: number): number {
    return fs.fstatSync(fd).ino;
  },

  /** When an open file was last written to, in milliseconds since the epoch. */
  writtenAt(fd: number): number {
    return fs.fstatSync(fd).mtimeMs;
  },

  truncate(fd: number, size: number): void {
    fs.ftruncateSync(fd, size);
  },

  close(fd: number): void {
    fs.closeSync(fd);
  },

  /** Up to `length` bytes from `start`; fewer at the end of the file, none when it is missing or no regular file. */
  readBytes(file: string, start: number, length: number): Buffer {
    const fd = disk.openRead(file);
    if (fd === undefined) return Buffer.alloc(0);
    return closing(file, fd, () => readFrom(fd, start, length));
  },

  /**
   * The lines of a file that may be larger than memory, in portions of about 1 MiB, each with the newlines between them. The last line
   * is left out while it has no newline: somebody may be writing it. So is one that is longer than any of ours.
   */
  *lineBlocks(file: string): Generator<string> {
    let held = NOTHING_HELD;
    for (let at = 0; ; ) {
      const block = disk.readBytes(file, at, BLOCK_BYTES);
      if (block.length === 0) return;
      at += block.length;
      const end = block.lastIndexOf(NEWLINE) + 1;
      const text = end > 0 ? endLine(held, block, end) : '';
      if (text !== '') yield text;
      held = hold(end > 0 ? NOTHING_HELD : held, block.subarray(end));
    }
  },

  readFrom,

  /** Bytes that this process may still write to the disk that `folder` is on. */
  freeBytes(folder: string): number {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  },

  /** What is left on the disk that `folder` is on, for this process. */
  room(folder: string): Room {
    const { bavail, blocks, bsize, files, ffree } = fs.statfsSync(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeFiles: files > 0 ? ffree : Number.POSITIVE_INFINITY };
  },

  setTimes(file: string, ms: number): void {
    fs.utimesSync(file, ms / 1_000, ms / 1_000);
  },
} as const;

/** The file system has no hard links, or no more for this file. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

// `instead`: what makes the name, which is free, where there are no links.
function linkOr(from: string, to: string, instead: () => boolean): boolean {
  try {
    fs.linkSync(from, to);
    return true;
  } catch (error) {
    const code = errnoOf(error) ?? '';
    if (code === 'EEXIST' || code === 'ENOENT') return false;
    if (!NO_LINKS.includes(code)) throw error;
    return !disk.exists(to) && instead();
  }
}

function copyAs(from: string, to: string, draft: string, rewrite: (text: string, owner: Owner) => string): boolean {
  return missingAs(false, () => {
    const stat = fs.statSync(from);
    const text = disk.read(from);
    if (text === undefined) return false;
    disk.create(draft, rewrite(text, ownerIn(stat)), false);
    // In the middle of its millisecond: a rounded time must not fall into the one before.
    disk.setTimes(draft, Math.floor(stat.mtimeMs) + 0.5);
    disk.syncFileNow(draft);
    return disk.rename(draft, to);
  });
}

// Windows has neither links to be wary of in this way nor FIFOs: there these flags are 0.
const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const INSPECT_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
/** Files are for the owner and the group, whatever the umask: the folders of the spool decide who comes near. */
const SHARED = 0o660;
/** What the group may read alone. */
const READABLE = 0o640;
const STICKY = 0o1000;
const SETGID = 0o2000;
const WRITABLE_BY_OTHERS = 0o022;
/** What says for certain that nothing of use stands at a path. */
const NOTHING_THERE = ['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'];
const BLOCK_BYTES = 1_048_576;
const NEWLINE = 0x0a;
/** The longest line of ours is that of a job with all its history, and its result. */
const MAX_LINE_BYTES = 64 * 1_048_576;
/** So many names of a large folder are read in one go: a millisecond's work. */
const PORTION = 1_000;
/** So many files are open at once for a sync: descriptors may be scarce, and more gain nothing. */
const SYNC_AT_ONCE = 64;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The beginning of a line whose end has not been read; of one that is too long, nothing. */
type Held = { parts: readonly Buffer[]; bytes: number };

const NOTHING_HELD: Held = { parts: [], bytes: 0 };

// Joined once, when the line ends: joined at each block, a line of a gigabyte would be copied a thousand times.
function hold({ parts, bytes }: Held, more: Buffer): Held {
  const total = bytes + more.length;
  return { parts: total > MAX_LINE_BYTES ? [] : [...parts, more], bytes: total };
}

function endLine({ parts, bytes }: Held, block: Buffer, end: number): string {
  if (bytes > MAX_LINE_BYTES) return block.toString('utf8', block.indexOf(NEWLINE) + 1, end);
  return Buffer.concat([...parts, block.subarray(0, end)]).toString('utf8');
}

function portionOf(folder: fs.Dir): string[] {
  const names: string[] = [];
  while (names.length < PORTION) {
    const entry = folder.readSync();
    if (!entry) break;
    names.push(entry.name);
  }
  return names;
}

// Somebody may have set a time that no date can hold, and no text of ours tell.
const tellable = (ms: number): number => Math.min(Math.max(ms, MIN_RUN_AT), MAX_RUN_AT);

// No link is followed, and no FIFO waited for.
function openRegular(file: string, flags: number): number {
  const fd = fs.openSync(file, flags | O_NOFOLLOW | O_NONBLOCK, SHARED);
  if (keepingOpen(file, fd, () => fs.fstatSync(fd).isFile())) return fd;
  fs.closeSync(fd);
  throw new Error(`write ${file}: expected a regular file`);
}

// The umask cut the mode that the file was made with. The file of another owner has its mode already.
function share(fd: number, mode = SHARED): void {
  try {
    fs.fchmodSync(fd, mode);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
  }
}

// In a folder where nobody may move what is another's (its sticky bit says so), nobody but its owner writes it either: it may be of a job that only some may submit.
function modeIn(folder: string): number {
  const now = performance.now();
  if (lastFolder?.folder !== folder || now >= lastFolder.until) {
    const isSticky = ((fs.statSync(folder, { throwIfNoEntry: false })?.mode ?? 0) & STICKY) !== 0;
    lastFolder = { folder, mode: isSticky ? READABLE : SHARED, until: now + MODE_KNOWN_MS };
  }
  return lastFolder.mode;
}

let lastFolder: { folder: string; mode: number; until: number } | undefined;
/** Looked at for each file, it would be a call more for each job. */
const MODE_KNOWN_MS = 1_000;

// A folder that we may make others in, but not read, cannot be synced.
function syncAbove(folder: string): void {
  try {
    disk.syncFolder(path.dirname(folder));
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error;
  }
}

// Only the sync itself goes through the thread pool: to open and to close take no time, but there they would wait behind other syncs.
async function syncPath(file: string, flags: string): Promise<void> {
  try {
    const fd = fs.openSync(file, flags);
    await new Promise<void>((resolve, reject) => fs.fsync(fd, (error) => (error ? reject(error) : resolve()))).finally(() =>
      fs.closeSync(fd),
    );
  } catch (error) {
    throw naming(error, file);
  }
}

/** Does something with an open file and closes it. */
function closing<T>(file: string, fd: number, act: () => T): T {
  const value = keepingOpen(file, fd, act);
  try {
    fs.closeSync(fd);
    return value;
  } catch (error) {
    throw naming(error, file);
  }
}

// What fails closes it: nobody else would. Should that fail too, the first error is the one to hear of.
function keepingOpen<T>(file: string, fd: number, act: () => T): T {
  try {
    return act();
  } catch (error) {
    atBest(() => fs.closeSync(fd));
    throw naming(error, file);
  }
}

function missingAs<T>(answer: T, act: () => T, missing: readonly string[] = ['ENOENT']): T {
  try {
    return act();
  } catch (error) {
    if (missing.includes(errnoOf(error) ?? '')) return answer;
    throw error;
  }
}

function unread(error: unknown): Inspected {
  const code = errnoOf(error) ?? '';
  if (code === 'ENOENT') return { kind: 'missing' };
  if (code === 'ELOOP' || code === 'EMLINK') return { kind: 'not-a-file', what: 'a symbolic link' };
  return { kind: 'unreadable', reason: messageOf(error), isDenied: code === 'EACCES' || code === 'EPERM' };
}

function readInspected(fd: number, maxBytes: number): Inspected {
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) return { kind: 'not-a-file', what: kindOf(stat) };
  const { size } = stat;
  const mtimeMs = tellable(stat.mtimeMs);
  if (size > maxBytes) return { kind: 'too-large', size, mtimeMs };
  // One byte more than the size shows a file that is growing under our hands; one that is not is read in one call.
  const bytes = readFrom(fd, 0, Math.min(size + 1, maxBytes + 1), size);
  if (bytes.length > maxBytes) return { kind: 'too-large', size: bytes.length, mtimeMs };
  try {
    return { kind: 'text', text: utf8.decode(bytes), size: bytes.length, mtimeMs, owner: ownerIn(stat) };
  } catch {
    return { kind: 'not-utf8', size, mtimeMs };
  }
}

// Windows has no such numbers: there all of them are 0.
const ownerIn = ({ uid, mode }: fs.Stats): Owner => (process.geteuid ? { uid, isShared: (mode & WRITABLE_BY_OTHERS) !== 0 } : undefined);

function kindOf(stat: fs.Stats): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isSymbolicLink()) return 'a symbolic link';
  if (stat.isFIFO()) return 'a FIFO';
  if (stat.isSocket()) return 'a socket';
  return 'a device';
}

// `expected`: where so much has been read, it is not asked whether there is more.
function readFrom(fd: number, start: number, length: number, expected = length): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  do {
    const count = fs.readSync(fd, buffer, filled, length - filled, start + filled);
    if (count === 0) break;
    filled += count;
  } while (filled < length && filled !== expected);
  return buffer.subarray(0, filled);
}

// write(2) may take a part only (a signal, a nearly full disk): the rest goes after it.
function writeAll(fd: number, text: string | Uint8Array): number {
  let bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const { length } = bytes;
  while (bytes.length > 0) bytes = bytes.subarray(fs.writeSync(fd, bytes));
  return length;
}
