import { html } from 'hono/html';
import type { HandCommand } from '../../spool/by-hand.ts';
import type { JobStatus } from '../../spool/query.ts';
import type { Frame } from '../frame.ts';
import { inert } from '../inert.ts';
import { jsonText } from '../json-text.ts';
import { jobMark } from '../live-marks.ts';
import { maySteer } from '../steering.ts';
import { jobPath } from '../urls.ts';
import { attemptsList } from './attempts.ts';
import { type Html, nothing } from './html.ts';
import { jobActions } from './job-actions.ts';
import { errorLine, progressBar } from './job-cell.ts';
import { handlerName, shownId } from './job-link.ts';
import { type JobPolicy, policyPanel } from './job-policy.ts';
import { timeline } from './job-timeline.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';
import { stateChip } from './state-chip.ts';
import { span, time } from './time.ts';
import { type Tries, triesSentence, triesText } from './tries.ts';

/** All that is shown of a job. */
export type JobView = {
  /** Without its secrets. */
  job: JobStatus;
  tries: Tries;
  /** Undefined when it has no handler to ask. */
  policy: JobPolicy | undefined;
  byHand: HandCommand[];
  /** The file that is the job, or its line's. */
  file: string | undefined;
  /** From the signal to TERM, and from TERM to KILL; undefined when that is not known. */
  killGrace: string | undefined;
  /** What the job printed. */
  log: Html;
};

/** `/dashboard/jobs/:id`: all that is known of a job, and what can be done with it. */
export function jobPage(frame: Frame, view: JobView): Html {
  const { job, policy, log } = view;
  const body = html`${noticeBar(frame)}
<div id="live">
${head(frame, view)}
<div class="columns"><div>${facts(frame, view)}${timeline(frame, job)}</div>
<div>${jsonPanel(frame, job, 'params', 'Parameters', job.params)}${'result' in job ? jsonPanel(frame, job, 'result', 'Result', job.result) : nothing}${policy ? policyPanel(job, policy) : nothing}</div></div>
${attemptsList(frame, job)}
${handPanel(view)}
</div>
${log}`;
  return layout(frame, { title: `${job.id}, ${job.state}`, section: 'jobs', live: { view: 'job', id: job.id, drawn: jobMark(job) } }, body);
}

/** For an id that no job has. */
export function unknownJobPage(frame: Frame, id: string): Html {
  const { url } = frame;
  const body = html`${noticeBar(frame)}<section class="panel"><h1>No job of this id is known</h1>
<p>Nothing in the spool is called <code class="id">${id}</code>. It may have been deleted, or be so long over that it was removed by age (JOBSPOOL_KEEP_COMPLETED, JOBSPOOL_KEEP_FAILED), or the id has a letter wrong.</p>
<p><a class="button primary" href="${url('/dashboard/jobs', { q: `id:${beginningOf(id)}*` })}">Look for ids that begin like it</a> <a class="button" href="${url('/job-logs', { id })}">Look into the logs</a> <a class="button" href="${url('/dashboard/jobs')}">To the jobs</a></p></section>`;
  return layout(frame, { title: 'Unknown job', section: 'jobs' }, body);
}

const beginningOf = (id: string): string => /^[A-Za-z0-9._-]{0,8}/.exec(id)?.[0] ?? '';

function head(frame: Frame, { job, killGrace }: JobView): Html {
  const error = errorLine(job);
  return html`<div class="bar"><h1><span class="mono id">${shownId(job.id)}</span></h1><a class="button" href="#job-log">Log</a> ${jobActions(frame, job)}</div>
<p class="bar">${stateChip(job.state)}${job.cancelling ? html` ${stateChip('cancelling')}` : nothing} <b>${handlerName(job)}</b> <span class="muted">${sinceWhen(frame, job)}</span> ${job.state === 'running' ? progressBar(job) : nothing}</p>
${job.cancelling ? cancelling(frame, job, killGrace) : nothing}
${error === '' ? nothing : html`<p class="notice notice-${job.state === 'retrying' || job.state === 'running' ? 'warn' : 'refused'}">${cut(error)}</p>`}`;
}

const MAX_ERROR = 400;

// The attempts below have the whole of it.
const cut = (text: string): string => (text.length > MAX_ERROR ? `${text.slice(0, MAX_ERROR)}…` : text);

function sinceWhen({ now }: Frame, job: JobStatus): Html {
  switch (job.state) {
    case 'running':
      return html`for ${span(job.startedAt, undefined, now)} in <span class="mono">${job.runner ?? ''}</span>`;
    case 'scheduled':
      return html`runs ${time(job.runAt, 'ago')}`;
    case 'retrying':
      return html`runs again ${time(job.runAt, 'ago')}`;
    case 'pending':
      return html`due since ${time(job.runAt, 'ago')}; it waits for a runner`;
    default:
      return time(job.finishedAt, 'ago');
  }
}

function cancelling({ now }: Frame, { cancelRequestedAt }: JobStatus, killGrace: string | undefined): Html {
  const grace = killGrace === undefined ? 'its grace' : killGrace;
  const asked = cancelRequestedAt === undefined ? nothing : html` ${span(cancelRequestedAt, undefined, now)} ago`;
  return html`<p class="notice notice-warn">Cancellation was asked for${asked}. Its handler is told by its signal; if it still runs after ${grace}, its processes get TERM, and after ${grace} more KILL.</p>`;
}

function facts(frame: Frame, { job, tries, file }: JobView): Html {
  const { now } = frame;
  const rows: [string, Html | undefined][] = [
    ['Handler', html`${handlerName(job)}`],
    ['Priority', priority(frame, job)],
    ['Tries', html`${triesText(tries)} <span class="muted small">${triesSentence(tries)}</span>`],
    ['Put off', job.snoozes === undefined ? undefined : html`${job.snoozes} times, by itself`],
    // A rejected file says `now` as often as a time, and that was never a moment.
    ['Run at', job.state === 'rejected' ? undefined : time(job.runAt)],
    ['Accepted', job.acceptedAt === undefined ? undefined : time(job.acceptedAt)],
    ['Submitted by', job.submittedBy === undefined ? undefined : html`uid ${job.submittedBy}`],
    ['Started', job.startedAt === undefined ? undefined : time(job.startedAt)],
    ['Finished', job.finishedAt === undefined ? undefined : time(job.finishedAt)],
    ['Waited', waited(job, now)],
    ['Ran', job.startedAt === undefined || job.state === 'retrying' ? undefined : ran(job, now)],
    ['Runner', job.runner === undefined || job.runner === '' ? undefined : html`<span class="mono">${inert(job.runner, 200)}</span>`],
    ['File', file === undefined ? undefined : html`<span class="mono small">${inert(file, 4_096)}</span>`],
  ];
  return html`<section class="panel" aria-labelledby="facts"><h2 id="facts">Facts</h2>
<dl class="facts">${rows.map(([name, value]) => (value === undefined ? nothing : html`<dt>${name}</dt><dd>${value}</dd>`))}</dl></section>`;
}

// What waits was not started: its last attempt says nothing about how long this one takes.
function ran({ state, startedAt, finishedAt, attempts }: JobStatus, now: number): Html | undefined {
  if (state === 'running') return span(startedAt, undefined, now);
  const last = attempts.at(-1);
  return last ? span(last.startedAt, last.finishedAt, now) : span(startedAt, finishedAt, now);
}

/** From when it could have run first to when it did, or to now. */
function waited({ state, runAt, acceptedAt, startedAt, attempts }: JobStatus, now: number): Html | undefined {
  const first = attempts[0]?.startedAt ?? startedAt;
  const due = Math.max(Date.parse(runAt), Date.parse(acceptedAt ?? runAt));
  if (state === 'pending' && first === undefined) return span(due, undefined, now);
  // Of one that was tried before, run-at is that of the next attempt.
  return first === undefined || Date.parse(first) < due ? undefined : span(due, first, now);
}

function priority({ url, here, readOnlyBecause }: Frame, { id, state, priority: current }: JobStatus): Html {
  if (!maySteer(state, 'priority')) return html`${current}`;
  const path = url(jobPath(id, '/priority'));
  return html`<form class="action" method="post" action="${path}" hx-post="${path}" hx-target="#main" hx-select="#main" hx-swap="outerMorph"><input type="hidden" name="back" value="${here}"><input type="number" name="priority" aria-label="Priority, 1 to 10, higher runs first" min="1" max="10" required value="${current}"> <button ${readOnlyBecause ? html`disabled title="${readOnlyBecause}"` : nothing}>Change</button></form>`;
}

/** More of a value is not drawn. */
const MAX_JSON = 32_768;

function jsonPanel({ url }: Frame, { id }: JobStatus, key: string, title: string, value: unknown): Html {
  if (value === undefined) return nothing;
  const text = jsonText(value, 2);
  const rest = text.length - MAX_JSON;
  const all = url(`/api/jobs/${encodeURIComponent(id)}`);
  return html`<section class="panel" aria-labelledby="${key}"><h2 id="${key}">${title}</h2>
<pre class="code" tabindex="0" role="group" aria-labelledby="${key}">${text.slice(0, MAX_JSON)}</pre>
${rest > 0 ? html`<p class="muted">${rest} more characters are not shown. <a href="${all}">The API has them all</a></p>` : nothing}</section>`;
}

function handPanel({ byHand, file }: JobView): Html {
  if (byHand.length === 0 && file === undefined) return nothing;
  return html`<section class="panel" aria-labelledby="by-hand"><h2 id="by-hand">By hand</h2>
<p class="muted">The buttons do nothing else than these commands.</p>
<dl class="facts">${byHand.map(({ does, command }) => html`<dt>${does}</dt><dd><pre class="code" tabindex="0">${command}</pre></dd>`)}</dl></section>`;
}
