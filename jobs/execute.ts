/** Runs one attempt of a job and says how it ended. Throws only when the job's own machinery is broken, never for a handler. */
import { errorRecord } from '../spool/attempt.ts';
import { errnoOf } from '../spool/errors.ts';
import type { End, Job } from '../spool/job.ts';
import { attemptNumber } from '../spool/job.ts';
import type { Policy } from '../spool/policy.ts';
import { traceContextOf } from '../spool/trace-context.ts';
import { runCommand } from './command.ts';
import type { CommandEntry } from './define-allowlist.ts';
import { type JobContext, type JobLogger, withContext } from './handler.ts';
import type { Allowlist, Permitted } from './load-allowlist.ts';
import { resolveHandler } from './resolve.ts';
import { stoppedEnd } from './stop.ts';
import type { WarmCommands } from './warm-commands.ts';

/** What an attempt needs of the process that it runs in. */
export type Surroundings = {
  allowlist: Allowlist;
  policy: Policy;
  /** Aborts with a StopError as its reason. */
  signal: AbortSignal;
  /** Aborts the signal now if it is to be: a handler that blocked the event loop ends before that could be heard. */
  hear?(): void;
  /** Rejects when something in this process went wrong that no promise of the handler's holds. */
  broken: Promise<never>;
  log: JobLogger;
  progress(percent: number): void;
  /** For commands: the descriptor their output goes to, the files of their contract, and the grace between TERM and KILL. */
  output(): number | 'inherit';
  /** Appends to the job's log what a command printed that is kept from job to job. */
  print(bytes: Uint8Array): void;
  /** The end of what the command printed, for its error. */
  outputTail(): string;
  files: { result: string; progress: string };
  /** Removes one of these, whatever the command made of it. */
  clear(file: string): void;
  killGraceMs: number;
  /** Those commands that are kept from job to job. */
  warm: WarmCommands;
};

export async function execute(job: Job, permitted: Permitted, around: Surroundings): Promise<End> {
  const { entry } = permitted;
  let wasAsked = false;
  try {
    if ('command' in entry)
      return stoppedEnd(around.signal, around.policy.timeoutMs, true) ?? (await runEntry(job, entry, permitted, around));
    const handler = await resolveHandler(around.allowlist.folder, job.request.class, job.request.method, entry);
    if (!handler.ok) return { kind: 'refused', reason: handler.reason };
    const context = contextOf(job, around, () => {
      wasAsked = true;
    });
    const params = Array.isArray(permitted.params) ? permitted.params : [permitted.params];
    const result = await Promise.race([withContext(context, async () => handler.call(params)), around.broken]);
    around.hear?.();
    return (
      stoppedEnd(around.signal, around.policy.timeoutMs, wasAsked) ?? { kind: 'completed', ...(result === undefined ? {} : { result }) }
    );
  } catch (thrown) {
    around.hear?.();
    return stoppedEnd(around.signal, around.policy.timeoutMs, true) ?? failureEnd(thrown);
  }
}

function runEntry(job: Job, { command, protocol }: CommandEntry, { params }: Permitted, around: Surroundings): Promise<End> {
  return protocol === 'lines' ? around.warm.run(job, command, params, around) : runCommand(job, command, params, around);
}

/** The end of a job that threw. */
export function failureEnd(thrown: unknown): End {
  const names = namesOf(thrown);
  // By name, not by class: a handler may have its own copy of this package.
  if (names.includes('Snooze') && hasDelay(thrown)) return { kind: 'snoozed', delayMs: thrown.delayMs };
  return { kind: 'failed', error: errorRecord(thrown), permanent: names.includes('PermanentError'), names };
}

function contextOf(job: Job, { signal, log, progress }: Surroundings, onSignal: () => void): JobContext {
  return {
    id: job.id,
    class: job.request.class,
    method: job.request.method,
    attempt: attemptNumber(job),
    ...traceContextOf(job.request),
    get signal() {
      onSignal();
      return signal;
    },
    log,
    progress,
  };
}

function hasDelay(thrown: unknown): thrown is { delayMs: number } {
  const { delayMs } = thrown as { delayMs?: unknown };
  return typeof delayMs === 'number' && Number.isFinite(delayMs) && delayMs >= 0;
}

// Lists in a policy may name an error's class, any class it extends, or its code.
function namesOf(thrown: unknown): string[] {
  if (!(thrown instanceof Error)) return ['Error'];
  const names = [thrown.name];
  for (
    let prototype = Object.getPrototypeOf(thrown);
    prototype && prototype !== Object.prototype;
    prototype = Object.getPrototypeOf(prototype)
  ) {
    names.push(String(prototype.constructor?.name));
  }
  const code = errnoOf(thrown);
  return [...new Set(code ? [...names, code] : names)];
}
