import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { waitFor } from '../support/wait-for.ts';

/** The real service, as users start it and with its own defaults, but for the spool, a free port and the number of runners. */
export class Service {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #output = '';

  /** Resolves once `/readyz` says that it takes work. */
  static async start(dir: string, runners: number): Promise<Service> {
    const service = new Service(dir, runners);
    await waitFor(() => service.#isReady(), 'the service to be ready', { timeoutMs: 60_000 });
    return service;
  }

  /** SIGTERM; resolves with the exit code, null when a signal ended it. */
  stop(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#exited;
  }

  private constructor(dir: string, runners: number) {
    const root = path.resolve(import.meta.dirname, '..', '..');
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('JOBSPOOL_')));
    const child = spawn(process.execPath, [path.join(root, 'service', 'main.ts'), 'serve'], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...env, JOBSPOOL_DIR: dir, JOBSPOOL_PORT: '0', JOBSPOOL_RUNNERS: String(runners) },
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      // The greeting is all that is asked of it; the rest of the log is in the spool.
      if (this.#output.length < 16_384) this.#output += text;
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('exit', resolve));
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null)
      throw new Error(`the service ended with ${this.#child.exitCode} before it was ready:\n${this.#output}`);
    const address = /http:\/\/[^\s/"]+/.exec(this.#output)?.[0];
    return address !== undefined && (await fetch(`${address}/readyz`)).ok;
  }
}
