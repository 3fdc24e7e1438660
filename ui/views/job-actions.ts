import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import type { State } from '../../spool/state.ts';
import type { Frame } from '../frame.ts';
import { maySteer, type SteerAction } from '../steering.ts';
import { jobPath } from '../urls.ts';
import { actionForm } from './action-form.ts';
import { type Html, nothing } from './html.ts';

/** The word on the button. */
export const ACTION_WORD: Record<SteerAction, string> = {
  cancel: 'Cancel',
  retry: 'Retry',
  'run-now': 'Run now',
  delete: 'Delete',
  priority: 'Set priority',
};

/** What a row offers, in its order; all that a state allows beside is on the job's own page. */
const IN_ROW: Record<State, readonly SteerAction[]> = {
  running: ['cancel'],
  scheduled: ['run-now', 'cancel'],
  pending: ['cancel'],
  retrying: ['run-now', 'cancel'],
  failed: ['retry', 'delete'],
  cancelled: ['retry', 'delete'],
  rejected: ['retry', 'delete'],
  completed: [],
};

/** The buttons of a job in a list. */
export function rowActions(frame: Frame, job: JobStatus): Html {
  const offered = IN_ROW[job.state].filter((action) => maySteer(job.state, action) && !(action === 'cancel' && job.cancelling));
  return html`${offered.map((action) => html`${jobAction(frame, job, action, frame.here, KEY[action])} `)}`;
}

const IN_HEAD: readonly SteerAction[] = ['cancel', 'retry', 'run-now', 'delete'];
const KEY: Partial<Record<SteerAction, string>> = { cancel: 'C', retry: 'R', 'run-now': 'U', delete: 'D' };

/** The buttons of a job on its own page. After it is deleted there is no such page: the way leads to the list. */
export function jobActions(frame: Frame, job: JobStatus): Html {
  const { url } = frame;
  const offered = IN_HEAD.filter((action) => maySteer(job.state, action) && !(action === 'cancel' && job.cancelling));
  const list = `/dashboard/jobs?state=${job.state}`;
  return html`${offered.map((action) => html`${jobAction(frame, job, action, action === 'delete' ? list : frame.here, KEY[action])} `)}<a class="button" href="${url('/dashboard/enqueue', { from: job.id })}">Duplicate…</a>`;
}

/** One button; deleting is asked about first. */
function jobAction(frame: Frame, { id, state }: JobStatus, action: SteerAction, back: string, key?: string): Html {
  const text = ACTION_WORD[action];
  const label = `${text} job ${id}`;
  if (action !== 'delete') {
    return actionForm(frame, { path: jobPath(id, `/${action}`), text, label, danger: action === 'cancel', ...(key ? { key } : {}) }, back);
  }
  const { url, readOnlyBecause } = frame;
  if (readOnlyBecause) return html`<button class="danger" aria-label="${label}" disabled title="${readOnlyBecause}">${text}…</button>`;
  // An id may be in use again: what is deleted is the job that stands here.
  const href = url(jobPath(id, '/delete'), { back, seen: state });
  return html`<a class="button danger confirm" href="${href}" aria-label="${label}" ${key ? html`data-key="${key}"` : nothing}>${text}…</a>`;
}
