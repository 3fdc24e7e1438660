import { AsyncLocalStorage } from 'node:async_hooks';
import type { StopError } from './handler.ts';
import type { JobLog } from './job-log.ts';

/** An attempt that runs in this process: tell it to stop, or that an error broke it. */
export type RunningAttempt = {
  readonly id: string;
  /** The name of its job's file. */
  readonly name: string;
  /** The number of its place; 0 where it has the runner to itself. */
  readonly place: number;
  readonly log: JobLog;
  stop(reason: StopError['reason']): void;
  breakWith(error: unknown): void;
  /** What its handler left behind may still print or throw. */
  isOver: boolean;
};

const attempts = new AsyncLocalStorage<RunningAttempt>();

/** Whose code it is that runs now, in a runner that several jobs share; undefined where that is nobody's, or a job has the runner to itself. */
export const whose = (): RunningAttempt | undefined => attempts.getStore();

/** Runs a handler so that `whose` knows it, and all that it starts, again. */
export const runAs = <T>(attempt: RunningAttempt, run: () => T): T => attempts.run(attempt, run);
