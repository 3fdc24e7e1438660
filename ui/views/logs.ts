import { html } from 'hono/html';
import { isId } from '../../spool/filename.ts';
import { ansi, stripAnsi } from '../ansi.ts';
import type { Frame } from '../frame.ts';
import { LEVELS, LOGS, type LogFilter, type LogLine, type LogName, type LogPage } from '../service-log.ts';
import { jobPath, type Query } from '../urls.ts';
import { actionForm } from './action-form.ts';
import { byteSize, counted } from './figures.ts';
import { type Html, nothing } from './html.ts';
import { jobLink } from './job-link.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';
import { time } from './time.ts';

/** What is shown of the service's logs. */
export type LogsView = {
  log: LogName;
  filter: LogFilter;
  before: string | undefined;
  page: LogPage;
  /** The sizes of both logs in bytes, files of earlier days included. */
  sizes: Record<LogName, number>;
  /** Class names to suggest. */
  classes: string[];
};

/** `/job-logs`: the service's logs, newest first. */
export function logsPage(frame: Frame, view: LogsView): Html {
  const { log, before, page } = view;
  const isFirst = before === undefined || page.isLost;
  const body = html`${noticeBar(frame)}
<div class="bar"><h1>Logs</h1>${actions(frame, view)}</div>
${filterForm(frame, view)}
<div id="live">
${tabs(frame, view)}
${page.isLost ? html`<p class="notice notice-warn">The lines before these are gone: the log was cleared, or they were too old. These are the newest.</p>` : nothing}
${page.lines.length === 0 ? nobody(frame, view) : table(frame, view)}
${pager(frame, view, isFirst)}
</div>`;
  return layout(frame, { title: NAME[log], section: 'logs', live: isFirst ? { view: 'logs', log } : undefined }, body);
}

/** What stands between the button that clears a log and its doing so. Its section also stands alone, in a dialog. */
export function clearConfirmation(frame: Frame, { log, bytes, rotated }: { log: LogName; bytes: number; rotated: number }): Html {
  const back = `/job-logs?log=${log}`;
  const files = rotated === 0 ? '' : `, and ${counted(rotated, 'file')} of earlier days removed`;
  const body = html`<section id="confirm" class="panel">
<h1>Clear the ${log} log?</h1>
<p>${byteSize(bytes)} of it are emptied${files}, for good. What is written meanwhile stays, and the ${log === 'events' ? 'first line says' : 'events log says'} who cleared it. Jobs and their own logs are not touched.</p>
<div class="bar">${actionForm(frame, { path: '/job-logs/clear', text: `Clear the ${log} log`, danger: true, fields: { log } }, back)}<a class="button cancel" href="${frame.url('/job-logs', { log })}" data-close>Keep it</a></div>
</section>`;
  return layout(frame, { title: `Clear the ${log} log`, section: 'logs' }, body);
}

const NAME: Record<LogName, string> = { events: 'Events log', errors: 'Errors log' };

const queryOf = ({ log, filter }: Pick<LogsView, 'log' | 'filter'>): Query => ({ log: log === 'events' ? undefined : log, ...filter });

const isFiltered = ({ filter }: LogsView): boolean => Object.values(filter).some((value) => value !== undefined);

function actions({ url, readOnlyBecause }: Frame, { log, sizes }: LogsView): Html {
  if (sizes[log] === 0) return nothing;
  const download = html`<a class="button" href="${url('/job-logs/download', { log })}">Download today’s file</a>`;
  if (readOnlyBecause) return html`${download}<button class="danger" disabled title="${readOnlyBecause}">Clear…</button>`;
  return html`${download}<a class="button danger confirm" href="${url('/job-logs/clear', { log })}">Clear…</a>`;
}

function tabs({ url }: Frame, view: LogsView): Html {
  return html`<nav class="tabs" aria-label="Logs"><ul>${LOGS.map(
    (log) =>
      html`<li><a href="${url('/job-logs', queryOf({ log, filter: view.filter }))}" ${log === view.log ? html`aria-current="page"` : nothing}>${NAME[log]} <span class="count">${byteSize(view.sizes[log])}</span></a></li>`,
  )}</ul></nav>`;
}

function filterForm({ url }: Frame, view: LogsView): Html {
  const { log, filter, classes } = view;
  const levels = LEVELS.slice(0, -1).map(
    (level) =>
      html`<option value="${level}" ${filter.level === level ? html`selected` : nothing}>${level === 'error' ? 'error' : `${level} and worse`}</option>`,
  );
  return html`<search><form class="bar" method="get" action="${url('/job-logs')}"><input type="hidden" name="log" value="${log}">
<label class="visually-hidden" for="log-level">Level</label><select id="log-level" name="level"><option value="">every level</option>${levels}</select>
<label class="visually-hidden" for="log-class">Class</label><input id="log-class" name="class" value="${filter.class ?? ''}" list="log-classes" maxlength="200" placeholder="Class" autocomplete="off" spellcheck="false">
<datalist id="log-classes">${classes.map((name) => html`<option value="${name}"></option>`)}</datalist>
<label class="visually-hidden" for="log-id">Job id</label><input id="log-id" name="id" value="${filter.id ?? ''}" maxlength="300" placeholder="Job id" autocomplete="off" spellcheck="false">
<label class="visually-hidden" for="log-q">Text</label><input type="search" id="log-q" name="q" value="${filter.q ?? ''}" maxlength="200" placeholder="Text in the line" autocomplete="off" spellcheck="false">
<button>Search</button>${isFiltered(view) ? html`<a class="button" href="${url('/job-logs', { log })}">Clear the search</a>` : nothing}</form></search>`;
}

function nobody(frame: Frame, view: LogsView): Html {
  const { page, log, before } = view;
  const further = page.next === undefined ? nothing : html`<p>${goOn(frame, view)}</p>`;
  if (page.stoppedEarly) return html`<div class="empty"><p>No line found yet that matches: ${looked(page)}</p>${further}</div>`;
  if (isFiltered(view))
    return html`<div class="empty"><p>No${before === undefined ? '' : ' more'} line of the ${log} log matches.</p></div>`;
  if (before !== undefined && !page.isLost) return html`<div class="empty"><p>There is nothing before that.</p></div>`;
  return html`<div class="empty"><p>${log === 'errors' ? 'The errors log is empty: no job failed or was rejected since it was begun.' : 'The events log is empty: nothing has happened since it was begun.'}</p></div>`;
}

const looked = ({ searched }: LogPage): string => `the search looked at the newest ${byteSize(searched)} and stopped there.`;

const goOn = ({ url }: Frame, view: LogsView): Html =>
  html`<a class="button" rel="next" data-key="." href="${url('/job-logs', { ...queryOf(view), before: view.page.next })}">${view.page.stoppedEarly ? 'Go on searching' : 'Older lines'}</a>`;

function pager(frame: Frame, view: LogsView, isFirst: boolean): Html {
  const { page } = view;
  const hasLines = page.lines.length > 0;
  if (isFirst && (!hasLines || page.next === undefined)) return nothing;
  const newest = isFirst ? nothing : html`<a class="button" data-key="," href="${frame.url('/job-logs', queryOf(view))}">Newest</a>`;
  const bound =
    page.stoppedEarly && hasLines ? html`<span class="muted">${counted(page.lines.length, 'line')}: ${looked(page)}</span>` : nothing;
  return html`<nav class="pager" aria-label="Pages">${newest}${page.next !== undefined && hasLines ? goOn(frame, view) : nothing}${bound}</nav>`;
}

function table(frame: Frame, { page, log }: LogsView): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Lines of the ${log} log"><table class="list log-lines">
<caption class="visually-hidden">Lines of the ${log} log, newest first</caption>
<thead><tr><th scope="col">Time</th><th scope="col">Level</th><th scope="col">Event</th><th scope="col">Handler</th><th scope="col">Job</th><th scope="col" class="num">Attempt</th><th scope="col">Message</th></tr></thead>
<tbody>${page.lines.map((line) => row(frame, line))}</tbody>
</table></div>`;
}

function row(frame: Frame, { key, text, fields }: LogLine): Html {
  if (!fields) {
    return html`<tr id="line-${key}"><td></td><td></td><td></td><td></td><td></td><td></td><td class="log-message mono" data-label="Line"><div>${ansi(text)}</div></td></tr>`;
  }
  const { time: at, level, event, class: name, method, id, attempt, msg, ...rest } = fields;
  const handler = [name, method].filter((part) => typeof part === 'string').join('.');
  return html`<tr id="line-${key}"><td class="nowrap" data-label="Time">${typeof at === 'string' || typeof at === 'number' ? time(at) : nothing}</td><td data-label="Level">${levelChip(level)}</td><td class="nowrap" data-label="Event">${short(event)}</td><td data-label="Handler">${short(handler)}</td><td data-label="Job">${jobOf(frame, id)}</td><td class="num" data-label="Attempt">${short(attempt)}</td><td class="log-message" data-label="Message"><div>${said(msg, rest)}</div></td></tr>`;
}

// The id of a rejected file may hold any characters.
function jobOf(frame: Frame, id: unknown): Html | string {
  if (typeof id !== 'string') return short(id);
  return isId(id) ? jobLink(frame, id) : html`<a href="${frame.url(jobPath(id))}">${short(id)}</a>`;
}

const LEVEL_CHIP: Record<string, { sign: string; colour: string }> = {
  fatal: { sign: '✕', colour: 'failed' },
  error: { sign: '✕', colour: 'failed' },
  warn: { sign: '⚠', colour: 'retrying' },
  info: { sign: 'ℹ', colour: 'pending' },
};

function levelChip(level: unknown): Html {
  const known = typeof level === 'string' && Object.hasOwn(LEVEL_CHIP, level) ? LEVEL_CHIP[level] : undefined;
  const { sign, colour } = known ?? { sign: '·', colour: 'scheduled' };
  return level === undefined
    ? nothing
    : html`<span class="chip chip-${colour}"><span aria-hidden="true">${sign}</span> ${short(level)}</span>`;
}

const MAX_SHORT = 120;
const MAX_MESSAGE = 300;
const MAX_DETAILS = 6_000;

const cut = (text: string, max: number): string =>
  stripAnsi(text.length > max ? `${text.slice(0, max)} [… ${counted(text.length - max, 'more character')} …]` : text);

function short(value: unknown): string {
  if (value === undefined || value === null) return '';
  return cut(typeof value === 'string' ? value : JSON.stringify(value), MAX_SHORT).replaceAll('\n', ' ');
}

/** The message; behind it, to be opened, the rest of the line. */
function said(message: unknown, fields: Record<string, unknown>): Html {
  const { err, ...others } = fields;
  const stack = stackOf(err);
  const rest = stack === undefined ? fields : others;
  const text = typeof message === 'string' ? message : short(message);
  const blocks = [
    ...(text.length > MAX_MESSAGE ? [text] : []),
    ...(stack === undefined ? [] : [stack]),
    ...(Object.keys(rest).length === 0 ? [] : [JSON.stringify(rest, null, 2)]),
  ];
  const head = text.length > MAX_MESSAGE ? `${stripAnsi(text.slice(0, MAX_MESSAGE))}…` : stripAnsi(text);
  if (blocks.length === 0) return html`${head}`;
  return html`<details><summary>${head === '' ? 'details' : head}</summary>${blocks.map((block) => html`<pre class="code" tabindex="0">${cut(block, MAX_DETAILS)}</pre>`)}</details>`;
}

function stackOf(err: unknown): string | undefined {
  if (typeof err !== 'object' || err === null) return undefined;
  const { stack, name, message } = err as Record<string, unknown>;
  return typeof stack === 'string'
    ? stack
    : typeof message === 'string'
      ? `${typeof name === 'string' ? name : 'Error'}: ${message}`
      : undefined;
}
