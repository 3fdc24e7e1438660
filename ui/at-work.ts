import { everything } from '../spool/filter.ts';
import { Liveness } from '../spool/liveness.ts';
import { maskJob } from '../spool/mask.ts';
import type { JobStatus } from '../spool/query.ts';
import { type SlotView, slotViews } from '../spool/slots.ts';
import type { Dashboard } from './dashboard.ts';

/** A slot, what runs in it now, and how many jobs it has ended as far as the catalog goes back. */
export type Worker = SlotView & { running: JobStatus[]; done: { completed: number; failed: number } };

/** Who works on the spool, in the order of their names. `now` in milliseconds since the epoch. */
export async function workersOf(dashboard: Dashboard, now: number): Promise<Worker[]> {
  const { catalog, spool } = dashboard;
  const views = slotViews(spool, livenessOf(dashboard), now);
  const jobs = await runningJobs(dashboard, views, now);
  const done = catalog.doneBySlot();
  return views
    .map((view) => ({
      ...view,
      running: jobs.filter((job) => job.runner === view.slot),
      done: done.get(view.slot) ?? { completed: 0, failed: 0 },
    }))
    .sort((a, b) => a.slot.localeCompare(b.slot, 'en', { numeric: true }));
}

// A runner runs one job at a time; what a dead one left may be more.
async function runningJobs({ catalog }: Dashboard, views: SlotView[], now: number): Promise<JobStatus[]> {
  const limit = views.reduce((sum, { jobs }) => sum + jobs.length, 0);
  if (limit === 0) return [];
  const filter = { ...everything(), states: ['running' as const] };
  const { jobs } = await catalog.list({ filter, limit }, now);
  return jobs.map(maskJob);
}

// Another host is lost when its heartbeat stood still while we watched: who watches must be the same from one request to the next.
const watching = new WeakMap<Dashboard, Liveness>();

function livenessOf(dashboard: Dashboard): Liveness {
  const known = watching.get(dashboard) ?? new Liveness(dashboard.spool, dashboard.staleMs);
  watching.set(dashboard, known);
  return known;
}
