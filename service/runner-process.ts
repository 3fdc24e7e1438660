/** The only module of the service that starts processes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { FromRunner, RunnerSettings, ToRunner } from '../jobs/messages.ts';
import { sibling } from '../jobs/sibling.ts';
import { messageOf } from '../spool/errors.ts';
import { platform } from '../spool/platform.ts';
import { type Spool, temporaryFile } from '../spool/spool.ts';
import { SECRETS } from './config.ts';

export type RunnerExit = {
  code: number | null;
  signal: NodeJS.Signals | null /** What it printed before it had a slot. */;
  lastWords: string;
};

export type RunnerEvents = {
  onMessage(message: FromRunner): void;
  onExit(exit: RunnerExit): void;
};

/** A runner's process as its dispatcher sees it. It is detached: it outlives this process. */
export class RunnerProcess {
  readonly #child: ChildProcess;

  constructor(spool: Spool, settings: Omit<RunnerSettings, 'output'>, events: RunnerEvents) {
    const output = temporaryFile(spool, 'runner');
    const fd = spool.disk.openAppend(output);
    this.#child = spawn(process.execPath, [fileURLToPath(sibling('../jobs/runner', import.meta.url))], {
      detached: true,
      windowsHide: true,
      stdio: ['ignore', fd, fd, 'ipc'],
      env: runnerEnvironment({ ...settings, output }),
    });
    spool.disk.close(fd);
    // A job that takes all the memory must not end the service, which holds the other jobs.
    if (this.#child.pid !== undefined) platform.endFirstWithoutMemory(this.#child.pid);
    let gone = false;
    const leave = (exit: Omit<RunnerExit, 'lastWords'>) => {
      if (gone) return;
      gone = true;
      events.onExit({ ...exit, lastWords: takeLastWords(spool, output) });
    };
    this.#child.on('message', (message) => events.onMessage(message as FromRunner));
    this.#child.once('exit', (code, signal) => leave({ code, signal }));
    // The process could not be started at all: there will be no "exit".
    this.#child.once('error', () => (this.#child.pid === undefined ? leave({ code: null, signal: null }) : undefined));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  send(message: ToRunner): void {
    // A runner that is gone says so by its exit.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  /** Signals the runner and all that it started; `SIGTERM` is handled by the runner, `SIGKILL` by nobody. */
  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      platform.signalTree(this.#child.pid, signal);
    }
  }
}

// What a runner printed before it had a slot; afterwards the file has another name.
function takeLastWords(spool: Spool, output: string): string {
  try {
    const words = spool.disk.read(output) ?? '';
    spool.disk.remove(output);
    return words;
  } catch (error) {
    return messageOf(error);
  }
}

function runnerEnvironment(settings: RunnerSettings): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...process.env, JOBSPOOL_DIR: settings.dir, JOBSPOOL_RUNNER: JSON.stringify(settings) };
  for (const name of SECRETS) {
    delete environment[name];
    delete environment[`${name}_FILE`];
  }
  return environment;
}
