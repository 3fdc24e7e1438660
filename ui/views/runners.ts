import { html } from 'hono/html';
import { quoted } from '../../spool/by-hand.ts';
import type { Counts } from '../../spool/catalog.ts';
import { formatDuration } from '../../spool/duration.ts';
import type { Worker } from '../at-work.ts';
import type { Frame } from '../frame.ts';
import { actionForm } from './action-form.ts';
import { byteSize, counted, figure } from './figures.ts';
import { type Html, nothing } from './html.ts';
import { layout } from './layout.ts';
import { noticeBar } from './notice.ts';
import { time } from './time.ts';
import { lifeChip, runsNow, runsSince } from './workers.ts';

export type Runners = {
  workers: Worker[];
  /** Since when nothing new is run, in milliseconds since the epoch; undefined while it is. */
  pausedAt: number | undefined;
  counts: Counts;
  /** The spool's folder. */
  root: string;
};

/** `/dashboard/runners`: who works on the spool. */
export function runnersPage(frame: Frame, runners: Runners): Html {
  const { workers } = runners;
  const of = (kind: 'runner' | 'dispatcher') => workers.filter((worker) => worker.kind === kind && worker.life === 'alive');
  const dead = workers.filter(({ life }) => life !== 'alive');
  const body = html`${noticeBar(frame)}
<div id="live">
<h1>Runners</h1>
${intake(frame, runners)}
${runnerTable(frame, of('runner'))}
${dispatcherTable(frame, of('dispatcher'), workers)}
${dead.length === 0 ? nothing : deadTable(frame, dead)}
</div>`;
  return layout(frame, { title: 'Runners', section: 'runners', live: { view: 'runners' } }, body);
}

function intake(frame: Frame, { pausedAt, counts, root }: Runners): Html {
  const due = counted(counts.pending, 'job is', 'jobs are');
  if (pausedAt !== undefined) {
    return html`<section class="panel" aria-labelledby="intake"><div class="bar"><h2 id="intake">Paused</h2>${actionForm(frame, { path: '/dashboard/resume', text: 'Resume' })}</div>
<p>Nothing new has been run since ${time(pausedAt)}. What runs goes on, and requests are still accepted; ${due} due.</p>
<p class="small muted">By hand: <code>rm ${quoted(`${root}/paused`)}</code></p></section>`;
  }
  return html`<section class="panel" aria-labelledby="intake"><div class="bar"><h2 id="intake">Not paused</h2>${actionForm(frame, { path: '/dashboard/pause', text: 'Pause' })}</div>
<p>${due} due. Pausing stops new jobs from being run; what runs goes on, and requests are still accepted.</p>
<p class="small muted">By hand: <code>touch ${quoted(`${root}/paused`)}</code></p></section>`;
}

function runnerTable(frame: Frame, workers: Worker[]): Html {
  if (workers.length === 0) {
    return html`<section class="panel"><h2>Runners</h2><p>No runner is alive: nothing is run. A dispatcher starts them (<code>jobspool serve</code>, <code>jobspool dispatch</code>).</p></section>`;
  }
  const busy = workers.filter(({ jobs }) => jobs.length > 0).length;
  return html`<section class="panel" aria-labelledby="runners"><h2 id="runners">${counted(workers.length, 'runner')}, ${figure(busy)} at work</h2>
<p class="small muted">Completed and failed count the jobs that are still kept. A drained runner finishes what it runs and goes; its dispatcher starts another.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of runners"><table class="list">
<caption class="visually-hidden">Runners that are alive</caption>
<thead><tr><th scope="col">Slot</th><th scope="col">State</th><th scope="col">Runs now</th><th scope="col" class="num">For</th><th scope="col" class="num">Completed</th><th scope="col" class="num">Failed</th><th scope="col">Host</th><th scope="col" class="num">Pid</th><th scope="col" class="num">Memory</th><th scope="col">Started</th><th scope="col" class="num">Heartbeat</th><th scope="col"><span class="visually-hidden">Actions</span></th></tr></thead>
<tbody>${workers.map((worker) => runnerRow(frame, worker))}</tbody>
</table></div></section>`;
}

function runnerRow(frame: Frame, worker: Worker): Html {
  const { slot, host, pid, memoryBytes, since, done, draining } = worker;
  const drain = { path: `/dashboard/runners/${encodeURIComponent(slot)}/drain`, text: 'Drain', label: `Drain runner ${slot}` };
  return html`<tr id="runner-${slot}"><th scope="row" class="nowrap" data-label="Slot"><span class="mono">${slot}</span></th><td data-label="State">${lifeChip(worker)}</td><td data-label="Runs now"><div>${runsNow(frame, worker)}</div></td><td class="num nowrap" data-label="For">${runsSince(frame, worker)}</td><td class="num" data-label="Completed">${figure(done.completed)}</td><td class="num" data-label="Failed">${figure(done.failed)}</td><td data-label="Host">${host}</td><td class="num" data-label="Pid">${pid}</td><td class="num nowrap" data-label="Memory">${memoryBytes === undefined ? nothing : byteSize(memoryBytes)}</td><td class="nowrap" data-label="Started">${time(since, 'ago')}</td><td class="num nowrap" data-label="Heartbeat">${heartbeat(worker)}</td><td class="actions">${draining ? nothing : actionForm(frame, drain)}</td></tr>`;
}

function dispatcherTable({ url }: Frame, dispatchers: Worker[], workers: Worker[]): Html {
  if (dispatchers.length === 0) {
    return html`<section class="panel"><h2>Dispatchers</h2><p>No dispatcher is alive: nothing new is accepted or run, and what is submitted waits. The <a href="${url('/job-logs')}">logs</a> say when the last one ended.</p></section>`;
  }
  const runnersOf = (slot: string) =>
    workers.filter((worker) => worker.kind === 'runner' && worker.life === 'alive' && worker.dispatcher === slot).length;
  return html`<section class="panel" aria-labelledby="dispatchers"><h2 id="dispatchers">${counted(dispatchers.length, 'dispatcher')}</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Table of dispatchers"><table class="list">
<caption class="visually-hidden">Dispatchers that are alive</caption>
<thead><tr><th scope="col">Slot</th><th scope="col">State</th><th scope="col">Host</th><th scope="col" class="num">Pid</th><th scope="col" class="num">Memory</th><th scope="col" class="num">Runners</th><th scope="col">Started</th><th scope="col" class="num">Heartbeat</th></tr></thead>
<tbody>${dispatchers.map((worker) => {
    const { slot, host, pid, memoryBytes, since } = worker;
    return html`<tr id="dispatcher-${slot}"><th scope="row" class="nowrap" data-label="Slot"><span class="mono">${slot}</span></th><td data-label="State">${lifeChip(worker)}</td><td data-label="Host">${host}</td><td class="num" data-label="Pid">${pid}</td><td class="num nowrap" data-label="Memory">${memoryBytes === undefined ? nothing : byteSize(memoryBytes)}</td><td class="num" data-label="Runners">${figure(runnersOf(slot))}</td><td class="nowrap" data-label="Started">${time(since, 'ago')}</td><td class="num nowrap" data-label="Heartbeat">${heartbeat(worker)}</td></tr>`;
  })}</tbody>
</table></div></section>`;
}

function deadTable(frame: Frame, dead: Worker[]): Html {
  return html`<section class="panel" aria-labelledby="dead"><h2 id="dead">Waiting for rescue</h2>
<p>Whoever held these slots is gone: dead, as this host's process table says, or lost, because its host went silent. The next look of a dispatcher takes over what is left in them.</p>
<div class="scroll" tabindex="0" role="region" aria-label="Table of slots that wait for rescue"><table class="list">
<caption class="visually-hidden">Slots whose holder is gone</caption>
<thead><tr><th scope="col">Slot</th><th scope="col">Was</th><th scope="col">State</th><th scope="col">Left behind</th><th scope="col">Host</th><th scope="col">Started</th><th scope="col" class="num">Heartbeat</th></tr></thead>
<tbody>${dead.map(
    (worker) =>
      html`<tr id="dead-${worker.slot}"><th scope="row" class="nowrap" data-label="Slot"><span class="mono">${worker.slot}</span></th><td data-label="Was">${worker.kind ?? 'unknown'}</td><td data-label="State">${lifeChip(worker)}</td><td data-label="Left behind"><div>${runsNow(frame, worker)}</div></td><td data-label="Host">${worker.host}</td><td class="nowrap" data-label="Started">${time(worker.since, 'ago')}</td><td class="num nowrap" data-label="Heartbeat">${heartbeat(worker)}</td></tr>`,
  )}</tbody>
</table></div></section>`;
}

const heartbeat = ({ leaseAgeMs }: Worker): string => (leaseAgeMs === undefined ? 'no lock' : `${formatDuration(leaseAgeMs)} ago`);
