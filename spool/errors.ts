/** Why a spool operation could not be done; `code` is for programs, `message` for people. */
export type SpoolErrorCode =
  | 'INVALID_REQUEST'
  | 'INVALID_ID'
  | 'INVALID_DURATION'
  | 'INVALID_RUN_AT'
  | 'SPOOL_VERSION'
  | 'SPOOL_SPLIT'
  | 'SPOOL_ACCESS'
  | 'SPOOL_FULL'
  | 'NOT_FOUND'
  | 'CONFLICT'
  | 'PARTLY_SUBMITTED'
  | 'WAIT_TIMEOUT';

export class SpoolError extends Error {
  readonly code: SpoolErrorCode;
  /** Of `PARTLY_SUBMITTED`: the ids of the jobs that were submitted all the same. */
  readonly submitted: readonly string[];

  constructor(code: SpoolErrorCode, message: string, options: ErrorOptions & { submitted?: readonly string[] } = {}) {
    super(message, options);
    this.name = 'SpoolError';
    this.code = code;
    this.submitted = options.submitted ?? [];
  }
}

/** The errno code of a failed system call, e.g. `ENOENT`; undefined for any other error. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Whether an error of the disk may pass: when somebody makes room, mounts it again or closes files. */
export const mayPass = (error: unknown): boolean => PASSING.has(errnoOf(error) ?? '');

/** Whether an error says that a disk, or somebody's share of it, is full. */
export const isFull = (error: unknown): boolean => ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '');

const PASSING = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO', 'EMFILE', 'ENFILE', 'ENOMEM', 'ESTALE']);

/** The same error, which now says of which file it is: what fails with a descriptor in hand (a write, a sync) does not say so itself. */
export function naming(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || errnoOf(error) === undefined || error.message.includes(file)) return error;
  error.message = `${error.message} '${file}'`;
  return Object.assign(error, { path: file });
}

/** Clears something away that is of no use any more. What a fault of the disk leaves of it goes when it is old (`prune`). */
export function atBest(clearAway: () => unknown): void {
  try {
    clearAway();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

/** The sentence in whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
