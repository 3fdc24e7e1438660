/**
 * The states of a job. A job's state is the folder its file is in; `scheduled` is `pending` with a run-at that has not
 * come yet. Each comment says who moves the job on, and what a crash leaves.
 */
export const STATES = [
  /** In `pending/`, run-at in the future. The dispatcher waits for its time. */
  'scheduled',
  /** In `pending/`, due. A runner claims it. */
  'pending',
  /** In `running/<slot>/`. Its runner settles it; if the runner dies, a dispatcher rescues it. */
  'running',
  /** In `retrying/` until the run-at of its next attempt. A runner claims it. */
  'retrying',
  /** A line in the ledger. Final. */
  'completed',
  /** In `failed/`: no attempt is left, or the failure is permanent. Final until somebody retries it. */
  'failed',
  /** In `cancelled/`. Final until somebody retries it. */
  'cancelled',
  /** In `rejected/`, with its reason beside it: it never became a job, or nothing on the allow-list may run it. */
  'rejected',
] as const;

export type State = (typeof STATES)[number];

/** States that nothing but a person changes. */
export const FINAL_STATES = ['completed', 'failed', 'cancelled', 'rejected'] as const satisfies State[];
export type FinalState = (typeof FINAL_STATES)[number];

export const isFinal = (state: State): state is FinalState => (FINAL_STATES as readonly State[]).includes(state);

/** What can be asked of a job, and by which states it is allowed. */
export const ACTIONS = {
  cancel: ['scheduled', 'pending', 'running', 'retrying'],
  /** Anew, with a whole budget. */
  retry: ['failed', 'cancelled', 'rejected'],
  /** Without waiting for its time. */
  'run-now': ['scheduled', 'retrying'],
  /** Another priority. */
  priority: ['scheduled', 'pending', 'retrying'],
  remove: ['scheduled', 'pending', 'retrying', 'failed', 'cancelled', 'rejected'],
} as const satisfies Record<string, readonly State[]>;

export type Action = keyof typeof ACTIONS;

export const allows = (state: State, action: Action): boolean => (ACTIONS[action] as readonly State[]).includes(state);
