import { html } from 'hono/html';
import { durationMs } from '../../spool/duration.ts';
import type { JobStatus } from '../../spool/query.ts';
import { isFinal } from '../../spool/state.ts';
import type { Dashboard } from '../dashboard.ts';
import type { Frame } from '../frame.ts';
import { type LogWindow, logEnd } from '../job-log.ts';
import { jobMark } from '../live-marks.ts';
import { type FoundLine, type LogSearch, plainText } from '../search-job-log.ts';
import { jobPath, type Query } from '../urls.ts';
import { byteSize, counted, figure } from './figures.ts';
import { type Html, nothing } from './html.ts';
import { handlerName, jobLink } from './job-link.ts';
import { layout } from './layout.ts';
import { logText, marked } from './log-text.ts';
import { noticeBar } from './notice.ts';
import { stateChip } from './state-chip.ts';

/** The end of its log, for a job's page: outside `#live`, because new lines are appended to it. */
export function jobLogSection(frame: Frame, dashboard: Dashboard, job: JobStatus): Html {
  const log = logEnd(dashboard.spool, job.id, SECTION_LINES, SECTION_BYTES);
  const whole = frame.url(jobPath(job.id, '/log'));
  const links = log
    ? html`<a class="button" href="${whole}">All of it</a><a class="button" href="${frame.url(jobPath(job.id, '/log.txt'))}">Download</a>`
    : nothing;
  return html`<section class="panel" id="job-log" aria-labelledby="job-log-heading">
<div class="bar"><h2 id="job-log-heading">Log</h2>${isFinal(job.state) ? nothing : follow}${links}</div>
${log && log.from > 0 ? html`<p class="muted small">The end of ${byteSize(log.size)}. What was printed before is under <a href="${whole}">all of it</a>.</p>` : nothing}
${logPane(log, whyNothing(dashboard, job, frame.now), 'log-')}
${log ? searchBox(frame, job.id, '') : nothing}
</section>`;
}

const SECTION_LINES = 200;
const SECTION_BYTES = 65_536;

/** Shown by the script, which does the following. */
const follow = html`<button type="button" id="follow" aria-pressed="true" hidden>Follow</button>`;

// Without any text in it, so that it is `:empty` until something is printed.
const logPane = (log: LogWindow | undefined, why: string, prefix: string): Html =>
  html`<pre class="log" id="log" data-from="${log?.to ?? 0}" role="log" aria-live="off" aria-label="What the job printed" tabindex="0">${logText(log?.text ?? '', prefix)}</pre><p class="log-nothing muted">${why}</p>`;

function whyNothing({ settings }: Dashboard, job: JobStatus, now: number): string {
  if (job.state === 'running') return 'It has printed nothing so far.';
  if (job.attempts.length === 0 && job.startedAt === undefined)
    return job.state === 'rejected' ? 'It never ran: there is no log.' : 'It has not started yet.';
  const kept = settings.find(({ name }) => name === 'JOBSPOOL_KEEP_LOGS')?.value;
  const isOld = Date.parse(job.finishedAt ?? '') < now - (durationMs(kept) ?? Number.POSITIVE_INFINITY);
  return isOld
    ? `It printed nothing, or its log was removed: logs are kept for ${kept}.`
    : 'It has printed nothing, or its log was cleared.';
}

/** A job's log on a page of its own. `isEnd`: the window is the log's end, and new lines are appended to it. */
export type JobLogPage = { id: string; job: JobStatus | undefined; log: LogWindow; isEnd: boolean; limit: number | undefined };

/** `/dashboard/jobs/:id/log`: a part of a log, and the ways to the others. */
export function jobLogPage(frame: Frame, page: JobLogPage): Html {
  const { id, job, log, isEnd } = page;
  const isLive = isEnd && job !== undefined && !isFinal(job.state);
  const pane = isLive
    ? logPane(log, '', '')
    : html`<pre class="log" id="log" aria-label="A part of the log" role="region" tabindex="0">${log.beginsMidLine ? '… ' : nothing}${logText(log.text)}</pre>`;
  const body = html`${head(frame, page, isLive)}
${searchBox(frame, id, '')}
${pane}
${pager(frame, page)}`;
  return layout(
    frame,
    { title: `Log of ${id}`, section: 'jobs', live: isLive ? { view: 'job', id, drawn: jobMark(job) } : undefined },
    body,
  );
}

/** The same with nothing in it: the job has no log. */
export function emptyLogPage(frame: Frame, dashboard: Dashboard, job: JobStatus): Html {
  const body = html`${head(frame, { id: job.id, job, log: undefined }, false)}
<p class="empty">${whyNothing(dashboard, job, frame.now)}</p>`;
  return layout(frame, { title: `Log of ${job.id}`, section: 'jobs' }, body);
}

/** `/dashboard/jobs/:id/log?q=`: the lines that were found. */
export function logSearchPage(
  frame: Frame,
  { id, job, q, found }: { id: string; job: JobStatus | undefined; q: string; found: LogSearch },
): Html {
  const pattern = plainText(q);
  const body = html`${head(frame, { id, job, log: found }, false)}
${searchBox(frame, id, q)}
${summary(frame, id, q, found)}
${found.groups.map((group) => foundGroup(frame, id, group, pattern))}
${found.stopped && found.groups.length > 0 ? html`<nav class="pager" aria-label="Further">${goOn(frame, id, q, found)}</nav>` : nothing}`;
  return layout(frame, { title: `“${q}” in the log of ${id}`, section: 'jobs' }, body);
}

function head(
  frame: Frame,
  { id, job, log }: { id: string; job: JobStatus | undefined; log: { size: number } | undefined },
  isLive: boolean,
): Html {
  const download = html`<a class="button" href="${frame.url(jobPath(id, '/log.txt'))}">Download</a>`;
  const state = job ? html`${stateChip(job.state)} ${handlerName(job)}` : html`The job itself is not known any more.`;
  return html`${noticeBar(frame)}
<div class="bar"><h1>Log of ${jobLink(frame, id)}</h1>${isLive ? follow : nothing}${log ? download : nothing}</div>
<div id="live"><p class="muted">${state}${log ? html` · ${byteSize(log.size)}` : nothing}</p></div>`;
}

function searchBox({ url }: Frame, id: string, q: string): Html {
  const clear = html`<a class="button" href="${url(jobPath(id, '/log'))}">Clear</a>`;
  return html`<search><form class="bar" method="get" action="${url(jobPath(id, '/log'))}"><label class="visually-hidden" for="log-q">Search the log</label><input type="search" id="log-q" name="q" value="${q}" maxlength="200" required placeholder="Text in the log" autocomplete="off" spellcheck="false"><button>Search the log</button>${q === '' ? nothing : clear}</form></search>`;
}

function pager({ url }: Frame, { id, log, isEnd, limit }: JobLogPage): Html {
  const { from, to, size } = log;
  const link = (text: string, query: Query, key?: string) =>
    html`<a class="button" ${key ? html`data-key="${key}"` : nothing} href="${url(jobPath(id, '/log'), { ...query, limit })}">${text}</a>`;
  const where =
    from === 0 && to === size ? `All of it: ${counted(size, 'byte')}` : `Bytes ${figure(from)} to ${figure(to)} of ${figure(size)}`;
  return html`<nav class="pager" aria-label="Parts of the log">${from > 0 ? html`${link('Beginning', { from: 0 })}${link('Older', { before: from }, ',')}` : nothing}${
    to < size ? link('Newer', { from: to }, '.') : nothing
  }${isEnd ? nothing : link('End', {})}<span class="muted">${where}</span></nav>`;
}

function summary(frame: Frame, id: string, q: string, found: LogSearch): Html {
  const { hits, from, to, size, stopped } = found;
  const lines = counted(hits, 'line');
  const span = from === 0 ? `the first ${byteSize(to)}` : `bytes ${figure(from)} to ${figure(to)}`;
  if (stopped === undefined) {
    const where = from === 0 ? 'all of the log' : `the log from byte ${figure(from)} on`;
    return html`<p>${hits === 0 ? `No line has “${q}”` : `${lines} with “${q}”`}: ${where} was searched.</p>`;
  }
  const why = stopped === 'hits' ? `${lines} with “${q}” found` : `${hits === 0 ? 'No line' : lines} with “${q}” found so far`;
  return html`<p>${why}: the search looked at ${span} of ${byteSize(size)} and stopped there. ${goOn(frame, id, q, found)}</p>`;
}

const goOn = ({ url }: Frame, id: string, q: string, { to }: LogSearch): Html =>
  html`<a class="button" rel="next" href="${url(jobPath(id, '/log'), { q, from: to })}">Go on searching</a>`;

function foundGroup({ url }: Frame, id: string, group: FoundLine[], pattern: RegExp): Html {
  const start = group[0]?.start ?? 0;
  const lines = group.map(({ text, isHit }) => html`${isHit ? marked(text, pattern) : text}\n`);
  return html`<h2 class="small"><a href="${url(jobPath(id, '/log'), { from: start })}">Byte ${figure(start)}</a></h2><pre class="code" tabindex="0">${lines}</pre>`;
}
