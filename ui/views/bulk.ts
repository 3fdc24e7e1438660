import { html } from 'hono/html';
import type { State } from '../../spool/state.ts';
import { AT_ONCE, type BulkPlan, type Selection } from '../bulk.ts';
import type { Frame } from '../frame.ts';
import type { SteerAction } from '../steering.ts';
import { counted, figure } from './figures.ts';
import { type Html, nothing } from './html.ts';
import { ACTION_WORD } from './job-actions.ts';
import { jobLink } from './job-link.ts';
import { layout } from './layout.ts';
import { stateChip } from './state-chip.ts';
import { time } from './time.ts';

/** For more jobs than this their number must be typed. */
export const MUST_TYPE = 1_000;

/** What is asked before many jobs are changed. `asOf` in milliseconds since the epoch; `back` is a path of ours. */
export type BulkQuestion = {
  action: SteerAction;
  priority: number | undefined;
  state: State | undefined;
  q: string;
  selection: Selection;
  plan: BulkPlan;
  asOf: number;
  back: string;
  mistake: string | undefined;
};

/** The page between a bulk button and what it does. Its section also stands alone, in a dialog. */
export function bulkConfirmation(frame: Frame, question: BulkQuestion): Html {
  const { action, plan } = question;
  const body = html`<section id="confirm" class="panel">
<h1>${plan.count === 0 ? 'Nothing to do' : titleOf(question)}</h1>
${plan.count === 0 ? nobody(frame, question) : form(frame, question)}
</section>`;
  return layout(frame, { title: `${ACTION_WORD[action]} jobs`, section: 'jobs' }, body);
}

function titleOf({ action, plan, priority }: BulkQuestion): string {
  const jobs = counted(plan.count, 'job');
  switch (action) {
    case 'run-now':
      return `Run ${jobs} now?`;
    case 'priority':
      return `Set the priority of ${jobs} to ${priority}?`;
    default:
      return `${ACTION_WORD[action]} ${jobs}?`;
  }
}

function nobody({ url }: Frame, question: BulkQuestion): Html {
  return html`<p>No job that was picked allows it now.</p>${leftOut(question.plan)}<p><a class="button primary cancel" href="${url(question.back)}">Back</a></p>`;
}

function form(frame: Frame, question: BulkQuestion): Html {
  const { url, readOnlyBecause } = frame;
  const { action, plan, asOf, back, mistake } = question;
  const count = String(plan.count);
  const fields: [string, string][] = [
    ...fieldsOf(question),
    ['asOf', String(asOf)],
    ['count', count],
    ['back', back],
    ['confirmed', 'yes'],
  ];
  const isDangerous = action === 'delete' || action === 'cancel';
  return html`<dl class="facts"><dt>Jobs</dt><dd>${Object.entries(plan.byState).map(([state, n]) => html`${figure(n)} ${stateChip(state as State)} `)}</dd>${whichOnes(frame, question)}<dt>As of</dt><dd>${time(asOf)}. What comes later is not touched; what has moved on by then is skipped and counted.</dd></dl>
<p>${WILL[action]}${plan.count > AT_ONCE ? ' This takes a while: it goes on in the background, and a page shows how far it is.' : ''}</p>
${leftOut(plan)}
<form method="post" action="${url('/dashboard/jobs/bulk')}">${fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`)}
${plan.count > MUST_TYPE ? typing(count, mistake) : nothing}
<div class="bar"><button class="${isDangerous ? 'danger' : 'primary'}" ${readOnlyBecause ? html`disabled title="${readOnlyBecause}"` : nothing}>${titleOf(question).slice(0, -1)}</button><a class="button cancel" href="${url(back)}" ${isDangerous ? 'autofocus' : ''}>Leave them alone</a></div></form>`;
}

function typing(count: string, mistake: string | undefined): Html {
  return html`<div class="field"><label for="typed">So many jobs are not changed by mistake: type their number, ${figure(Number(count))}</label>
<input id="typed" name="typed" inputmode="numeric" autocomplete="off" required ${mistake ? html`aria-invalid="true" aria-describedby="typed-wrong"` : nothing}>
${mistake ? html`<p class="wrong" id="typed-wrong">${mistake}</p>` : nothing}</div>`;
}

const SHOWN = 10;

function whichOnes(frame: Frame, { selection, q, state }: BulkQuestion): Html {
  if (selection.kind === 'filter') {
    return html`<dt>Which</dt><dd>all ${state ?? ''} jobs${q === '' ? nothing : html` that match <code>${q}</code>`}</dd>`;
  }
  const { jobs } = selection;
  return html`<dt>Which</dt><dd>${jobs.slice(0, SHOWN).map(({ id }) => html`${jobLink(frame, id)} `)}${jobs.length > SHOWN ? `and ${jobs.length - SHOWN} more` : ''}</dd>`;
}

function leftOut({ leftOut: skipped }: BulkPlan): Html {
  if (skipped.size === 0) return nothing;
  return html`<p class="muted">Left out: ${[...skipped].map(([reason, count]) => `${count} (${reason})`).join(', ')}.</p>`;
}

/** What the confirmed order is made of again. */
function fieldsOf({ action, priority, selection, plan, state, q }: BulkQuestion): [string, string][] {
  const common: [string, string][] = [
    ['action', action],
    ...(priority === undefined ? [] : [['priority', String(priority)] as [string, string]]),
  ];
  if (selection.kind === 'filter')
    return [...common, ['scope', 'filter'], ...(state ? [['state', state] as [string, string]] : []), ['q', q]];
  return [
    ...common,
    ...plan.picked.flatMap(({ id, seen = '' }): [string, string][] => [
      ['id', id],
      ['seen', seen],
    ]),
  ];
}

const WILL: Record<SteerAction, string> = {
  cancel: 'Those that wait are cancelled at once. Those that run are told to stop, then get TERM, then KILL.',
  retry: 'They run again with all their retries; their history is kept.',
  'run-now': 'They are due at once, whatever their time was.',
  delete: 'Their files, their history and their logs are removed. Nothing brings them back.',
  priority: 'Waiting jobs of a higher priority run first.',
};
