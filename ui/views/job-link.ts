import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import type { Frame } from '../frame.ts';
import { jobPath } from '../urls.ts';
import type { Html } from './html.ts';

/** A job's id, as a link to its page. */
export const jobLink = ({ url }: Frame, id: string): Html => html`<a class="mono id" href="${url(jobPath(id))}">${id}</a>`;

/** `Class.method`. */
export const handlerName = ({ class: name, method }: Pick<JobStatus, 'class' | 'method'>): string =>
  name === undefined ? '' : `${name}.${method ?? 'handle'}`;
