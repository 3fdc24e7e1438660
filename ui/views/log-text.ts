import { html } from 'hono/html';
import { ansi } from '../ansi.ts';
import { shortenLines } from '../job-log.ts';
import type { Html } from './html.ts';

/** What a job printed, with its colours; the headings of attempts stand out, and can be linked to as `#attempt-2` (with a prefix: `#log-attempt-2`). */
export function logText(text: string, prefix = ''): Html {
  const parts: Html[] = [];
  const named = new Set<string>();
  let from = 0;
  for (const match of text.matchAll(HEADING)) {
    // A job may print lines that look like headings: only so many are taken for some, and a name is given once.
    if (parts.length >= 2 * MAX_HEADINGS) break;
    const id = `${prefix}attempt-${match[1]}`;
    parts.push(ansi(shortenLines(text.slice(from, match.index))), heading(match[0], named.has(id) ? undefined : id));
    named.add(id);
    from = match.index + match[0].length;
  }
  return html`${parts}${ansi(shortenLines(text.slice(from)))}`;
}

const HEADING = /^--- attempt (\d{1,9}), [^\n]{1,200} ---$/gm;
const MAX_HEADINGS = 100;

const heading = (line: string, id: string | undefined): Html =>
  id === undefined
    ? html`<strong class="log-attempt">${ansi(line)}</strong>`
    : html`<strong class="log-attempt" id="${id}"><a href="#${id}">${ansi(line)}</a></strong>`;

/** A line with what was found marked. */
export function marked(line: string, pattern: RegExp): Html {
  const parts: (Html | string)[] = [];
  let from = 0;
  for (const match of line.matchAll(pattern)) {
    parts.push(line.slice(from, match.index), html`<mark>${match[0]}</mark>`);
    from = match.index + match[0].length;
  }
  return html`${parts}${line.slice(from)}`;
}
