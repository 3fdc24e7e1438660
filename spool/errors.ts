/** Why a spool operation could not be done; `code` is for programs, `message` for people. */
export type SpoolErrorCode =
  | 'INVALID_REQUEST'
  | 'INVALID_ID'
  | 'INVALID_DURATION'
  | 'INVALID_RUN_AT'
  | 'SPOOL_VERSION'
  | 'SPOOL_SPLIT'
  | 'SPOOL_ACCESS'
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

/** The sentence in whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
