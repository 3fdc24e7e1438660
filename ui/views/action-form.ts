import { html } from 'hono/html';
import type { Frame } from '../frame.ts';
import type { Html } from './html.ts';

export type Button = {
  /** The path that is posted to, without the base path. */
  path: string;
  text: string;
  /** Read to those who do not see what the button stands beside: `Cancel job report-1`. */
  label?: string | undefined;
  /** Sent along. */
  fields?: Record<string, string>;
  danger?: boolean;
  /** The key that presses it, upper case. */
  key?: string;
};

/**
 * A form of one button. It works without JavaScript; with it the answer, which is the page it leads back to, is morphed in. The path
 * `back` (default: this page) comes next.
 */
export function actionForm(frame: Frame, { path, text, label, fields = {}, danger, key }: Button, back = frame.here): Html {
  const { url, readOnlyBecause } = frame;
  const hidden = Object.entries({ back, ...fields }).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`);
  return html`<form class="action" method="post" action="${url(path)}" hx-post="${url(path)}" hx-target="#main" hx-select="#main" hx-swap="outerMorph">${hidden}<button class="${danger ? 'danger' : ''}" ${label ? html`aria-label="${label}"` : ''} ${key ? html`data-key="${key}"` : ''} ${
    readOnlyBecause ? html`disabled title="${readOnlyBecause}"` : ''
  }>${text}</button></form>`;
}
