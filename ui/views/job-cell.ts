import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import { stripAnsi } from '../ansi.ts';
import { jsonText } from '../json-text.ts';
import type { Html } from './html.ts';
import { nothing } from './html.ts';

const MAX_PREVIEW = 80;

/** The beginning of a job's parameters, on one line; empty where it has none. */
export function paramsPreview({ params }: Pick<JobStatus, 'params'>): string {
  const text = jsonText(params);
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
  if (reason !== undefined) return shortened(reason, MAX_ERROR_LINE);
  return error && state !== 'completed' ? shortened(`${error.name}: ${error.message}`, MAX_ERROR_LINE) : '';
}

const MAX_ERROR_LINE = 1_000;

/** The beginning of a text that a job or a producer wrote, inert. */
export const shortened = (text: string, max: number): string => stripAnsi(text.length > max ? `${text.slice(0, max)}…` : text);
