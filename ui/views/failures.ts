import { createHash } from 'node:crypto';
import { html } from 'hono/html';
import type { FailureGroup } from '../../spool/catalog.ts';
import { stripAnsi } from '../ansi.ts';
import type { Frame } from '../frame.ts';
import { counted, figure } from './figures.ts';
import { type Html, nothing } from './html.ts';
import { handlerName, jobLink } from './job-link.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';
import { time } from './time.ts';

/** How far back a page of failures looks. */
export const WINDOWS = ['1h', '24h', '7d'] as const;
export type Window = (typeof WINDOWS)[number];

export type Failures = {
  window: Window;
  /** Of the window, largest first. */
  groups: FailureGroup[];
  /** How many jobs failed in each of `WINDOWS`. */
  counts: number[];
  /** The failed jobs are not all read yet. */
  isReading: boolean;
};

/** `/dashboard/failures`: what fails, by handler and error. */
export function failuresPage(frame: Frame, failures: Failures): Html {
  const { window, groups, isReading } = failures;
  const body = html`${noticeBar(frame)}
<div id="live">
<h1>Failures</h1>
${tabs(frame, failures)}
${isReading ? html`<p class="notice notice-warn">The failed jobs are still being read: the figures are not whole yet.</p>` : nothing}
${groups.length === 0 ? none(window) : table(frame, window, groups)}
</div>`;
  return layout(frame, { title: `Failures, last ${SAID[window]}`, section: 'failures', live: { view: 'failures' } }, body);
}

const SAID: Record<Window, string> = { '1h': 'hour', '24h': '24 hours', '7d': '7 days' };

function tabs({ url }: Frame, { window, counts }: Failures): Html {
  return html`<nav class="tabs" aria-label="Window"><ul>${WINDOWS.map(
    (one, at) =>
      html`<li><a href="${url('/dashboard/failures', { window: one })}" ${one === window ? html`aria-current="page"` : nothing}>Last ${SAID[one]} <span class="count">${figure(counts[at] ?? 0)}</span></a></li>`,
  )}</ul></nav>`;
}

const none = (window: Window): Html =>
  html`<p class="empty"><strong>Nothing failed in the last ${SAID[window]}.</strong> Attempts that a later one made good are not counted.</p>`;

function table(frame: Frame, window: Window, groups: FailureGroup[]): Html {
  const jobs = groups.reduce((sum, { count }) => sum + count, 0);
  const kinds = counted(groups.length, 'kind of failure', 'kinds of failures');
  return html`<p class="muted">${counted(jobs, 'failed job')}, ${kinds}.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Failures by handler and error"><table class="list">
<caption class="visually-hidden">Failures of the last ${SAID[window]} by handler and error, the most frequent first</caption>
<thead><tr><th scope="col" class="num">Jobs</th><th scope="col">Handler</th><th scope="col">Error</th><th scope="col">Newest</th><th scope="col">Example</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
<tbody>${groups.slice(0, MAX_GROUPS).map((group) => row(frame, group))}</tbody>
</table></div>
${groups.length > MAX_GROUPS ? html`<p class="muted">${figure(groups.length - MAX_GROUPS)} more, each less frequent than these: the <a href="${frame.url('/dashboard/jobs', { state: 'failed', q: `since:${window}` })}">list of failed jobs</a> has them all.</p>` : nothing}`;
}

/** Where nearly every error is a kind of its own, the most frequent say enough. */
const MAX_GROUPS = 100;

function row(frame: Frame, group: FailureGroup): Html {
  const { count, newest, example, filter: q } = group;
  const error = stripAnsi(group.error);
  const handler = handlerName(group);
  const jobs = frame.url('/dashboard/jobs', { state: 'failed', q });
  return html`<tr id="failure-${keyOf(group)}"><td class="num" data-label="Jobs"><a href="${jobs}" aria-label="${counted(count, 'job')} of ${handler} that failed with ${error}">${figure(count)}</a></td><th scope="row" data-label="Handler">${handler}</th><td class="error" data-label="Error" title="${error}"><a href="${jobs}">${error}</a></td><td class="nowrap" data-label="Newest">${time(newest, 'ago')}</td><td data-label="Example">${jobLink(frame, example)}</td><td class="actions">${retryAll(frame, group)}</td></tr>`;
}

// The answer asks first, with the count as of then.
function retryAll({ url, here, readOnlyBecause }: Frame, group: FailureGroup): Html {
  const fields = { back: here, action: 'retry', scope: 'filter', state: 'failed', q: group.filter };
  const all = `Retry all ${figure(group.count)}`;
  return html`<form class="action" method="post" action="${url('/dashboard/jobs/bulk')}" data-confirm>${Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  )}<button aria-label="${all} failed jobs of ${handlerName(group)} with ${stripAnsi(group.error)}" ${readOnlyBecause ? html`disabled title="${readOnlyBecause}"` : nothing}>${all}…</button></form>`;
}

// The same row keeps its name while others come and go: a refresh must not put another group under a finger.
const keyOf = ({ class: name, method, error }: FailureGroup): string =>
  createHash('sha256')
    .update(JSON.stringify([name, method, error]))
    .digest('hex')
    .slice(0, 12);
