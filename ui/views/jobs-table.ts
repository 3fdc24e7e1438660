import { html } from 'hono/html';
import type { ListPage } from '../../spool/catalog.ts';
import type { JobStatus } from '../../spool/query.ts';
import type { Frame } from '../frame.ts';
import type { Tab } from '../tab-filter.ts';
import { type Html, nothing } from './html.ts';
import { rowActions } from './job-actions.ts';
import { errorLine, paramsPreview, progressBar } from './job-cell.ts';
import { handlerName, jobLink, shownId } from './job-link.ts';
import type { Jobs } from './jobs.ts';
import { maySelect, SELECTED } from './jobs-bulk.ts';
import { stateChip } from './state-chip.ts';
import { span, time } from './time.ts';
import { triesText } from './tries.ts';

/** A column of the list: what stands above it, its class, and what it says of a job. */
type Column = {
  head: string;
  /** `line`: one line, of which the end may be hidden; then `title` has it. */
  class?: 'num' | 'line' | 'nowrap';
  cell(job: JobStatus, frame: Frame, jobs: Jobs): Html;
  title?(job: JobStatus): string;
};

/** The jobs of a page, in the columns that suit their state. */
export function jobsTable(frame: Frame, jobs: Jobs, { jobs: shown }: ListPage): Html {
  const columns = COLUMNS[jobs.tab];
  const isSelectable = maySelect(frame, jobs.tab);
  const caption = jobs.tab === 'all' ? 'Jobs of every state' : `${jobs.tab} jobs`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="list">
<caption class="visually-hidden">${caption}${jobs.q === '' ? '' : ` that match ${jobs.q}`}</caption>
<thead><tr>${isSelectable ? html`<th scope="col"><span class="visually-hidden">Select</span><span data-select-all></span></th>` : nothing}${columns.map(
    (column) => html`<th scope="col" class="${column.class === 'num' ? 'num' : ''}">${column.head}</th>`,
  )}<th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
<tbody>${shown.map((job) => row(frame, jobs, columns, isSelectable, job))}</tbody>
</table></div>`;
}

function row(frame: Frame, jobs: Jobs, columns: readonly Column[], isSelectable: boolean, job: JobStatus): Html {
  const cells = columns.map(({ head, class: name, cell, title }) => {
    const names = name === 'line' ? 'error' : (name ?? '');
    return html`<td class="${names}" data-label="${head}" ${title ? html`title="${title(job)}"` : nothing}>${cell(job, frame, jobs)}</td>`;
  });
  return html`<tr id="job-${job.id}">${isSelectable ? html`<td data-label="Select">${checkbox(job)}</td>` : nothing}${cells}<td class="actions">${rowActions(frame, job)}</td></tr>`;
}

// Nothing can be done to completed jobs, alone or together.
const checkbox = ({ id, state }: JobStatus): Html =>
  state === 'completed' ? nothing : html`<input type="checkbox" form="${SELECTED}" name="id" value="${id}" aria-label="Select job ${id}">`;

const job: Column = {
  head: 'Job',
  class: 'line',
  cell: (one, frame) => html`<div>${jobLink(frame, one.id)}</div>`,
  title: ({ id }) => shownId(id),
};
const handler: Column = { head: 'Handler', cell: (one) => html`<div>${handlerName(one)}</div>` };
const params: Column = {
  head: 'Parameters',
  class: 'line',
  cell: (one) => html`<span class="mono small muted">${paramsPreview(one)}</span>`,
  title: paramsPreview,
};
const state: Column = { head: 'State', cell: (one) => stateChip(one.cancelling ? 'cancelling' : one.state) };
const tries: Column = { head: 'Tries', class: 'num', cell: (one, _frame, { triesOf }) => triesText(triesOf(one)) };
const priority: Column = { head: 'Priority', class: 'num', cell: (one) => html`${one.priority}` };
const runner: Column = { head: 'Runner', class: 'nowrap', cell: (one) => html`<span class="mono">${one.runner ?? ''}</span>` };
const progress: Column = {
  head: 'Progress',
  class: 'nowrap',
  cell: (one) => (one.cancelling ? stateChip('cancelling') : progressBar(one)),
};
const running: Column = { head: 'Runs for', class: 'nowrap', cell: (one, { now }) => span(one.startedAt, undefined, now) };
const error: Column = { head: 'Last error', class: 'line', cell: (one) => html`${errorLine(one)}`, title: errorLine };
const reason: Column = { ...error, head: 'Reason' };
const runs = (head: string): Column => ({ head, class: 'nowrap', cell: (one) => time(one.runAt, 'ago') });
const ended = (head: string): Column => ({ head, class: 'nowrap', cell: (one) => time(one.finishedAt, 'ago') });
const accepted: Column = { head: 'Accepted', class: 'nowrap', cell: (one) => time(one.acceptedAt, 'ago') };
const wait: Column = {
  head: 'Waited',
  class: 'num',
  cell: (one, { now }) => span(dueAt(one), one.attempts[0]?.startedAt ?? one.startedAt, now),
};
const took: Column = { head: 'Took', class: 'num', cell: (one, { now }) => span(one.startedAt, one.finishedAt, now) };
const when: Column = {
  head: 'When',
  class: 'nowrap',
  cell: (one, { now }) =>
    one.state === 'running' ? html`for ${span(one.startedAt, undefined, now)}` : time(one.finishedAt ?? one.runAt, 'ago'),
};

/** When a job could have run first: when it was both accepted and due. Milliseconds since the epoch. */
function dueAt({ runAt, acceptedAt }: JobStatus): number {
  return Math.max(Date.parse(runAt), Date.parse(acceptedAt ?? runAt));
}

const COLUMNS: Record<Tab, readonly Column[]> = {
  all: [job, state, handler, params, tries, when, error],
  running: [job, handler, params, tries, runner, progress, running],
  scheduled: [job, handler, params, priority, tries, runs('Runs')],
  pending: [job, handler, params, priority, tries, runs('Due'), accepted],
  retrying: [job, handler, params, tries, error, runs('Runs')],
  failed: [job, handler, params, { ...error, head: 'Error' }, tries, ended('Failed')],
  completed: [job, handler, params, tries, wait, took, ended('Completed')],
  cancelled: [job, handler, params, tries, ended('Cancelled')],
  rejected: [job, handler, params, reason, ended('Rejected')],
};
