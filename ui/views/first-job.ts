import { html } from 'hono/html';
import type { FirstJob } from '../first-job.ts';
import type { Html } from './html.ts';

/** The ways to enqueue a first job, as lines to copy. */
export const waysToEnqueue = ({ shell, command, program }: FirstJob): Html => html`
${lines('By a shell, or any program that renames a file', shell)}
${lines('With the command line', command)}
${lines('From TypeScript', program)}`;

const lines = (
  title: string,
  text: string,
): Html => html`<div class="bar"><h3>${title}</h3><button type="button" data-copy="${text}" aria-label="Copy: ${title}">Copy</button></div>
<pre class="code" tabindex="0">${text}</pre>`;
