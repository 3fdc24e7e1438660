/** Containers without a container engine: dispatchers in pid namespaces of their own, with a /proc of their own. */
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { afterwards } from './afterwards.ts';
import { waitFor } from './wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const UNSHARE = ['--pid', '--fork', '--mount-proc', '--kill-child'];

/** A dispatcher that is pid 1 of its namespace. `kill` ends all of the namespace at once, as the death of a container does. */
export type Container = { output(): string; kill(): Promise<void> };

/** Why no namespaces can be made here; undefined when they can. */
export function noNamespaces(): string | undefined {
  const { status, stderr, error } = spawnSync('unshare', [...UNSHARE, 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `SKIPPED: pid namespaces need root and unshare(1): ${error?.message ?? stderr}`;
}

/** Starts a dispatcher in a pid namespace of its own; resolves once it has started. */
export async function startContainer(t: TestContext, dir: string, allowlist: string, env: Record<string, string> = {}): Promise<Container> {
  const child = spawn('unshare', [...UNSHARE, process.execPath, path.join(ROOT, 'service', 'main.ts'), 'dispatch'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      JOBSPOOL_DIR: dir,
      JOBSPOOL_JOBS: allowlist,
      JOBSPOOL_RUNNERS: '1',
      JOBSPOOL_SCAN: '200ms',
      JOBSPOOL_STALE: '5s',
      JOBSPOOL_DURABILITY: 'none',
      JOBSPOOL_KILL_GRACE: '500ms',
      ...env,
    },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const kill = () => {
    child.kill('SIGKILL');
    return exited;
  };
  afterwards(t, kill);
  await waitFor(() => output.includes('dispatcher started') || child.exitCode !== null, 'the dispatcher in its namespace', {
    timeoutMs: 60_000,
  });
  return { output: () => output, kill };
}
