/** PHP for tests: whether it is there with what a test needs, and a call of it. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { type Ran, runShell } from './program.ts';

export const PACKAGE = path.resolve(import.meta.dirname, '..', '..');

/** What PHP lacks to run this code, as a sentence for `t.skip`; undefined when it lacks nothing. */
export function missingInPhp(code: string, packages: string): string | undefined {
  const { error, status } = spawnSync('php', ['-r', code], { stdio: 'ignore' });
  return error || status !== 0 ? `SKIPPED: this needs PHP with the Debian packages ${packages}, and nothing of it was tested` : undefined;
}

/** Runs PHP in a folder, on the spool `dir`, and waits for its end. */
export const runPhp = (dir: string, folder: string, ...args: string[]): Promise<Ran> =>
  runShell(['php', ...args], { JOBSPOOL_DIR: dir }, { cwd: folder });
