import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import type { Html } from './html.ts';
import { nothing } from './html.ts';

const MAX_PREVIEW = 80;

/** The beginning of a job's parameters, on one line; empty where it has none. */
export function paramsPreview({ params }: Pick<JobStatus, 'params'>): string {
  const text = params === undefined ? '' : (JSON.stringify(params) ?? '');
  if (text === '[]' || text === '{}') return '';
  return text.length > MAX_PREVIEW ? `${text.slice(0, MAX_PREVIEW - 1)}…` : text;
}

/** How far a running job is, where it says so. */
export function progressBar({ id, progress }: JobStatus): Html {
  if (progress === undefined) return nothing;
  return html`<progress max="100" value="${progress}" aria-label="Progress of job ${id}"></progress> ${Math.round(progress)}%`;
}

/** What went wrong, in one line: the error of the last attempt, or why it was rejected. */
export function errorLine({ error, reason, state }: JobStatus): string {
  if (reason !== undefined) return reason;
  return error && state !== 'completed' ? `${error.name}: ${error.message}` : '';
}
