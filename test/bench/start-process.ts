import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A process of a contender. `end` takes the signal it is to end by and waits until it has. */
export type Started = {
  child: ChildProcess;
  pid: number;
  says(): string;
  hasEnded(): boolean;
  end(signal?: NodeJS.Signals): Promise<void>;
};

const alive = new Map<ChildProcess, boolean>();

/** Starts a process, and keeps the end of what it prints for the error that says why it ended. */
export function startProcess(command: string, args: readonly string[], options: SpawnOptions = {}): Started {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options, env: cleanEnvironment(options.env) });
  let said = '';
  const keep = (chunk: unknown) => {
    said = (said + String(chunk)).slice(-20_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(error.message));
  if (child.pid !== undefined) alive.set(child, options.detached === true);
  child.once('exit', () => alive.delete(child));
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (hasEnded()) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    const killer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await exited;
    clearTimeout(killer);
  };
  return { child, pid: child.pid ?? 0, says: () => said, hasEnded, end };
}

// A benchmark that is interrupted leaves nobody behind.
process.once('exit', () => {
  for (const [{ pid = 0 }, hasGroup] of alive) {
    process.kill(hasGroup ? -pid : pid, 'SIGTERM');
    // One that is held back hears nothing before.
    process.kill(hasGroup ? -pid : pid, 'SIGCONT');
  }
});

// Node 20 takes twice as long to start with it; nobody gains from it here.
function cleanEnvironment(given: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...environment } = process.env;
  return { ...environment, ...given };
}
