/** Jobspool for programs: enqueue jobs, ask for them, and write handlers. */
export type { Attempt, ErrorRecord, Outcome } from '../spool/attempt.ts';
export type { Duration } from '../spool/duration.ts';
export { SpoolError, type SpoolErrorCode } from '../spool/errors.ts';
export type { JobStatus } from '../spool/query.ts';
export type { State } from '../spool/state.ts';
export type { SubmitOptions } from '../spool/submit.ts';
export type { WaitOptions } from '../spool/wait.ts';
export { type AllowlistEntry, type AllowlistShape, defineAllowlist, type MethodPolicy } from './define-allowlist.ts';
export { type JobContext, type JobLogger, jobContext, PermanentError, Snooze, StopError } from './handler.ts';
export {
  type BackgroundJob,
  backgroundJob,
  cancelJob,
  type HandlerClass,
  jobStatus,
  type MethodOf,
  type ParamsOf,
  type RunOptions,
  runBackgroundJob,
  runBackgroundJobs,
  type SpoolChoice,
  waitForJob,
} from './run-background-job.ts';
