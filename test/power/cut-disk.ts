/**
 * A real file system whose power can be cut. It is ext4 in a file: what its kernel has not yet been asked to sync is in memory alone, so a
 * copy of that file, mounted, is the disk as it comes back after a power cut in that moment, its journal replayed. Only root can make one.
 */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { afterwards } from '../support/afterwards.ts';

/** Why no such disk can be had here; undefined when it can. */
export function lacking(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'SKIPPED: only root on Linux can mount a disk of its own';
  if (!fs.existsSync('/dev/loop-control')) return 'SKIPPED: there are no loop devices here (/dev/loop-control)';
  if (spawnSync('mkfs.ext4', ['-V']).error) return 'SKIPPED: mkfs.ext4 is missing (e2fsprogs)';
  return undefined;
}

export type CutDisk = {
  /** Where it is mounted. */
  root: string;
  /** What a power cut in this moment leaves: another disk, mounted elsewhere. Nobody may be syncing meanwhile: a copy takes its time. */
  cut(): string;
};

/** A disk that syncs nothing by itself for as long as a test takes. It and its copies are gone after the test. */
export function cutDisk(t: TestContext): CutDisk {
  // In memory, so that syncs cost little: their order is what is tested, not the speed of a disk.
  const folder = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'jobspool-cut-'));
  afterwards(t, () => fs.rmSync(folder, { recursive: true, force: true }));
  const image = path.join(folder, 'disk.img');
  run('truncate', ['-s', '64M', image]);
  run('mkfs.ext4', ['-q', '-F', image]);
  const root = mount(t, image, path.join(folder, 'disk'));
  let count = 0;
  return {
    root,
    cut() {
      count += 1;
      const copy = path.join(folder, `cut-${count}.img`);
      run('cp', ['--sparse=always', image, copy]);
      return mount(t, copy, path.join(folder, `cut-${count}`));
    },
  };
}

function mount(t: TestContext, image: string, root: string): string {
  fs.mkdirSync(root);
  // ext4 commits its journal each 5 s by itself.
  run('mount', ['-o', 'loop,commit=300,noatime', image, root]);
  afterwards(t, () => spawnSync('umount', ['--lazy', root]));
  return root;
}

function run(command: string, args: string[]): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: expected it to succeed, got ${error?.message ?? stderr}`);
}
