/** Runs a handler that is a command in any language: request on stdin, outcome by exit code, no shell. */
import { type ChildProcess, spawn } from 'node:child_process';
import { disk } from '../spool/disk.ts';
import { errnoOf, messageOf } from '../spool/errors.ts';
import { attemptNumber, type End, type Job } from '../spool/job.ts';
import { platform } from '../spool/platform.ts';
import type { Request } from '../spool/request.ts';
import type { Surroundings } from './execute.ts';
import { stoppedEnd } from './stop.ts';

/** Exit codes that say more than done or failed. 75 is EX_TEMPFAIL of sysexits(3). */
const EXIT = { completed: 0, retryLater: 75, permanent: 100 } as const;

type Exit = { code: number | null; signal: NodeJS.Signals | null };

export async function runCommand(job: Job, command: readonly string[], params: Request['params'], around: Surroundings): Promise<End> {
  const [program = '', ...args] = command;
  disk.remove(around.files.result);
  const child = spawn(program, args, {
    cwd: around.allowlist.folder,
    env: { ...process.env, ...contractOf(job, around) },
    stdio: ['pipe', around.output(), around.output()],
    // A group of its own, so that it is stopped with all its children and without its runner.
    detached: true,
    windowsHide: true,
  });
  const exited = exitOf(child);
  child.stdin?.on('error', () => {
    // A command need not read its input: EPIPE says no more than that.
  });
  child.stdin?.end(JSON.stringify(inputOf(job, params)));
  const stopping = stopOnAbort(child, job.id, around);
  try {
    const exit = await exited;
    await stopping.done();
    return stoppedEnd(around.signal, around.policy.timeoutMs, true) ?? endOf(program, exit, around);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return {
      kind: 'refused',
      reason: `class "${job.request.class}" is on the allow-list, but its command "${program}" was not found (looked from ${around.allowlist.folder})`,
    };
  } finally {
    stopping.forget();
    disk.remove(around.files.result);
  }
}

function contractOf(job: Job, { files }: Surroundings): Record<string, string> {
  return {
    JOBSPOOL_ID: job.id,
    JOBSPOOL_ATTEMPT: String(attemptNumber(job)),
    JOBSPOOL_CLASS: job.request.class,
    JOBSPOOL_METHOD: job.request.method,
    JOBSPOOL_RESULT: files.result,
    JOBSPOOL_PROGRESS: files.progress,
  };
}

function inputOf(job: Job, params: Request['params']): object {
  return { id: job.id, class: job.request.class, method: job.request.method, params, attempt: attemptNumber(job) };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // "exit", not "close": a grandchild that keeps a descriptor open must not hold the slot.
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

/** TERM to all that the command started when the signal aborts, KILL after the grace; `done` resolves when none is left. */
function stopOnAbort(child: ChildProcess, id: string, { signal, killGraceMs }: Surroundings) {
  let killing: Promise<void> | undefined;
  const stop = () => {
    if (child.pid !== undefined) killing = stopAll(child.pid, id, killGraceMs);
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop, { once: true });
  return {
    done: () => killing ?? Promise.resolve(),
    forget: () => signal.removeEventListener('abort', stop),
  };
}

/** Ends a command's group, and what left the group but still has the job's id in its environment: TERM, then KILL. */
async function stopAll(pid: number, id: string, graceMs: number): Promise<void> {
  const strays = () => platform.processesWith('JOBSPOOL_ID', id);
  platform.signalTree(pid, 'SIGTERM');
  for (const stray of strays()) platform.signal(stray, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (performance.now() < deadline) {
    if (!platform.treeExists(pid) && strays().length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  platform.signalTree(pid, 'SIGKILL');
  for (const stray of strays()) platform.signal(stray, 'SIGKILL');
}

function endOf(program: string, { code, signal }: Exit, around: Surroundings): End {
  if (code === EXIT.completed) return { kind: 'completed', ...resultOf(around) };
  if (code === EXIT.retryLater) return { kind: 'snoozed', delayMs: undefined };
  const tail = around.outputTail();
  const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;
  return {
    kind: 'failed',
    permanent: code === EXIT.permanent,
    names: ['CommandFailed', signal ?? `exit ${code}`],
    error: { name: 'CommandFailed', message: `the command "${program}" ${how}`, ...(tail ? { stack: tail } : {}) },
  };
}

function resultOf({ files, log }: Surroundings): { result?: unknown } {
  const text = disk.read(files.result);
  if (text === undefined || text.trim() === '') return {};
  try {
    return { result: JSON.parse(text) };
  } catch (error) {
    log.warn(`the result is left out: expected JSON in $JOBSPOOL_RESULT, got ${messageOf(error)}`);
    return {};
  }
}
