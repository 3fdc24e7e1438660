import { html } from 'hono/html';
import { stripAnsi } from '../ansi.ts';
import type { Frame } from '../frame.ts';
import { type Html, nothing } from './html.ts';

/** What the last action did; stands first in a page's body. */
export function noticeBar({ notice, url }: Frame): Html {
  if (!notice) return nothing;
  const link = notice.link ? html` <a href="${url(notice.link.path)}">${notice.link.text}</a>` : '';
  return html`<p class="notice notice-${notice.kind}" role="status">${stripAnsi(notice.text)}${link}</p>`;
}
