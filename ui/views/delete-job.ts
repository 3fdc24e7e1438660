import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import type { State } from '../../spool/state.ts';
import type { Frame } from '../frame.ts';
import { maySteer } from '../steering.ts';
import { jobPath } from '../urls.ts';
import type { Html } from './html.ts';
import { handlerName, shownId } from './job-link.ts';
import { layout } from './layout.ts';
import { stateChip } from './state-chip.ts';

/** The page between "delete" and deleting. Its section also stands alone, in a dialog. `seen`: the state in which the job was when it was picked; `back` is a path of ours. */
export function deleteConfirmation(frame: Frame, job: JobStatus, seen: State | undefined, back: string): Html {
  const body = html`<section id="confirm" class="panel"><h1>Delete this job?</h1>
<p><span class="mono id">${shownId(job.id)}</span> ${stateChip(job.state)} ${handlerName(job)}</p>
${mayDelete(job, seen) ? question(frame, job, back) : refusal(frame, job, seen, back)}
</section>`;
  return layout(frame, { title: `Delete ${job.id}`, section: 'jobs' }, body);
}

/** Whether the job is still what was picked, and may be deleted. */
export const mayDelete = ({ state }: JobStatus, seen: State | undefined): boolean =>
  maySteer(state, 'delete') && (seen === undefined || seen === state);

function question({ url, readOnlyBecause }: Frame, { id, state }: JobStatus, back: string): Html {
  return html`<p>Its file, its history and its log are removed. Nothing brings them back.</p>
<form class="bar" method="post" action="${url(jobPath(id, '/delete'))}"><input type="hidden" name="back" value="${back}"><input type="hidden" name="seen" value="${state}"><button class="danger" ${readOnlyBecause ? html`disabled title="${readOnlyBecause}"` : ''}>Delete</button><a class="button cancel" href="${url(back)}" autofocus>Leave it alone</a></form>`;
}

function refusal({ url }: Frame, { state }: JobStatus, seen: State | undefined, back: string): Html {
  const why =
    seen !== undefined && state !== seen
      ? `It is ${state} now, and not ${seen} as it was seen.`
      : state === 'running'
        ? 'It runs: cancel it first.'
        : 'Completed jobs are lines of the ledger and are not deleted one by one: they leave by age (JOBSPOOL_KEEP_COMPLETED).';
  return html`<p>${why}</p><p><a class="button primary cancel" href="${url(back)}">Back</a></p>`;
}
