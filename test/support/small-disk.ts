/** A disk of its own for a test, small enough to be filled: a tmpfs, which only root can mount. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { afterwards } from './afterwards.ts';
import { tempFolder } from './spool.ts';

export type SmallDisk = {
  /** Where it is mounted. */
  root: string;
  /** A folder on it. */
  at(name: string): string;
  /** Writes until not one more page fits. Files whose last page has room can still grow within it. */
  fill(): void;
  /** Makes empty files until no more can be made, though there are bytes left. */
  useUpFiles(): void;
  /** Removes what `fill` and `useUpFiles` put there. */
  makeRoom(): void;
  /** Makes it read-only for everything but files that are open already (the kernel refuses to remount those): EROFS at each name. */
  makeReadOnly(): void;
  makeWritable(): void;
  /** Takes it away from under whoever uses it: an empty folder is left in its place. */
  unmount(): void;
  /** Mounts it again, with all that was on it. */
  mount(): void;
};

/** Whether this process may mount a disk. */
export const canMount = (): boolean => process.getuid?.() === 0 && process.platform === 'linux';

/** A disk of `size` bytes (such as `16m`) that holds at most `files` files and folders. It is gone after the test, whatever happens. */
export function smallDisk(t: TestContext, { size = '16m', files = 4_000 }: { size?: string; files?: number } = {}): SmallDisk {
  const folder = tempFolder(t, 'jobspool-disk-');
  const home = path.join(folder, 'home');
  const root = path.join(folder, 'disk');
  const sealed = path.join(folder, 'sealed');
  for (const made of [home, root, sealed]) fs.mkdirSync(made);
  afterwards(t, () => {
    // Some are stacked.
    for (const mounted of [root, root, root, sealed, home]) spawnSync('umount', ['--lazy', mounted]);
  });
  run('mount', ['-t', 'tmpfs', '-o', `size=${size},nr_inodes=${files},mode=0770`, 'jobspool-test', home]);
  const mount = () => run('mount', ['--bind', home, root]);
  mount();
  const ballast = path.join(root, 'ballast');
  const fillers = path.join(root, 'fillers');
  return {
    root,
    at: (name) => path.join(root, name),
    fill: () => fill(ballast),
    useUpFiles: () => useUpFiles(fillers),
    makeRoom() {
      for (const made of [ballast, fillers]) fs.rmSync(made, { recursive: true, force: true });
    },
    // A mount that is read-only already goes on top in one step: one that is in use cannot be made so.
    makeReadOnly() {
      run('mount', ['--bind', home, sealed]);
      run('mount', ['-o', 'remount,bind,ro', sealed]);
      run('mount', ['--bind', sealed, root]);
      run('umount', ['--lazy', sealed]);
    },
    makeWritable: () => run('umount', ['--lazy', root]),
    unmount: () => run('umount', ['--lazy', root]),
    mount,
  };
}

const PAGE = 4_096;

function fill(file: string): void {
  const fd = fs.openSync(file, 'a');
  try {
    for (const bytes of [Buffer.alloc(256 * PAGE), Buffer.alloc(PAGE)]) while (fits(fd, bytes));
  } finally {
    fs.closeSync(fd);
  }
}

function fits(fd: number, bytes: Buffer): boolean {
  try {
    return fs.writeSync(fd, bytes) === bytes.length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false;
    throw error;
  }
}

function useUpFiles(folder: string): void {
  fs.mkdirSync(folder, { recursive: true });
  for (let number = 0; ; number++) {
    try {
      fs.writeFileSync(path.join(folder, String(number)), '');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return;
      throw error;
    }
  }
}

function run(command: string, args: string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: expected exit code 0, got ${status}: ${stderr}`);
}
