/** Programs that run as other users of the machine, for tests of who may do what in a spool. */
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import type { Spool } from '../../spool/spool.ts';
import { type Ran, runShell } from './program.ts';

/** Whether the test must be skipped, as it is then: only root can become somebody else. */
export function skipsWithoutRoot(t: TestContext): boolean {
  if (process.getuid?.() === 0 && spawnSync('setpriv', ['--version']).error === undefined) return false;
  t.skip('SKIPPED: only root can start programs as two other users (setpriv of util-linux)');
  return true;
}

type RunsAs = (spool: Pick<Spool, 'root'>, uid: number, script: string, args?: string[], env?: Record<string, string>) => Promise<Ran>;

/** Runs a script of the shell with arguments, on a spool, as a user who is in these groups and in one of its own that has its number. */
export function usersOf(...groups: number[]): RunsAs {
  const membership = groups.length > 0 ? ['--groups', groups.join(',')] : ['--clear-groups'];
  return ({ root }, uid, script, args = [], env = {}) =>
    runShell(['setpriv', `--reuid=${uid}`, `--regid=${uid}`, ...membership, 'sh', '-c', script, ...args], {
      JOBSPOOL_DIR: root,
      NODE_COMPILE_CACHE: '',
      HOME: '/',
      ...env,
    });
}

/** The script that is the program of its arguments. */
export const EXEC = 'exec "$0" "$@"';
