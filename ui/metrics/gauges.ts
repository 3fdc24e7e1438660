/** What is: jobs by state, who works, what room is left. Read from the catalog and a few small files, whatever the backlog. */
import { Gauge, type Registry } from 'prom-client';
import { Liveness } from '../../spool/liveness.ts';
import { isPaused } from '../../spool/marker.ts';
import { type SlotView, slotViews } from '../../spool/slots.ts';
import { STATES } from '../../spool/state.ts';
import type { Dashboard } from '../dashboard.ts';

export type Gauges = { measureReadiness(): Promise<boolean>; measure(now: number): Promise<void> };

export function addGauges(registry: Registry, dashboard: Dashboard): Gauges {
  const { spool, catalog, version } = dashboard;
  const gauge = <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge<L>({ name, help, labelNames, registers: [registry] });
  gauge('jobspool_build_info', 'Always 1; the version of Jobspool and of Node.', 'version', 'node_version').set(
    { version, node_version: process.versions.node },
    1,
  );
  const ready = gauge('jobspool_ready', 'Whether work would be taken now, as /readyz says.');
  const paused = gauge('jobspool_paused', 'Whether somebody has paused the spool: nothing new is claimed.');
  const jobs = gauge('jobspool_jobs', 'Jobs in each state; of those that are over, the ones that are still kept.', 'state');
  const oldest = gauge('jobspool_oldest_pending_age_seconds', 'How long the job that is due longest has been waiting; 0 when none is due.');
  const dispatchers = gauge('jobspool_dispatchers', 'Dispatchers that are alive.');
  const slots = gauge('jobspool_runner_slots', 'Runners: busy, idle, leaving (told to finish), or dead and not rescued yet.', 'state');
  const memory = gauge(
    'jobspool_runners_resident_memory_bytes',
    'Memory that the runners on this machine have in use, without their children.',
  );
  const ledger = gauge('jobspool_ledger_bytes', 'Size of the record of completed jobs.');
  const disk = addDisk(registry, dashboard);
  const liveness = new Liveness(spool, dashboard.staleMs);

  const noteWorkers = (views: SlotView[]) => {
    dispatchers.set(views.filter(({ kind, life }) => kind === 'dispatcher' && life === 'alive').length);
    const runners = views.filter(({ kind }) => kind !== 'dispatcher' && kind !== 'tool');
    for (const state of SLOT_STATES) slots.set({ state }, runners.filter((view) => slotState(view) === state).length);
    memory.set(runners.reduce((sum, { memoryBytes = 0 }) => sum + memoryBytes, 0));
  };
  return {
    async measureReadiness() {
      const isReady = (await dashboard.readiness()).length === 0;
      ready.set(isReady ? 1 : 0);
      return isReady;
    },
    async measure(now) {
      await catalog.refresh(MAX_AGE_MS);
      paused.set(isPaused(spool) ? 1 : 0);
      const counts = catalog.counts(now);
      for (const state of STATES) jobs.set({ state }, counts[state]);
      oldest.set((catalog.oldestPendingMs(now) ?? 0) / 1_000);
      ledger.set(catalog.ledgerBytes);
      noteWorkers(slotViews(spool, liveness, now));
      disk.measure();
    },
  };
}

/** Nobody scrapes more often than each few seconds, and a look at a large folder is not free. */
const MAX_AGE_MS = 2_000;

const SLOT_STATES = ['busy', 'idle', 'leaving', 'dead'] as const;

function slotState({ life, jobs, draining, stopping }: SlotView): (typeof SLOT_STATES)[number] {
  if (life !== 'alive') return 'dead';
  if (draining || stopping) return 'leaving';
  return jobs.length > 0 ? 'busy' : 'idle';
}

function addDisk(registry: Registry, { spool, minFreeBytes }: Dashboard): { measure(): void } {
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers: [registry] });
  const size = gauge('jobspool_spool_size_bytes', 'Size of the file system that holds the spool.');
  const used = gauge('jobspool_spool_used_bytes', 'Of it, what is in use, by the spool and by whatever else is on it.');
  const free = gauge('jobspool_spool_free_bytes', 'Of it, what is free to the service.');
  gauge('jobspool_spool_min_free_bytes', 'With less free nothing is accepted or claimed (JOBSPOOL_MIN_FREE).').set(minFreeBytes);
  const inodes = gauge('jobspool_spool_free_inodes', 'How many files can still be made on it; +Inf where nothing limits that.');
  return {
    measure() {
      const { totalBytes, freeBytes, freeFiles } = spool.disk.room(spool.root);
      size.set(totalBytes);
      used.set(Math.max(0, totalBytes - freeBytes));
      free.set(freeBytes);
      inodes.set(freeFiles);
    },
  };
}
