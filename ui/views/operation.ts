import { html } from 'hono/html';
import { progressText, sum } from '../bulk.ts';
import type { Frame } from '../frame.ts';
import type { Operation } from '../operations.ts';
import { actionForm } from './action-form.ts';
import { counted, figure } from './figures.ts';
import { type Html, nothing } from './html.ts';
import { ACTION_WORD } from './job-actions.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';
import { span, time } from './time.ts';

/** How far a bulk action in the background is, and how it ended. */
export function operationPage(frame: Frame, operation: Operation): Html {
  const { id, order, end } = operation;
  const title = `${ACTION_WORD[order.action]} ${counted(order.expected, 'job')}`;
  const body = html`${noticeBar(frame)}
<div id="live">
<h1>${title}</h1>
<section class="panel">${end ? ended(frame, operation) : going(frame, operation)}
<dl class="facts">${facts(frame, operation)}</dl></section>
</div>`;
  return layout(frame, { title, section: 'jobs', live: end ? undefined : { view: 'operation', id } }, body);
}

/** For an operation that is not known: it was long ago, or in another life of the service. */
export function unknownOperation(frame: Frame): Html {
  const { url } = frame;
  const body = html`${noticeBar(frame)}<section class="panel"><h1>This operation is not known</h1>
<p>Operations are kept in memory: the service was started again since, or it was long ago. What it had done is done; what it had not, it left alone. The lists show how things are.</p>
<p><a class="button primary" href="${url('/dashboard/jobs')}">To the jobs</a> <a class="button" href="${url('/job-logs')}">To the logs, which name each job</a></p></section>`;
  return layout(frame, { title: 'Unknown operation', section: 'jobs' }, body);
}

function going(frame: Frame, { id, order, progress }: Operation): Html {
  const handled = progress.done + sum(progress.skipped);
  return html`<p><progress max="${order.expected}" value="${handled}" aria-label="Progress of the operation"></progress> ${figure(handled)} of ${figure(order.expected)}</p>
<p class="muted">It goes on when this page is closed. <a href="${frame.url(frame.here)}">Look again</a></p>
<p>${actionForm(frame, { path: `/dashboard/operations/${id}/stop`, text: 'Stop', label: 'Stop this operation', danger: true })}</p>`;
}

function ended(frame: Frame, { order, progress, end, back }: Operation): Html {
  const left = order.expected - progress.done - sum(progress.skipped);
  const rest = left > 0 ? html` ${counted(left, 'job was', 'jobs were')} not touched.` : nothing;
  const onward = html`<p><a class="button primary" href="${frame.url(back)}">Back to the list</a></p>`;
  const text = progressText(order.action, progress);
  if (end?.kind === 'broken')
    return html`<p class="notice notice-refused" role="status">It broke off: ${end.why}. ${text}.${rest}</p>${onward}`;
  return html`<p class="notice notice-${end?.kind === 'stopped' ? 'warn' : 'done'}" role="status">${end?.kind === 'stopped' ? 'Stopped. ' : ''}${text}.${rest}</p>${onward}`;
}

function facts({ now }: Frame, { order, progress, startedAt, end }: Operation): Html {
  return html`<dt>Done</dt><dd>${figure(progress.done)}</dd>
${[...progress.skipped].map(([reason, count]) => html`<dt>Skipped</dt><dd>${figure(count)} (${reason})</dd>`)}
<dt>As of</dt><dd>${time(order.asOf)}; what came later is not touched</dd>
<dt>Asked for by</dt><dd>${order.who}, ${time(startedAt, 'ago')}</dd>
<dt>Takes</dt><dd>${span(startedAt, end?.at, now)}</dd>`;
}
