import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import type { Frame } from '../frame.ts';
import { inert } from '../inert.ts';
import { jobPath } from '../urls.ts';
import type { Html } from './html.ts';

/** An id as text: that of a rejected file may hold any characters. */
export const shownId = (id: string): string => inert(id, 300);

/** A job's id, as a link to its page. */
export const jobLink = ({ url }: Frame, id: string): Html => html`<a class="mono id" href="${url(jobPath(id))}">${shownId(id)}</a>`;

/** `Class.method`. */
export const handlerName = ({ class: name, method }: Pick<JobStatus, 'class' | 'method'>): string =>
  name === undefined ? '' : inert(`${name}.${method ?? 'handle'}`, 500);
