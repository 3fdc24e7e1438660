import { SpoolError } from '../../spool/errors.ts';
import { type FinalState, isFinal, type State } from '../../spool/state.ts';

/** What the process's exit code says. `failed`: the job failed, was cancelled or rejected; or a check found something wrong. */
export const EXIT = { ok: 0, failed: 1, usage: 2, notFound: 3, conflict: 4, waitTimedOut: 124, interrupted: 130 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A command that is not carried out; the message is for the person who gave it. */
export class Refusal extends Error {
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.name = 'Refusal';
    this.exitCode = exitCode;
  }
}

export const usage = (message: string): Refusal => new Refusal(EXIT.usage, message);

export const unknownJob = (what: string, id: string, root: string): Refusal =>
  new Refusal(EXIT.notFound, `${what} ${id}: expected the id of a job in ${root}, which knows none of that id; jobspool ls lists them`);

/** The exit code that an error ends the process with. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof Refusal) return error.exitCode;
  if (error instanceof Error && error.name === 'AbortError') return EXIT.interrupted;
  if (!(error instanceof SpoolError)) return EXIT.usage;
  if (error.code === 'NOT_FOUND') return EXIT.notFound;
  if (error.code === 'CONFLICT') return EXIT.conflict;
  return error.code === 'WAIT_TIMEOUT' ? EXIT.waitTimedOut : EXIT.usage;
}

const OF_STATE: Record<FinalState, ExitCode> = { completed: EXIT.ok, failed: EXIT.failed, cancelled: EXIT.failed, rejected: EXIT.failed };

/** The exit code of a command that waited for a job which is over now. */
export const exitCodeOfJob = (state: State): ExitCode => (isFinal(state) ? OF_STATE[state] : EXIT.ok);
