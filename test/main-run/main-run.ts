/**
 * The main run on real input: every file of the installed `typescript` and `zod` packages is gzipped by a job of its own, enqueued by
 * bash, Python and TypeScript, with some requests among them that must fail. Prints what it checks and `N passed, N failed`.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Checks } from './checks.ts';
import { enqueue } from './enqueue.ts';
import { type Planned, planFiles, planMisfits } from './plan.ts';
import { Service } from './service.ts';
import { SpoolView } from './spool-view.ts';
import { verifyLogs, verifyNothingLeft, verifyOutputs, verifyStates } from './verify.ts';
import { type Phase, startsOf, verifyExactOrder, verifyOrder } from './verify-order.ts';

/** Of the jobs, so many run first on one runner: with one, the order of starts is exact. */
const EXACT = 300;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jobspool-main-run-'));
const spool = new SpoolView(path.join(folder, 'spool'));
const checks = new Checks();
const output = path.join(folder, 'out');
const files = planFiles(output);
let total = 0;

const first = await phase(1, files.slice(0, EXACT));
const second = await phase(2, [...files.slice(EXACT), ...planMisfits(output)]);
verifyOutputs(checks, output, files);
verifyStates(checks, spool, [...first.enqueued, ...second.enqueued]);
verifyLogs(checks, spool, [...first.enqueued, ...second.enqueued]);
verifyExactOrder(checks, startsOf(spool, first));
verifyOrder(checks, startsOf(spool, second));
verifyNothingLeft(checks, spool);

console.log(checks.summary);
if (checks.failed === 0) fs.rmSync(folder, { recursive: true, maxRetries: 5 });
else console.log(`the spool is kept for a look: ${folder}`);
process.exit(checks.failed === 0 ? 0 : 1);

/**
 * Starts the service with so many runners, enqueues while it is paused, lets go, waits until every job is over, and stops it. Returns what was
 * enqueued and the names that were waiting at the moment it was let go.
 */
async function phase(runners: number, planned: Planned[]): Promise<Phase> {
  const service = await Service.start(spool.dir, runners);
  total += planned.length;
  try {
    spool.pause();
    const began = performance.now();
    const enqueued = await enqueue(spool.dir, planned);
    const accepted = enqueued.filter(({ fate }) => fate !== 'rejected').length;
    await spool.until(() => spool.names('pending').length === accepted, `${accepted} jobs to be accepted`);
    const waiting = spool.names('pending');
    const enqueuedMs = performance.now() - began;
    for (const { fate, id } of enqueued) if (fate === 'cancelled') spool.touchCancel(id);
    spool.resume();
    await spool.until(() => spool.isOver(total), `${planned.length} jobs to be over`);
    report(runners, { enqueued, waiting }, enqueuedMs);
    return { enqueued, waiting };
  } finally {
    checks.equal(
      `the service with ${runners} ${runners === 1 ? 'runner' : 'runners'} ends with exit code 0 on SIGTERM`,
      await service.stop(),
      0,
    );
  }
}

/** Prints the figures of a phase; the rate is that of the jobs which did not wait for their run-at. */
function report(runners: number, phase: Phase, enqueuedMs: number): void {
  const starts = startsOf(spool, phase);
  const due = starts.filter(({ isScheduled }) => !isScheduled);
  const ranMs = Math.max(...due.map(({ startedAt, tookMs }) => startedAt + tookMs)) - Math.min(...due.map(({ startedAt }) => startedAt));
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  console.log(
    `${runners === 1 ? '1 runner' : `${runners} runners`}: ${phase.enqueued.length} requests enqueued and accepted in ${seconds(enqueuedMs)}; ` +
      `${due.length} due jobs run in ${seconds(ranMs)} (${((due.length / ranMs) * 1_000).toFixed(0)} jobs/s); ${starts.length - due.length} scheduled`,
  );
}
