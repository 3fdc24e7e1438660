/** Fresh spools for tests, and the real service on them. Everything is gone after the test that asked for it. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { holderOfSlot, slots } from '../../spool/lease.ts';
import { platform } from '../../spool/platform.ts';
import { openSpool, type Spool, type SpoolOptions, temporaryFile } from '../../spool/spool.ts';
import { afterwards } from './afterwards.ts';
import { waitFor } from './wait-for.ts';

/** A new folder under the system's temporary one, removed after the test. */
export function tempFolder(t: TestContext, name = 'jobspool-'): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), name));
  afterwards(t, () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  return folder;
}

/** A new, open spool. Writes without syncs unless `options` say otherwise: tests that do not pull the plug are faster so. */
export function tempSpool(t: TestContext, options: SpoolOptions = {}): Spool {
  return openSpool(path.join(tempFolder(t), 'spool'), { durability: 'none', ...options });
}

/** Drops a file into `incoming/` as a producer does, by a rename from `tmp/`; an object is written as JSON. */
export function dropFile(spool: Spool, name: string, body: string | Uint8Array | object): void {
  const draft = temporaryFile(spool, 'drop');
  fs.writeFileSync(draft, typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
  fs.renameSync(draft, path.join(spool.incoming, name));
}

export type ServiceOptions = {
  /** The spool's folder; default: a fresh one. */
  dir?: string;
  /** Beside the short graces and intervals of tests. */
  env?: Record<string, string>;
  /** The allow-list file; default: the project's own. */
  allowlist?: string;
  /** How long its start may take at most, in milliseconds; default 60,000: a busy machine is slow. */
  startMs?: number;
};

/** A running service. `output()` is all that it printed so far on stdout, `errors()` on stderr. */
export type Service = {
  pid: number;
  dir: string;
  output(): string;
  errors(): string;
  /** Where it listens; undefined until it has said so. */
  url(): string | undefined;
  /** SIGTERM, or another signal; resolves with the exit code, null when the signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
};

/** Starts the real service as its own process; resolves once its dispatcher has started. */
export async function startService(t: TestContext, { dir, env = {}, allowlist, startMs = 60_000 }: ServiceOptions = {}): Promise<Service> {
  const folder = dir ?? path.join(tempFolder(t), 'spool');
  const child = spawn(process.execPath, [path.join(ROOT, 'service', 'main.ts'), 'serve'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...SHORT, JOBSPOOL_DIR: folder, ...(allowlist === undefined ? {} : { JOBSPOOL_JOBS: allowlist }), ...env },
  });
  const output = collect(child.stdout);
  const errors = collect(child.stderr);
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  afterwards(t, () => end(child, exited, folder));
  await waitFor(
    () => output().includes('dispatcher started') || failedToStart(child, output(), errors()),
    'the line "dispatcher started"',
    {
      timeoutMs: startMs,
    },
  );
  return {
    pid: child.pid as number,
    dir: folder,
    output,
    errors,
    url: () => /http:\/\/[^\s/"]+/.exec(output())?.[0],
    stop: (signal = 'SIGTERM') => {
      child.kill(signal);
      return exited;
    },
  };
}

const ROOT = path.resolve(import.meta.dirname, '..', '..');

const SHORT = {
  JOBSPOOL_PORT: '0',
  JOBSPOOL_RUNNERS: '2',
  JOBSPOOL_SHUTDOWN_GRACE: '2s',
  JOBSPOOL_KILL_GRACE: '500ms',
  JOBSPOOL_SCAN: '200ms',
  JOBSPOOL_STALE: '5s',
  JOBSPOOL_DURABILITY: 'none',
  NODE_COMPILE_CACHE: path.join(ROOT, '.compile-cache'),
};

function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

function failedToStart(child: ChildProcess, output: string, errors: string): false {
  if (child.exitCode === null && child.signalCode === null) return false;
  throw new Error(`the service ended with ${child.exitCode ?? child.signalCode} before it was ready\n${output}\n${errors}`);
}

// Runners are detached: a killed service leaves them behind. The spool says which processes they are; only what is still that
// very process is ended.
async function end(child: ChildProcess, exited: Promise<unknown>, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await exited;
  }
  if (!fs.existsSync(path.join(folder, 'running'))) return;
  const spool = openSpool(folder, { durability: 'none' });
  const runners = slots(spool).flatMap((slot) => holderOfSlot(spool, slot) ?? []);
  for (const { kind, pid, processStart } of runners) {
    if (kind === 'runner' && platform.processStart(pid) === processStart) platform.signalTree(pid, 'SIGKILL');
  }
}
