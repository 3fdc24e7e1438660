import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { now } from './clock.ts';

/** Where spools and servers' data are during the run. */
export type MeasuredDisk = { folder: string; what: string; remove(): void };

/** Where handlers note what ran: in memory, so that it is no load of the disk. Removed at the end of the process. */
export function folderForNotes(): string {
  const folder = fs.mkdtempSync('/dev/shm/jobspool-bench-tally-');
  process.once('exit', () => fs.rmSync(folder, FORCE));
  return folder;
}

// Processes that were just told to end may write once more.
const FORCE = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const;

/**
 * `tmpfs`, `ext4` (a file system of its own in a loop-mounted image: needs root), or a folder. A machine's own disk may be an ext4 without a journal, which makes
 * creating files slow at random: hence the image.
 */
export function measuredDisk(kind: string): MeasuredDisk {
  if (kind === 'tmpfs') return inFolder('/dev/shm', 'tmpfs (a sync costs nothing there)');
  if (kind === 'ext4') return mounted();
  return inFolder(kind, `the disk of the folder given`);
}

/** Bare renames a second on that disk, over a tenth of a second: what the machine is worth just now. */
export function calibrate(folder: string): number {
  const [a, b] = [path.join(folder, 'calibrate-a'), path.join(folder, 'calibrate-b')];
  fs.mkdirSync(a, { recursive: true });
  fs.mkdirSync(b, { recursive: true });
  fs.writeFileSync(`${a}/file`, '');
  const began = now();
  let renames = 0;
  for (; now() - began < 100; renames += 2) {
    fs.renameSync(`${a}/file`, `${b}/file`);
    fs.renameSync(`${b}/file`, `${a}/file`);
  }
  return renames / ((now() - began) / 1_000);
}

function inFolder(parent: string, what: string): MeasuredDisk {
  const folder = fs.mkdtempSync(path.join(parent, 'jobspool-bench-'));
  // A server that must not run as root has to reach its folder.
  fs.chmodSync(folder, 0o755);
  return { folder, what, remove: () => fs.rmSync(folder, FORCE) };
}

function mounted(): MeasuredDisk {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'jobspool-bench-'));
  fs.chmodSync(home, 0o755);
  const [image, folder] = [path.join(home, 'image'), path.join(home, 'disk')];
  fs.mkdirSync(folder);
  fs.writeFileSync(image, '');
  fs.truncateSync(image, 16 * 2 ** 30);
  try {
    // A million pending jobs and the files of the bare loop: an inode for every 4 kB.
    execFileSync('mkfs.ext4', ['-q', '-F', '-i', '4096', '-E', 'lazy_itable_init=1,lazy_journal_init=1', image]);
    execFileSync('mount', ['-o', 'loop,noatime', image, folder]);
  } catch (error) {
    fs.rmSync(home, { recursive: true, force: true });
    throw new Error(`make an ext4 of its own in ${home}: it needs root, mkfs.ext4 and mount. Use --disk tmpfs or --disk FOLDER`, {
      cause: error,
    });
  }
  const remove = () => {
    // Lazily: after an interruption some of the processes on it may still be ending.
    execFileSync('umount', ['-l', folder]);
    fs.rmSync(home, FORCE);
  };
  return { folder, what: 'ext4 with a journal, loop-mounted', remove };
}
