import { type SpawnOptions, spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';

const ROOT = path.resolve(import.meta.dirname, '..', '..');

/** What a program said and how it ended; `code` is null when a signal ended it. */
export type Ran = { code: number | null; out: string; err: string };

/** Runs the real `jobspool` on a spool, and waits for its end. */
export function runProgram(dir: string, args: string[], env: Record<string, string> = {}, options: SpawnOptions = {}): Promise<Ran> {
  return runShell([process.execPath, path.join(ROOT, 'service', 'main.ts'), ...args], { JOBSPOOL_DIR: dir, ...env }, options);
}

/** Runs any command, and waits for its end. */
export async function runShell([command = '', ...args]: string[], env: Record<string, string>, options: SpawnOptions = {}): Promise<Ran> {
  const child = spawn(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, JOBSPOOL_DURABILITY: 'none', JOBSPOOL_PORT: '0', ...env },
    ...options,
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [out, err, code] = await Promise.all([
    text(child.stdout as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    ended,
  ]);
  return { code, out, err };
}
