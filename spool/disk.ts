/**
 * The only module that touches the file system. Calls are synchronous where a job waits for them: one is several times
 * cheaper than its trip through the thread pool. A missing file is an answer here (false, undefined, no names): in
 * a spool that several processes move files through, it means that somebody else was first. Every other error is thrown.
 */
import fs from 'node:fs';
import path from 'node:path';
import { errnoOf, messageOf } from './errors.ts';
import { platform } from './platform.ts';

/** What stands at a path that a stranger may have put there; nothing but a regular file is ever read. */
export type Inspected =
  | { kind: 'text'; text: string; size: number; mtimeMs: number }
  | { kind: 'too-large'; size: number; mtimeMs: number }
  | { kind: 'not-utf8'; size: number; mtimeMs: number }
  | { kind: 'not-a-file'; what: string }
  /** `isDenied`: by its permissions, and not by a fault that may pass. */
  | { kind: 'unreadable'; reason: string; isDenied: boolean }
  | { kind: 'missing' };

export type FileFacts = { size: number; mtimeMs: number; ctimeMs: number; ino: number; isFile: boolean; isFolder: boolean };

export type Disk = typeof disk;

export const disk = {
  /** The names in a folder, in no order; none when it is missing or no folder. */
  names(folder: string): string[] {
    return missingAs([], () => fs.readdirSync(folder), ['ENOENT', 'ENOTDIR']);
  },

  /** As `names`, off the main thread: for folders that may hold a million. */
  async namesOf(folder: string): Promise<string[]> {
    try {
      return await fs.promises.readdir(folder);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  },

  /** The text of a file of ours. Throws for what is no regular file: no link is followed, no FIFO waited for. */
  read(file: string): string | undefined {
    return missingAs(undefined, () => {
      const fd = fs.openSync(file, INSPECT_FLAGS);
      try {
        if (!fs.fstatSync(fd).isFile()) throw new Error(`read ${file}: expected a regular file`);
        return fs.readFileSync(fd, 'utf8');
      } finally {
        fs.closeSync(fd);
      }
    });
  },

  /** The text of a file that is not in the spool, such as a secret; links are followed. */
  readAnywhere(file: string): string | undefined {
    return missingAs(undefined, () => fs.readFileSync(file, 'utf8'));
  },

  /** Reads a file that may be anything: no link is followed, no FIFO waited for, no more than `maxBytes` read. */
  inspect(file: string, maxBytes: number): Inspected {
    let fd: number;
    try {
      fd = fs.openSync(file, INSPECT_FLAGS);
    } catch (error) {
      return unopened(file, error);
    }
    try {
      return readInspected(fd, maxBytes);
    } catch (error) {
      return unreadable(error);
    } finally {
      fs.closeSync(fd);
    }
  },

  facts(file: string): FileFacts | undefined {
    const stat = fs.lstatSync(file, { throwIfNoEntry: false });
    return (
      stat && {
        size: stat.size,
        mtimeMs: stat.mtimeMs,
        ctimeMs: stat.ctimeMs,
        ino: stat.ino,
        isFile: stat.isFile(),
        isFolder: stat.isDirectory(),
      }
    );
  },

  /** The file system that a folder is on; a link is followed. */
  deviceOf(folder: string): number {
    return fs.statSync(folder).dev;
  },

  exists(file: string): boolean {
    return fs.existsSync(file);
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
    try {
      fs.linkSync(from, to);
      return true;
    } catch (error) {
      const code = errnoOf(error) ?? '';
      if (code === 'EEXIST' || code === 'ENOENT') return false;
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(code)) throw error;
      return !disk.exists(to) && disk.rename(from, to);
    }
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

  /** Makes a folder, and those above it, that only the owner and the group may enter; false when it is there already. */
  makeFolder(folder: string): boolean {
    try {
      fs.mkdirSync(folder, { mode: 0o770 });
      fs.chmodSync(folder, 0o770); // mkdir's mode is cut by the umask
      return true;
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false;
      // Not mkdir's own `recursive`: where nothing may be made (/proc) it tries for ever.
      if (errnoOf(error) !== 'ENOENT' || !disk.makeFolder(path.dirname(folder))) throw error;
      return disk.makeFolder(folder);
    }
  },

  /** Throws unless this process may list, enter and change the folder. */
  checkAccess(folder: string): void {
    fs.accessSync(folder, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK);
  },

  /** Writes a new file; throws EEXIST rather than replace one. With `sync` its bytes are on the disk on return. */
  create(file: string, text: string | Uint8Array, sync: boolean): void {
    const fd = fs.openSync(file, 'wx', SHARED);
    try {
      share(fd);
      writeAll(fd, text);
      if (sync) fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },

  /** Writes over a file in place, for values that may be torn and come again, such as progress. */
  overwrite(file: string, text: string): void {
    const fd = fs.openSync(file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, SHARED);
    try {
      share(fd);
      writeAll(fd, text);
    } finally {
      fs.closeSync(fd);
    }
  },

  /** Makes the names in a folder durable. Windows cannot, and does not need to: its journal keeps renames in order. */
  syncFolder(folder: string): void {
    if (!platform.syncsFolders) return;
    const fd = fs.openSync(folder, 'r');
    try {
      fs.fsyncSync(fd);
    } finally {
      fs.closeSync(fd);
    }
  },

  /** Makes many files durable, a portion at once: the kernel commits them together. */
  async syncFiles(files: string[]): Promise<void> {
    for (let start = 0; start < files.length; start += SYNC_AT_ONCE) {
      await Promise.all(files.slice(start, start + SYNC_AT_ONCE).map(syncFile));
    }
  },

  /** Makes a file durable now; nothing when it is missing. */
  syncFileNow(file: string): void {
    missingAs(undefined, () => {
      const fd = fs.openSync(file, O_RDWR | O_NOFOLLOW);
      try {
        fs.fdatasyncSync(fd);
      } finally {
        fs.closeSync(fd);
      }
    });
  },

  openAppend(file: string): number {
    const fd = fs.openSync(file, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW, SHARED);
    share(fd);
    return fd;
  },

  /** Opens a regular file for reading: it stays the same one, whatever is renamed. Undefined when there is none: no link is followed, no FIFO waited for. */
  openRead(file: string): number | undefined {
    if (!disk.facts(file)?.isFile) return undefined;
    const fd = missingAs(undefined, () => fs.openSync(file, INSPECT_FLAGS), ['ENOENT', 'ELOOP', 'EMLINK', 'ENXIO']);
    if (fd === undefined || fs.fstatSync(fd).isFile()) return fd;
    fs.closeSync(fd);
    return undefined;
  },

  append(fd: number, text: string | Uint8Array): void {
    writeAll(fd, text);
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
    try {
      return readFrom(fd, start, length);
    } finally {
      fs.closeSync(fd);
    }
  },

  /**
   * The lines of a file that may be larger than memory, in portions of about 1 MiB, each with the newlines between them. The last line
   * is left out while it has no newline: somebody may be writing it.
   */
  *lineBlocks(file: string): Generator<string> {
    let rest: Buffer = Buffer.alloc(0);
    for (let at = 0; ; ) {
      const block = disk.readBytes(file, at, BLOCK_BYTES);
      if (block.length === 0) return;
      at += block.length;
      const joined = Buffer.concat([rest, block]);
      const end = joined.lastIndexOf(NEWLINE) + 1;
      if (end > 0) yield joined.toString('utf8', 0, end);
      rest = joined.subarray(end);
    }
  },

  readFrom,

  /** Bytes that this process may still write to the disk that `folder` is on. */
  freeBytes(folder: string): number {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  },

  setTimes(file: string, ms: number): void {
    fs.utimesSync(file, ms / 1_000, ms / 1_000);
  },
} as const;

// Windows has neither links to be wary of in this way nor FIFOs: there these flags are 0.
const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants;
const INSPECT_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
/** Files are for the owner and the group, whatever the umask: the folders of the spool decide who comes near. */
const SHARED = 0o660;
const BLOCK_BYTES = 1_048_576;
const NEWLINE = 0x0a;
/** So many files are open at once for a sync: descriptors may be scarce, and more gain nothing. */
const SYNC_AT_ONCE = 64;
const utf8 = new TextDecoder('utf-8', { fatal: true });

// The umask cut the mode that the file was made with. The file of another owner has its mode already.
function share(fd: number): void {
  try {
    fs.fchmodSync(fd, SHARED);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error;
  }
}

async function syncFile(file: string): Promise<void> {
  const handle = await fs.promises.open(file, 'r+');
  await handle.sync().finally(() => handle.close());
}

function missingAs<T>(answer: T, act: () => T, missing: readonly string[] = ['ENOENT']): T {
  try {
    return act();
  } catch (error) {
    if (missing.includes(errnoOf(error) ?? '')) return answer;
    throw error;
  }
}

function unopened(file: string, error: unknown): Inspected {
  const code = errnoOf(error);
  if (code === 'ENOENT') return { kind: 'missing' };
  if (code === 'ELOOP' || code === 'EMLINK') return { kind: 'not-a-file', what: 'a symbolic link' };
  const stat = fs.lstatSync(file, { throwIfNoEntry: false });
  if (!stat) return { kind: 'missing' };
  return stat.isFile() ? unreadable(error) : { kind: 'not-a-file', what: kindOf(stat) };
}

function readInspected(fd: number, maxBytes: number): Inspected {
  const stat = fs.fstatSync(fd);
  if (!stat.isFile()) return { kind: 'not-a-file', what: kindOf(stat) };
  const { size, mtimeMs } = stat;
  if (size > maxBytes) return { kind: 'too-large', size, mtimeMs };
  // One byte more than the size shows a file that is growing under our hands.
  const bytes = readFrom(fd, 0, Math.min(size + 1, maxBytes + 1));
  if (bytes.length > maxBytes) return { kind: 'too-large', size: bytes.length, mtimeMs };
  try {
    return { kind: 'text', text: utf8.decode(bytes), size: bytes.length, mtimeMs };
  } catch {
    return { kind: 'not-utf8', size, mtimeMs };
  }
}

function unreadable(error: unknown): Inspected {
  return { kind: 'unreadable', reason: messageOf(error), isDenied: ['EACCES', 'EPERM'].includes(errnoOf(error) ?? '') };
}

function kindOf(stat: fs.Stats): string {
  if (stat.isDirectory()) return 'a folder';
  if (stat.isSymbolicLink()) return 'a symbolic link';
  if (stat.isFIFO()) return 'a FIFO';
  if (stat.isSocket()) return 'a socket';
  return 'a device';
}

function readFrom(fd: number, start: number, length: number): Buffer {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = fs.readSync(fd, buffer, filled, length - filled, start + filled);
    if (count === 0) break;
    filled += count;
  }
  return buffer.subarray(0, filled);
}

// write(2) may take a part only (a signal, a nearly full disk): the rest goes after it.
function writeAll(fd: number, text: string | Uint8Array): void {
  let bytes = typeof text === 'string' ? Buffer.from(text) : text;
  while (bytes.length > 0) bytes = bytes.subarray(fs.writeSync(fd, bytes));
}
