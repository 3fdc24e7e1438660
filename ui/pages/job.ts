import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { quoted, shellCommands } from '../../spool/by-hand.ts';
import type { Match } from '../../spool/catalog.ts';
import { MAX_PRIORITY } from '../../spool/filename.ts';
import { dayOf } from '../../spool/layout.ts';
import { maskJob } from '../../spool/mask.ts';
import { fileText, type JobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { STATES } from '../../spool/state.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { backOf, readForm, readQuery } from '../forms.ts';
import { type Frame, frameOf } from '../frame.ts';
import { leaveNotice } from '../notice.ts';
import { findSeen, STEER_ACTIONS, type SteerAction, steer } from '../steering.ts';
import { jobPath } from '../urls.ts';
import { deleteConfirmation, mayDelete } from '../views/delete-job.ts';
import { type JobView, jobPage, unknownJobPage } from '../views/job.ts';
import { jobLogSection } from '../views/job-log.ts';
import type { JobPolicy } from '../views/job-policy.ts';
import { triesIn } from './jobs.ts';

/** `/dashboard/jobs/:id` and what can be done with a job. */
export function jobPages(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();
  app.get('/dashboard/jobs/:id', (context) => showJob(context, dashboard, context.req.param('id')));
  app.get('/dashboard/jobs/:id/delete', (context) => confirmDelete(context, dashboard, context.req.param('id')));
  for (const action of STEER_ACTIONS) {
    app.post(`/dashboard/jobs/:id/${action}`, (context) => steerJob(context, dashboard, action, context.req.param('id')));
  }
  return app;
}

async function showJob(context: Context<Env>, dashboard: Dashboard, id: string): Promise<Response> {
  const frame = frameOf(context, dashboard);
  const match = await dashboard.catalog.find(id, frame.now);
  return match ? context.html(jobPage(frame, viewOf(dashboard, frame, match))) : context.html(unknownJobPage(frame, id), 404);
}

function viewOf(dashboard: Dashboard, frame: Frame, { job: whole, place }: Match): JobView {
  const { spool, settings } = dashboard;
  const job = maskJob(whole);
  return {
    job,
    tries: triesIn(dashboard, job),
    policy: policyIn(dashboard, job),
    byHand: place ? shellCommands(spool, job, place, frame.now) : inLedger(spool, job),
    file: place && fileText(place),
    killGrace: settings.find(({ name }) => name === 'JOBSPOOL_KILL_GRACE')?.value,
    log: jobLogSection(frame, dashboard, job),
  };
}

// A completed job is a line among many: there is nothing to move, but it can be read.
function inLedger(spool: Spool, { id, finishedAt, attempts }: JobStatus) {
  const slot = attempts.at(-1)?.runner;
  const endedAt = Date.parse(finishedAt ?? '');
  if (Number.isNaN(endedAt) || slot === undefined) return [];
  return [{ does: 'read it', command: `grep -F ${quoted(`{"id":"${id}"`)} ${quoted(spool.ledger(dayOf(endedAt), slot))}` }];
}

function policyIn({ allowlist, policyOf }: Dashboard, job: JobStatus): JobPolicy | undefined {
  const { class: name, method = 'handle' } = job;
  if (name === undefined) return undefined;
  const allowed = allowlist.find((one) => one.class === name)?.methods.find((one) => one.method === method);
  return { policy: policyOf({ ...job, class: name, method }), method: allowed?.policy ?? {} };
}

const DeleteQuery = z.object({ back: z.string().optional(), seen: z.enum(STATES).optional() });

async function confirmDelete(context: Context<Env>, dashboard: Dashboard, id: string): Promise<Response> {
  const query = readQuery(context, DeleteQuery);
  const frame = frameOf(context, dashboard);
  const { seen } = query;
  const match = await findSeen(dashboard, id, seen, frame.now);
  if (!match) return context.html(unknownJobPage(frame, id), 404);
  const back = backOf(query, '/dashboard/jobs');
  return context.html(deleteConfirmation(frame, maskJob(match.job), seen, back), mayDelete(match.job, seen) ? 200 : 409);
}

const SteerForm = z.object({ back: z.string().optional(), seen: z.enum(STATES).optional() });
const PriorityForm = SteerForm.extend({ priority: z.coerce.number().int().min(1).max(MAX_PRIORITY) });

async function steerJob(context: Context<Env>, dashboard: Dashboard, action: SteerAction, id: string): Promise<Response> {
  const form: z.infer<typeof SteerForm> & { priority?: number } = await readForm(context, action === 'priority' ? PriorityForm : SteerForm);
  const page = jobPath(id);
  const back = backOf(form, action === 'delete' ? '/dashboard/jobs' : page);
  const { kind, text } = await steer(dashboard, action, id, context.get('who'), { priority: form.priority, seen: form.seen });
  const isSeen = back === page || kind === 'unknown' || (kind === 'done' && action === 'delete');
  leaveNotice(context, dashboard.basePath, {
    kind: kind === 'done' ? 'done' : 'refused',
    text,
    ...(isSeen ? {} : { link: { path: page, text: 'Show it' } }),
  });
  return context.redirect(`${dashboard.basePath}${back}`, 303);
}
