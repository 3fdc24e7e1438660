import { html } from 'hono/html';
import type { Counts, ListPage } from '../../spool/catalog.ts';
import { QUALIFIERS } from '../../spool/filter.ts';
import type { JobStatus } from '../../spool/query.ts';
import { STATES, type State } from '../../spool/state.ts';
import type { FirstJob } from '../first-job.ts';
import type { Frame } from '../frame.ts';
import type { Tab } from '../tab-filter.ts';
import type { Query } from '../urls.ts';
import { counted, figure } from './figures.ts';
import { waysToEnqueue } from './first-job.ts';
import { type Html, nothing } from './html.ts';
import { bulkBar, everyBar, maySelect } from './jobs-bulk.ts';
import { jobsTable } from './jobs-table.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';
import type { Tries } from './tries.ts';

/** Which part of the list is shown: what its address says. */
export type JobsView = { tab: Tab; q: string; after: string | undefined };

/** What is shown. */
export type Jobs = JobsView & {
  counts: Counts;
  /** Undefined when the filter cannot be read: `mistake` says why. */
  page: ListPage | undefined;
  mistake: string | undefined;
  /** Bytes of ledgers and files of finished jobs that are not read yet. */
  unread: { ledgerBytes: number; files: number };
  /** Texts that the search box suggests. */
  suggestions: string[];
  firstJob: FirstJob | undefined;
  triesOf(job: JobStatus): Tries;
};

/** `/dashboard/jobs`: a list of jobs, of one state or of all. */
export function jobsPage(frame: Frame, jobs: Jobs): Html {
  const { tab, q, after, page } = jobs;
  const body = html`${noticeBar(frame)}
<h1>Jobs</h1>
${searchBox(frame, jobs)}
<div id="live">
${tabs(frame, jobs)}
${page ? list(frame, jobs, page) : nothing}
</div>
${page && maySelect(frame, tab) ? bulkBar(frame, jobs) : nothing}`;
  const live = { view: 'jobs', ...(tab === 'all' ? {} : { state: tab }) };
  const title = `${tab === 'all' ? 'Jobs' : `${capital(tab)} jobs`}${q === '' ? '' : `: ${q}`}`;
  return layout(frame, { title, section: 'jobs', live, holdUpdates: after !== undefined }, body);
}

/** The query of a part of the list. */
export const queryOf = ({ tab, q, after }: JobsView): Query => ({ state: tab === 'all' ? undefined : tab, q, after });

const TABS: readonly Tab[] = ['all', 'running', 'scheduled', 'pending', 'retrying', 'failed', 'completed', 'cancelled', 'rejected'];

const tabName = (tab: Tab): string => (tab === 'running' ? 'active (running)' : tab);

function tabs({ url }: Frame, { tab, q, counts }: Jobs): Html {
  const all = STATES.reduce((sum, state) => sum + counts[state], 0);
  const links = TABS.map((one) => {
    const href = url('/dashboard/jobs', queryOf({ tab: one, q, after: undefined }));
    const count = one === 'all' ? all : counts[one];
    return html`<li><a href="${href}" ${one === tab ? html`aria-current="page"` : nothing}>${tabName(one)} <span class="count">${figure(count)}</span></a></li>`;
  });
  return html`<nav class="tabs" aria-label="States"><ul>${links}</ul></nav>`;
}

function searchBox({ url }: Frame, { tab, q, mistake, suggestions }: Jobs): Html {
  const clear = url('/dashboard/jobs', queryOf({ tab, q: '', after: undefined }));
  return html`<search><form class="bar" method="get" action="${url('/dashboard/jobs')}">
${tab === 'all' ? nothing : html`<input type="hidden" name="state" value="${tab}">`}
<label class="visually-hidden" for="q">Search jobs</label>
<input type="search" id="q" name="q" value="${q}" list="suggestions" placeholder="class:SendMail error:timeout since:24h" maxlength="4000" autocomplete="off" spellcheck="false" aria-describedby="search-help${mistake ? ' search-wrong' : ''}" ${mistake ? html`aria-invalid="true"` : nothing}>
<button>Search</button>${q === '' ? nothing : html`<a class="button" href="${clear}">Clear</a>`}
<datalist id="suggestions">${suggestions.map((text) => html`<option value="${text}"></option>`)}</datalist>
</form>
${mistake ? html`<p class="wrong" id="search-wrong" role="alert">${mistake}</p>` : nothing}
<p class="hint" id="search-help">Terms: <code>${QUALIFIERS}</code> or any text. All must hold: <code>class:Send*,Report error:"timed out" since:24h</code></p></search>`;
}

function list(frame: Frame, jobs: Jobs, page: ListPage): Html {
  if (page.jobs.length === 0) return html`${stillReading(jobs)}${nothingThere(frame, jobs, page)}`;
  return html`${stillReading(jobs)}
${jobsTable(frame, jobs, page)}
${pager(frame, jobs, page)}
${maySelect(frame, jobs.tab) && jobs.tab !== 'all' ? everyBar(frame, jobs, page.total) : nothing}`;
}

function stillReading({ unread, tab }: Jobs): Html {
  const isOver = tab === 'all' || tab === 'completed' || tab === 'failed' || tab === 'cancelled' || tab === 'rejected';
  if (!isOver || (unread.files === 0 && unread.ledgerBytes === 0)) return nothing;
  return html`<p class="notice notice-warn">The jobs that are over are still being read (${figure(Math.ceil(unread.ledgerBytes / 1_048_576))} MiB of the ledger and ${counted(unread.files, 'file')} to go): this list is not whole yet.</p>`;
}

function pager({ url }: Frame, view: Jobs, { jobs, next, total, stoppedEarly, searched }: ListPage): Html {
  const onward =
    next === undefined
      ? nothing
      : html`<a class="button" rel="next" data-key="." href="${url('/dashboard/jobs', queryOf({ ...view, after: next }))}">${stoppedEarly ? 'Go on searching' : 'Next page'}</a>`;
  const back =
    view.after === undefined
      ? nothing
      : html`<a class="button" data-key="," href="${url('/dashboard/jobs', queryOf({ ...view, after: undefined }))}">${firstPage(view.tab)}</a>`;
  const of = total === undefined ? '' : ` of ${figure(total)}`;
  const bound = stoppedEarly
    ? ` The search looked at ${counted(searched, 'job')} and stopped there: narrow it by class: or since:, or go on.`
    : '';
  return html`<nav class="pager" aria-label="Pages">${back}${onward}<span class="muted">${counted(jobs.length, 'job')}${view.after === undefined ? of : ` on this page${of}`}.${bound}</span></nav>`;
}

// What waits is in the order in which it runs; what is over, newest first.
const firstPage = (tab: Tab): string =>
  tab === 'completed' || tab === 'failed' || tab === 'cancelled' || tab === 'rejected' ? 'Newest' : 'First page';

function nothingThere(frame: Frame, jobs: Jobs, { next, stoppedEarly, searched }: ListPage): Html {
  const { url } = frame;
  const { tab, q } = jobs;
  const onward =
    stoppedEarly && next !== undefined
      ? html` <a class="button" href="${url('/dashboard/jobs', queryOf({ ...jobs, after: next }))}">Go on searching</a>`
      : nothing;
  if (q !== '') {
    const bound = stoppedEarly
      ? html`<p>The search looked at ${counted(searched, 'job')} and stopped there. Narrow it by <code>class:</code> or <code>since:</code>, or go on.</p>`
      : nothing;
    return html`<div class="empty"><p>No ${tab === 'all' ? '' : `${tab} `}job ${stoppedEarly ? 'found yet that matches' : 'matches'} <code>${q}</code>.</p>${bound}<p><a class="button" href="${url('/dashboard/jobs', queryOf({ tab, q: '', after: undefined }))}">Clear the search</a>${onward}</p></div>`;
  }
  if (jobs.after !== undefined)
    return html`<div class="empty"><p>There are no more jobs here.</p><p><a class="button" href="${url('/dashboard/jobs', queryOf({ ...jobs, after: undefined }))}">To the first page</a></p></div>`;
  if (tab !== 'all') return html`<div class="empty"><p>${NOTHING[tab]}</p>${onward}</div>`;
  // Of a spool that cannot be read nobody knows whether it is empty.
  return frame.trouble?.kind === 'unusable' ? html`<p class="empty">No job can be seen now.</p>` : beginning(frame, jobs);
}

const NOTHING: Record<State, string> = {
  running: 'Nothing runs now.',
  scheduled: 'No job waits for its time.',
  pending: 'No job waits: the queue is empty.',
  retrying: 'No job waits for another attempt.',
  failed: 'Nothing has failed.',
  completed: 'Nothing has completed yet.',
  cancelled: 'Nothing was cancelled.',
  rejected: 'Nothing was rejected.',
};

function beginning({ url }: Frame, { firstJob }: Jobs): Html {
  const how = firstJob
    ? waysToEnqueue(firstJob)
    : html`<p>No handler is on the allow-list yet: nothing may run. <a href="${url('/dashboard/settings')}">Settings</a> say where the list is.</p>`;
  return html`<section class="panel"><h2>No job was ever enqueued here</h2>${how}<p><a class="button primary" href="${url('/dashboard/enqueue')}">Enqueue one here</a></p></section>`;
}

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
