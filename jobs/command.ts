/** Runs a handler that is a command in any language, once: request on stdin, outcome by exit code, no shell. */
import { type ChildProcess, spawn } from 'node:child_process';
import { disk, type Inspected } from '../spool/disk.ts';
import { durationMs } from '../spool/duration.ts';
import { errnoOf, messageOf } from '../spool/errors.ts';
import { attemptNumber, type End, type Job } from '../spool/job.ts';
import type { Request } from '../spool/request.ts';
import { traceContextOf } from '../spool/trace-context.ts';
import { visible } from '../spool/visible.ts';
import { failedEnd } from './command-answer.ts';
import { commandInput } from './command-input.ts';
import type { Surroundings } from './execute.ts';
import { stoppedEnd } from './stop.ts';
import { marksWith, stopOnAbort } from './stop-command.ts';

/** Exit codes that say more than done or failed. 75 is EX_TEMPFAIL of sysexits(3). */
const EXIT = { completed: 0, retryLater: 75, permanent: 100 } as const;

type Exit = { code: number | null; signal: NodeJS.Signals | null };

export async function runCommand(job: Job, command: readonly string[], params: Request['params'], around: Surroundings): Promise<End> {
  const [program = '', ...args] = command;
  around.clear(around.files.result);
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
  child.stdin?.end(JSON.stringify(commandInput(job, params)));
  const stopping = stopOnAbort({ pid: child.pid, environment: marksWith({ JOBSPOOL_ID: job.id }) }, around);
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
    around.clear(around.files.result);
  }
}

function contractOf(job: Job, { files }: Surroundings): Record<string, string | undefined> {
  const { traceparent, tracestate } = traceContextOf(job.request);
  return {
    // The names that OpenTelemetry gives them. Where the job has none, those that the service was started with are not the job's.
    TRACEPARENT: traceparent,
    TRACESTATE: tracestate,
    // A service that was itself started by a command of the protocol "lines" hands that down.
    JOBSPOOL_PROTOCOL: undefined,
    JOBSPOOL_ID: job.id,
    JOBSPOOL_ATTEMPT: String(attemptNumber(job)),
    JOBSPOOL_CLASS: job.request.class,
    JOBSPOOL_METHOD: job.request.method,
    JOBSPOOL_RESULT: files.result,
    JOBSPOOL_PROGRESS: files.progress,
  };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // "exit", not "close": a grandchild that keeps a descriptor open must not hold the slot.
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
}

function endOf(program: string, { code, signal }: Exit, around: Surroundings): End {
  const written = resultOf(around);
  if (code === EXIT.completed) return { kind: 'completed', ...keptOf(written, around) };
  const { error, delay } = toldOf(written);
  if (code === EXIT.retryLater) return { kind: 'snoozed', delayMs: delayOf(delay, around) };
  const names = ['CommandFailed', signal ?? `exit ${code}`];
  const permanent = code === EXIT.permanent;
  if (error !== undefined) {
    const told = failedEnd(error, permanent, program);
    return { ...told, names: [...told.names, ...names] };
  }
  const tail = around.outputTail();
  const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;
  return {
    kind: 'failed',
    permanent,
    names,
    error: { name: 'CommandFailed', message: `the command "${program}" ${how}`, ...(tail ? { stack: tail } : {}) },
  };
}

type Written = { kind: 'nothing' } | { kind: 'json'; value: unknown } | { kind: 'unusable'; why: string };

function resultOf({ files }: Surroundings): Written {
  const file = disk.inspect(files.result, MAX_RESULT_BYTES);
  if (file.kind === 'missing') return { kind: 'nothing' };
  if (file.kind !== 'text')
    return { kind: 'unusable', why: `a file of UTF-8 text of at most ${MAX_RESULT_BYTES} bytes in $JOBSPOOL_RESULT, got ${shown(file)}` };
  if (file.text.trim() === '') return { kind: 'nothing' };
  try {
    return { kind: 'json', value: JSON.parse(file.text) };
  } catch (error) {
    return { kind: 'unusable', why: `JSON in $JOBSPOOL_RESULT, got ${visible(messageOf(error))}` };
  }
}

// The command has done its work, whatever it left in the place of its result: what is none is left out, and said.
function keptOf(written: Written, { log }: Surroundings): { result?: unknown } {
  if (written.kind === 'unusable') log.warn(`the result is left out: expected ${written.why}`);
  return written.kind === 'json' ? { result: written.value } : {};
}

// A command that fails may say more there than its exit code does. What is no such word is half a result, of which nothing is kept.
function toldOf(written: Written): { error?: object; delay?: unknown } {
  const value = written.kind === 'json' ? written.value : undefined;
  if (typeof value !== 'object' || value === null) return {};
  const { error, delay } = value as { error?: unknown; delay?: unknown };
  return typeof error === 'object' && error !== null && 'message' in error ? { error, delay } : { delay };
}

// That it is put off is the exit code's word, whatever its delay is.
function delayOf(delay: unknown, { log }: Surroundings): number | undefined {
  const delayMs = durationMs(delay);
  if (delay !== undefined && delayMs === undefined)
    log.warn(
      `the delay is left out: expected one such as "500ms", "5s", "2m" or "1h" in $JOBSPOOL_RESULT, got ${JSON.stringify(delay).slice(0, 200)}`,
    );
  return delayMs;
}

/** Written with blanks and line breaks, a result is larger than the ledger keeps it. */
const MAX_RESULT_BYTES = 1_048_576;

function shown(file: Exclude<Inspected, { kind: 'text' | 'missing' }>): string {
  if (file.kind === 'not-a-file') return file.what;
  if (file.kind === 'unreadable') return `one that cannot be read: ${file.reason}`;
  return file.kind === 'too-large' ? `${file.size} bytes` : 'other bytes';
}
