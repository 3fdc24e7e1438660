import { html } from 'hono/html';
import type { Bucket, Counts, Percentiles } from '../../spool/catalog.ts';
import { formatDuration } from '../../spool/duration.ts';
import type { JobStatus } from '../../spool/query.ts';
import type { State } from '../../spool/state.ts';
import type { Worker } from '../at-work.ts';
import type { Concern } from '../attention.ts';
import type { FirstJob } from '../first-job.ts';
import type { Frame } from '../frame.ts';
import { throughputChart } from './chart.ts';
import { byteSize, counted, figure, share } from './figures.ts';
import { waysToEnqueue } from './first-job.ts';
import { type Html, nothing } from './html.ts';
import { errorLine } from './job-cell.ts';
import { handlerName, jobLink } from './job-link.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';
import { time } from './time.ts';
import { lifeChip, runsNow, runsSince } from './workers.ts';

/** All that the overview shows. Times in milliseconds. */
export type Overview = {
  counts: Counts;
  concerns: Concern[];
  workers: Worker[];
  /** A bar for each minute of the last hour, and one for each hour of the last day. */
  hour: Bucket[];
  day: Bucket[];
  /** Of the last hour. */
  timings: { wait: Percentiles; run: Percentiles };
  oldestPendingMs: number | undefined;
  freeBytes: number;
  lastFailed: JobStatus[];
  /** How to begin, while the spool is empty. `undefined`: it is not. */
  begin: { firstJob: FirstJob | undefined } | undefined;
};

/** `/dashboard`: whether all is well, at a glance. */
export function overviewPage(frame: Frame, overview: Overview): Html {
  const { begin, lastFailed } = overview;
  const body = html`${noticeBar(frame)}
<div id="live">
<h1>Overview</h1>
${verdict(frame, overview)}
${tiles(frame, overview.counts)}
${begin ? beginning(frame, begin.firstJob) : charts(overview)}
<div class="columns">${begin ? nothing : facts(overview)}${runners(frame, overview.workers)}</div>
${begin || lastFailed.length === 0 ? nothing : lastFailures(frame, lastFailed)}
</div>`;
  return layout(frame, { title: 'Overview', section: 'overview', live: { view: 'overview' } }, body);
}

/** How things are, in one sentence; where something needs attention, what it is and where to act. */
function verdict({ url }: Frame, { concerns, workers, counts }: Overview): Html {
  if (concerns.length > 0) {
    return html`<section class="panel" aria-labelledby="verdict"><h2 id="verdict">${counted(concerns.length, 'thing needs', 'things need')} attention</h2>
<ul class="attention">${concerns.map(({ text, link }) => html`<li>${text} <a href="${url(link.path, link.query)}">${link.text}</a></li>`)}</ul></section>`;
  }
  const alive = workers.filter(({ kind, life }) => kind === 'runner' && life === 'alive').length;
  const due = counts.pending === 0 ? 'nothing that is due waits' : `${counted(counts.pending, 'job is', 'jobs are')} due`;
  return html`<p class="notice notice-done" id="verdict"><strong>All is well.</strong> ${counted(alive, 'runner is', 'runners are')} alive, ${counted(counts.running, 'job runs', 'jobs run')}, ${due}.</p>`;
}

const TILES = ['running', 'pending', 'scheduled', 'retrying', 'failed', 'completed', 'cancelled', 'rejected'] as const satisfies State[];

function tiles({ url }: Frame, counts: Counts): Html {
  return html`<nav aria-label="Jobs by state"><ul class="tiles">${TILES.map(
    (state) =>
      html`<li><a class="tile" href="${url('/dashboard/jobs', { state })}"><b>${figure(counts[state])}</b><span>${state}</span></a></li>`,
  )}</ul></nav>`;
}

function charts({ hour, day }: Overview): Html {
  return html`<div class="columns">
${throughputChart({ id: 'hour', title: 'Jobs per minute, last hour', unit: 'minute', buckets: hour })}
${throughputChart({ id: 'day', title: 'Jobs per hour, last day', unit: 'hour', buckets: day })}
</div>`;
}

function facts({ hour, timings, oldestPendingMs, freeBytes }: Overview): Html {
  const completed = hour.reduce((sum, bucket) => sum + bucket.completed, 0);
  const failed = hour.reduce((sum, bucket) => sum + bucket.failed, 0);
  const success = share(completed, completed + failed);
  return html`<section class="panel" aria-labelledby="in-figures">
<h2 id="in-figures">In figures</h2>
<dl class="facts">
<dt>Completed, last hour</dt><dd>${figure(completed)}${success ? html` <span class="muted">(${success} of all that ended)</span>` : nothing}</dd>
<dt>Failed, last hour</dt><dd>${figure(failed)}</dd>
<dt>Wait, last hour</dt><dd>${percentiles(timings.wait)}</dd>
<dt>Run time, last hour</dt><dd>${percentiles(timings.run)}</dd>
<dt>Oldest due job</dt><dd>${oldestPendingMs === undefined ? 'none is due' : `has waited ${formatDuration(oldestPendingMs)}`}</dd>
<dt>Disk free</dt><dd>${byteSize(freeBytes)}</dd>
</dl>
</section>`;
}

function percentiles({ p50, p95 }: Percentiles): Html {
  if (p50 === undefined || p95 === undefined) return html`<span class="muted">nothing completed</span>`;
  return html`${formatDuration(p50)} median, 95% within ${formatDuration(p95)}`;
}

/** So many are shown here; the page of runners has them all. */
const MAX_RUNNERS = 12;

function runners(frame: Frame, workers: Worker[]): Html {
  const all = workers.filter(({ kind, life, jobs }) => kind !== 'dispatcher' && kind !== 'tool' && (life === 'alive' || jobs.length > 0));
  if (all.length === 0) return nothing;
  // Those that work come first, so that the table's end is what matters least.
  const shown = all.toSorted((a, b) => Number(b.jobs.length > 0) - Number(a.jobs.length > 0)).slice(0, MAX_RUNNERS);
  const path = frame.url('/dashboard/runners');
  return html`<section class="panel" aria-labelledby="runners">
<h2 id="runners"><a href="${path}">Runners</a></h2>
<div class="scroll" tabindex="0" role="region" aria-label="Table of runners"><table class="list">
<caption class="visually-hidden">Runners and what each runs now</caption>
<thead><tr><th scope="col">Runner</th><th scope="col">State</th><th scope="col">Runs now</th><th scope="col" class="num">For</th></tr></thead>
<tbody>${shown.map((worker) => runnerRow(frame, worker))}</tbody>
</table></div>
${all.length > shown.length ? html`<p class="small muted"><a href="${path}">${counted(all.length - shown.length, 'more runner')}</a></p>` : nothing}
</section>`;
}

function runnerRow(frame: Frame, worker: Worker): Html {
  return html`<tr id="runner-${worker.slot}"><th scope="row" class="nowrap" data-label="Runner"><span class="mono">${worker.slot}</span></th><td data-label="State">${lifeChip(worker)}</td><td data-label="Runs now"><div>${runsNow(frame, worker)}</div></td><td class="num nowrap" data-label="For">${runsSince(frame, worker)}</td></tr>`;
}

function lastFailures(frame: Frame, failed: JobStatus[]): Html {
  const { url } = frame;
  return html`<section class="panel" aria-labelledby="last-failures">
<h2 id="last-failures"><a href="${url('/dashboard/jobs', { state: 'failed' })}">Last failures</a></h2>
<div class="scroll" tabindex="0" role="region" aria-label="Table of the last failures"><table class="list">
<caption class="visually-hidden">The last jobs that failed</caption>
<thead><tr><th scope="col">Job</th><th scope="col">Handler</th><th scope="col">Error</th><th scope="col" class="num">Failed</th></tr></thead>
<tbody>${failed.map((job) => failedRow(frame, job))}</tbody>
</table></div>
</section>`;
}

function failedRow(frame: Frame, job: JobStatus): Html {
  const error = errorLine(job);
  return html`<tr id="job-${job.id}"><td data-label="Job">${jobLink(frame, job.id)}</td><td data-label="Handler">${handlerName(job)}</td><td class="error" data-label="Error" title="${error}">${error}</td><td class="num nowrap" data-label="Failed">${time(job.finishedAt, 'ago')}</td></tr>`;
}

function beginning({ url }: Frame, firstJob: FirstJob | undefined): Html {
  if (!firstJob) {
    return html`<section class="panel"><h2>Begin</h2><p>The spool is empty, and no handler is on the allow-list: nothing may run yet. <a href="${url('/dashboard/settings')}">Settings</a> say where the list is.</p></section>`;
  }
  return html`<section class="panel" aria-labelledby="begin">
<h2 id="begin">The first job</h2>
<p>The spool is empty. Charts and lists come with the first jobs; here is one to try, of what is allowed here: <b>${firstJob.class}.${firstJob.method}</b>.</p>
${waysToEnqueue(firstJob)}
<p><a class="button primary" href="${url('/dashboard/enqueue', { handler: `${firstJob.class}.${firstJob.method}` })}">Enqueue it here</a></p>
</section>`;
}
