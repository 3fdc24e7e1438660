import { requestCancel } from '../spool/marker.ts';
import type { JobStatus } from '../spool/query.ts';
import * as query from '../spool/query.ts';
import type { Spool } from '../spool/spool.ts';
import { DEFAULT_DIR, type Durability, openSpool } from '../spool/spool.ts';
import { type Submission, type SubmitOptions, submit } from '../spool/submit.ts';
import { submitCall } from '../spool/submit-call.ts';
import type { WaitOptions } from '../spool/wait.ts';
import * as waiting from '../spool/wait.ts';

/** A handler class: anything that `new` makes an object of. */
// biome-ignore lint/suspicious/noExplicitAny: the parameters of a constructor that is only named, never called, here
export type HandlerClass = abstract new (...args: any[]) => object;

/** The names of a class's methods. */
export type MethodOf<C extends HandlerClass> = {
  // biome-ignore lint/suspicious/noExplicitAny: any function is a method, whatever it takes
  [K in keyof InstanceType<C>]: InstanceType<C>[K] extends (...args: any[]) => unknown ? K : never;
}[keyof InstanceType<C>] &
  string;

type ArgumentsOf<C extends HandlerClass, M> = M extends keyof InstanceType<C>
  ? InstanceType<C>[M] extends (...args: infer A) => unknown
    ? A
    : never
  : never;

/** What a method may be given: its arguments as an array, or, where it takes one object, that object. */
export type ParamsOf<C extends HandlerClass, M> =
  ArgumentsOf<C, M> extends [infer Only]
    ? Only extends readonly unknown[]
      ? [Only]
      : Only extends object
        ? [Only] | Only
        : [Only]
    : Readonly<ArgumentsOf<C, M>>;

/** Which spool, beside what `SubmitOptions` say of the job. */
export type SpoolChoice = {
  /** The spool's folder; default: `JOBSPOOL_DIR`, else `./var/spool`. */
  dir?: string;
  /** Default: `JOBSPOOL_DURABILITY`, else `full`: an acknowledged job survives a power cut. */
  durability?: Durability;
};

export type RunOptions = SubmitOptions & SpoolChoice;

/** The params may be left out exactly where the method can be called without any. */
type Rest<C extends HandlerClass, M> =
  [] extends ArgumentsOf<C, M> ? [params?: ParamsOf<C, M>, options?: RunOptions] : [params: ParamsOf<C, M>, options?: RunOptions];

/**
 * Enqueues a job and returns its id. When the promise resolves, the job is acknowledged: it will run, whatever crashes. Only the
 * spool's folder is needed, not a running service. Calls that are in flight at once may be written together.
 *
 * With a class, the method's name and parameters are checked by the compiler; with a class's name, by the service alone. The method
 * defaults to `handle`. Throws SpoolError when the request is not valid or the spool cannot be written.
 *
 *     const id = await runBackgroundJob(ExampleJob, 'execute', ['Sample Data'], { priority: 8, delay: 60, retries: 3 })
 */
export async function runBackgroundJob<C extends HandlerClass, M extends MethodOf<C>>(
  Class: C,
  method: M,
  ...rest: Rest<C, M>
): Promise<string>;
export async function runBackgroundJob<C extends HandlerClass>(Class: [] extends ArgumentsOf<C, 'handle'> ? C : never): Promise<string>;
export async function runBackgroundJob(
  className: string,
  method?: string,
  params?: unknown[] | Record<string, unknown>,
  options?: RunOptions,
): Promise<string>;
export async function runBackgroundJob(
  handler: HandlerClass | string,
  method?: string,
  params?: unknown,
  { dir, durability, ...options }: RunOptions = {},
): Promise<string> {
  const submission = { class: nameOf(handler), method, params: params as Submission['params'], ...options };
  return submitCall(spoolAt({ dir, durability }), submission);
}

/** One job of a batch: what `backgroundJob` makes, or the same by the class's name, which no compiler checks. */
export type BackgroundJob = Submission;

type BatchRest<C extends HandlerClass, M> =
  [] extends ArgumentsOf<C, M> ? [params?: ParamsOf<C, M>, options?: SubmitOptions] : [params: ParamsOf<C, M>, options?: SubmitOptions];

/** A job for `runBackgroundJobs`, checked against the class by the compiler as `runBackgroundJob` checks its arguments. */
export function backgroundJob<C extends HandlerClass, M extends MethodOf<C>>(Class: C, method: M, ...rest: BatchRest<C, M>): BackgroundJob {
  const [params, options] = rest;
  return { class: Class.name, method, params: params as Submission['params'], ...options };
}

/**
 * Enqueues many jobs with one group of disk syncs, and returns their ids in the order given. All are checked before the first is
 * written; they become visible highest priority first.
 *
 *     await runBackgroundJobs(files.map((file) => backgroundJob(CompressFile, 'gzip', [file, `${file}.gz`])))
 */
export async function runBackgroundJobs(jobs: BackgroundJob[], { dir, durability }: SpoolChoice = {}): Promise<string[]> {
  // From JavaScript a class may stand where its name is asked for.
  return submit(
    spoolAt({ dir, durability }),
    jobs.map((job) => ({ ...job, class: nameOf(job.class as HandlerClass | string) })),
  );
}

/** What the spool says of a job; undefined for an id it does not know. */
export async function jobStatus(id: string, choice: SpoolChoice = {}): Promise<JobStatus | undefined> {
  return query.jobStatus(spoolAt(choice), id);
}

/**
 * Waits until a job is completed, failed, cancelled or rejected. Throws SpoolError `WAIT_TIMEOUT` when it is not over in
 * time (the job goes on), `NOT_FOUND` for an unknown id.
 */
export async function waitForJob(id: string, { dir, durability, ...options }: WaitOptions & SpoolChoice = {}): Promise<JobStatus> {
  return waiting.waitForJob(spoolAt({ dir, durability }), id, options);
}

/**
 * Asks for a job's cancellation, as `touch cancel/<id>` does. A job that waits is cancelled at once; one that runs gets its
 * AbortSignal, then TERM, then KILL. For a job that is over nothing changes.
 */
export async function cancelJob(id: string, choice: SpoolChoice = {}): Promise<void> {
  requestCancel(spoolAt(choice), id);
}

const opened = new Map<string, { spool: Spool; seenAt: number }>();

function spoolAt({ dir, durability }: { dir?: string | undefined; durability?: Durability | undefined }): Spool {
  const folder = dir ?? (process.env.JOBSPOOL_DIR || DEFAULT_DIR);
  const chosen = durability ?? (process.env.JOBSPOOL_DURABILITY === 'none' ? 'none' : 'full');
  const key = `${chosen} ${folder} ${process.cwd()}`;
  const known = opened.get(key);
  const now = performance.now();
  if (known && (now - known.seenAt < SEEN_MS || known.spool.disk.exists(known.spool.incoming))) {
    if (now - known.seenAt >= SEEN_MS) known.seenAt = now;
    return known.spool;
  }
  const spool = openSpool(folder, { durability: chosen, reach: 'submit' });
  opened.set(key, { spool, seenAt: now });
  return spool;
}

/** A spool that was there so long ago is not looked for again. */
const SEEN_MS = 100;

const nameOf = (handler: HandlerClass | string): string => (typeof handler === 'function' ? handler.name : handler);
