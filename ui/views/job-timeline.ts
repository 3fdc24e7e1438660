import { html } from 'hono/html';
import type { JobStatus } from '../../spool/query.ts';
import { isFinal } from '../../spool/state.ts';
import type { Frame } from '../frame.ts';
import { inert } from '../inert.ts';
import { counted } from './figures.ts';
import type { Html } from './html.ts';
import { stateChip } from './state-chip.ts';
import { span, time } from './time.ts';

/** Something that happened to a job, or is to happen. `at` in milliseconds since the epoch. */
type Event = { at: number; what: Html };

/** Of more attempts than this the earlier ones are one line. */
const SHOWN = 10;

/** What happened to a job, from when it was accepted to its end, or to what comes next. */
export function timeline(frame: Frame, job: JobStatus): Html {
  const events = [...beginning(job), ...attempts(frame, job), ...end(job)];
  return html`<section class="panel" aria-labelledby="timeline"><h2 id="timeline">Timeline</h2>
<ol class="timeline">${events.map(({ at, what }) => html`<li>${time(at)} ${what}</li>`)}</ol></section>`;
}

function beginning({ acceptedAt, runAt, attempts: tried, state }: JobStatus): Event[] {
  const accepted = Date.parse(acceptedAt ?? '');
  const due = Date.parse(runAt);
  // A job of now is due some milliseconds after it was accepted.
  const isDelayed = tried.length === 0 && due > accepted + 1_000 && state !== 'scheduled' && state !== 'pending';
  return [
    ...(Number.isNaN(accepted) ? [] : [{ at: accepted, what: html`accepted` }]),
    ...(isDelayed ? [{ at: due, what: html`due` }] : []),
  ];
}

function attempts({ now }: Frame, job: JobStatus): Event[] {
  const { attempts: all, startedAt, runner, state } = job;
  const shown = all.slice(-SHOWN);
  const earlier = all.length - shown.length;
  const first = all[0];
  const events = shown.map((attempt) => ({
    at: Date.parse(attempt.startedAt),
    what: html`attempt ${attempt.number} in <span class="mono">${inert(attempt.runner, 200)}</span>: ${stateChip(attempt.outcome)} after ${span(attempt.startedAt, attempt.finishedAt, now)}`,
  }));
  const hidden = earlier > 0 && first ? [{ at: Date.parse(first.startedAt), what: html`${counted(earlier, 'earlier attempt')}` }] : [];
  const running =
    state === 'running' && startedAt !== undefined
      ? [
          {
            at: Date.parse(startedAt),
            what: html`attempt ${all.length + 1} in <span class="mono">${runner ?? ''}</span>: ${stateChip('running')}`,
          },
        ]
      : [];
  return [...hidden, ...events, ...running];
}

function end({ state, finishedAt, runAt, cancelRequestedAt }: JobStatus): Event[] {
  const asked = cancelRequestedAt === undefined ? [] : [{ at: Date.parse(cancelRequestedAt), what: html`cancellation asked for` }];
  if (isFinal(state)) return finishedAt === undefined ? [] : [{ at: Date.parse(finishedAt), what: stateChip(state) }];
  if (state === 'scheduled') return [{ at: Date.parse(runAt), what: html`is to run` }];
  if (state === 'retrying') return [{ at: Date.parse(runAt), what: html`is to run again` }];
  return state === 'pending' ? [{ at: Date.parse(runAt), what: html`due; waits for a runner` }] : asked;
}
