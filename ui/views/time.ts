import { html } from 'hono/html';
import { formatDuration } from '../../spool/duration.ts';
import { type Html, nothing } from './html.ts';

/** A moment, ISO 8601 or milliseconds. The browser shows it in its own time, as `5m ago` where `style` is `ago`; without JavaScript it is UTC. */
export function time(at: string | number | undefined, style: 'clock' | 'ago' = 'clock'): Html {
  const ms = msOf(at);
  if (ms === undefined) return nothing;
  const iso = new Date(ms).toISOString();
  const utc = `${iso.slice(0, 19).replace('T', ' ')} UTC`;
  return html`<time datetime="${iso}" data-style="${style}" title="${utc}">${utc}</time>`;
}

/** How long it took, or is taking: without an end the browser counts on. */
export function span(from: string | number | undefined, to: string | number | undefined, now: number): Html {
  const start = msOf(from);
  if (start === undefined) return nothing;
  const end = to === undefined ? undefined : msOf(to);
  if (end === undefined) {
    return html`<time datetime="${new Date(start).toISOString()}" data-style="since">${formatDuration(Math.max(0, now - start))}</time>`;
  }
  return html`${formatDuration(Math.max(0, end - start))}`;
}

const LATEST_MS = 8.64e15;

// Files of others may say anything: what is no moment is not shown.
function msOf(at: string | number | undefined): number | undefined {
  const ms = typeof at === 'number' ? at : Date.parse(at ?? '');
  return Math.abs(ms) <= LATEST_MS ? ms : undefined;
}
