import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import type { Worker } from '../at-work.ts';
import type { Frame } from '../frame.ts';
import { type Html, nothing } from './html.ts';
import { progressBar } from './job-cell.ts';
import { handlerName, jobLink } from './job-link.ts';
import { stateChip } from './state-chip.ts';
import { span } from './time.ts';

/** What a runner runs now and how far it is; `idle` while it waits for work. */
export function runsNow(frame: Frame, { running, jobs, life }: Worker): Html {
  if (running.length > 0) return html`${running.map((job) => html`<div>${jobNow(frame, job)}</div>`)}`;
  // The job is being moved in this moment, or its file cannot be read.
  if (jobs.length > 0) return html`<span class="muted">a job</span>`;
  return html`<span class="muted">${life === 'alive' ? 'idle' : 'nothing'}</span>`;
}

/** For how long it has been running it. */
export function runsSince({ now }: Frame, { running }: Worker): Html {
  if (running.length === 0) return nothing;
  return html`<div>${running.map(({ startedAt }) => html`<div>${span(startedAt, undefined, now)}</div>`)}</div>`;
}

/** Whether it lives, and what it was asked for. `dead`: proven on this host. `lost`: its host went silent. */
export function lifeChip({ life, draining, stopping }: Worker): Html {
  if (life !== 'alive')
    return html`<span class="chip chip-${life === 'dead' ? 'crashed' : 'lost'}"><span aria-hidden="true">✕</span> ${life}</span>`;
  if (draining || stopping)
    return html`<span class="chip chip-retrying"><span aria-hidden="true">◌</span> ${draining ? 'draining' : 'stopping'}</span>`;
  return html`<span class="chip chip-completed"><span aria-hidden="true">✓</span> alive</span>`;
}

function jobNow(frame: Frame, job: JobStatus): Html {
  return html`${jobLink(frame, job.id)} ${handlerName(job)} ${progressBar(job)}${job.cancelling ? html` ${stateChip('cancelling')}` : nothing}`;
}
