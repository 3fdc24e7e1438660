/** What a handler may use and throw. A handler is a plain class; this module is all it needs to know of Jobspool. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { type Duration, parseDuration } from '../spool/duration.ts';

/** Writes a line to the job's own log, `logs/jobs/<id>.log`. `fields` are appended as JSON. */
export type JobLogger = Record<'info' | 'warn' | 'error', (text: string, fields?: object) => void>;

/** What a handler knows of the attempt it runs in. */
export type JobContext = {
  readonly id: string;
  readonly class: string;
  readonly method: string;
  /** The number of this attempt; 1 is the first. */
  readonly attempt: number;
  /**
   * The trace of whoever asked for the job, as W3C Trace Context has it; missing where they sent none. With OpenTelemetry:
   * `propagation.extract(ROOT_CONTEXT, jobContext())`.
   */
  readonly traceparent?: string;
  readonly tracestate?: string;
  /** Aborts when the job is cancelled, times out, or the service stops. What ignores it is killed after a grace. */
  readonly signal: AbortSignal;
  readonly log: JobLogger;
  /** Reports how much is done, 0 to 100. Cheap: at most four times a second reach the disk. */
  progress(percent: number): void;
};

/** The failure is final: the job fails without a retry. */
export class PermanentError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PermanentError';
  }
}

/** Not now: `throw new Snooze('10m')` runs the job again after that time and spends no attempt. */
export class Snooze extends Error {
  readonly delayMs: number;

  /** Throws SpoolError `INVALID_DURATION` when `delay` is not a duration. */
  constructor(delay: Duration) {
    super(`put off by ${delay}${typeof delay === 'number' ? ' s' : ''}`);
    this.name = 'Snooze';
    this.delayMs = parseDuration(delay, 'Snooze');
  }
}

/** Why `jobContext().signal` aborted; it is the signal's `reason`. */
export class StopError extends Error {
  readonly reason: 'cancelled' | 'timed-out' | 'shutdown';

  constructor(reason: StopError['reason'], message: string) {
    super(message);
    this.name = 'StopError';
    this.reason = reason;
  }
}

// A handler may import another copy of this package than its runner does (its own node_modules): both find the same store.
const STORE = Symbol.for('jobspool.contexts');
const shared = globalThis as { [STORE]?: AsyncLocalStorage<JobContext> };
shared[STORE] ??= new AsyncLocalStorage<JobContext>();
const contexts = shared[STORE];

/** The context of the job that the calling code runs for; throws outside one. */
export function jobContext(): JobContext {
  const context = contexts.getStore();
  if (!context) throw new Error('jobContext() was called outside a job: it works only in a handler and in what the handler awaits');
  return context;
}

export function withContext<T>(context: JobContext, run: () => T): T {
  return contexts.run(context, run);
}
