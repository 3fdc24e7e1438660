import { html } from 'hono/html';
import type { Attempt } from '../../spool/attempt.ts';
import type { JobStatus } from '../../spool/query.ts';
import type { Frame } from '../frame.ts';
import { inert } from '../inert.ts';
import { counted } from './figures.ts';
import { type Html, nothing } from './html.ts';
import { shortened } from './job-cell.ts';
import { stateChip } from './state-chip.ts';
import { span, time } from './time.ts';

/** A job may have hundreds: so many are shown with their errors. */
const SHOWN = 20;
/** As much as is kept of what a handler threw; a file of somebody else's may say more. */
const MAX_TEXT = 16_384;

/** The attempts of a job, newest first: how each ended, when, where and why. The one that runs now stands above them. */
export function attemptsList(frame: Frame, job: JobStatus): Html {
  const { attempts } = job;
  const shown = attempts.slice(-SHOWN).reverse();
  const hidden = attempts.length - shown.length;
  const isRunning = job.state === 'running';
  if (shown.length === 0 && !isRunning) return nothing;
  return html`<section class="panel" aria-labelledby="attempts">
<h2 id="attempts">Attempts</h2>
<ol class="attempts">${isRunning ? runningAttempt(frame, job) : nothing}${shown.map((attempt) => ended(frame, attempt))}</ol>
${hidden > 0 ? html`<p class="muted">${counted(hidden, 'earlier attempt')} not shown; <a href="${frame.url(`/api/jobs/${encodeURIComponent(job.id)}`)}">the API</a> and the job's file have them all.</p>` : nothing}
</section>`;
}

function runningAttempt({ now }: Frame, { attempts, startedAt, runner, cancelling }: JobStatus): Html {
  return html`<li id="attempt-${attempts.length + 1}" value="${attempts.length + 1}"><div class="bar">${stateChip(cancelling ? 'cancelling' : 'running')} <span>for ${span(startedAt, undefined, now)}</span> <span class="muted">since ${time(startedAt)} in <span class="mono">${runner ?? ''}</span></span></div></li>`;
}

function ended({ now }: Frame, { number, outcome, startedAt, finishedAt, runner, error }: Attempt): Html {
  const stack = error?.stack;
  return html`<li id="attempt-${number}" value="${number}"><div class="bar">${stateChip(outcome)} <span>after ${span(startedAt, finishedAt, now)}</span> <span class="muted">began ${time(startedAt)} in <span class="mono">${inert(runner, 200)}</span></span></div>
${error ? html`<p class="attempt-error"><b>${shortened(error.name, 200)}</b>: ${shortened(error.message, MAX_TEXT)}</p>` : nothing}
${stack ? html`<details><summary>Stack of attempt ${number}</summary><pre class="code" tabindex="0">${shortened(stack, MAX_TEXT)}</pre></details>` : nothing}</li>`;
}
