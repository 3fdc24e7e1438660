import type { Report } from './report.ts';
import type { Figure } from './scenario.ts';
import { summarize } from './statistics.ts';

/** A goal, and what came out. */
export type Goal = { what: string; wanted: string; got: number | undefined; verdict: 'met' | 'missed' | 'not measured' };

/** What issue 5 asks for, against what a run found. */
export function goalsOf(report: Report): Goal[] {
  const find = medians(report);
  return [...throughput(find), ...batches(find), ...latency(find), ...waiting(find), ...scaling(find)];
}

type Find = {
  /** The median of one contender's figure. */
  of(scenario: string, contender: string, figure?: Figure): number | undefined;
  /** That of the best of a family. */
  best(scenario: string, family: string, figure?: Figure): number | undefined;
};

const OURS = 'jobspool';
const FULL = 'jobspool-full';
const SINGLE = 'jobspool-single';
const SINGLE_FULL = 'jobspool-single-full';

function throughput({ of, best }: Find): Goal[] {
  const drain = of('drain', OURS);
  const flow = of('flow', OURS);
  const full = of('flow-full', FULL);
  return [
    atLeast(1.5, "drain / BullMQ's best", drain, best('drain', 'bullmq')),
    atLeast(1, "drain / bee-queue's best", drain, best('drain', 'bee-queue')),
    atLeast(0.5, 'drain / uWSGI spooler', drain, best('drain', 'uwsgi')),
    atLeast(8, 'drain / BullMQ sandboxed', drain, best('drain', 'bullmq-sandboxed')),
    atLeast(150, 'drain / a process per job', drain, best('drain', 'process-per-job')),
    atLeast(2, "enqueue and run at once / BullMQ's best", flow, best('flow', 'bullmq')),
    atLeast(0.6, 'enqueue and run at once / bare write + rename', flow, of('flow', 'floor: write + rename')),
    atLeast(2, 'the same power-loss safe / pg-boss', full, best('flow-full', 'pg-boss')),
    atLeast(2, 'the same power-loss safe / graphile-worker', full, best('flow-full', 'graphile-worker')),
    atLeast(0.8, 'the same power-loss safe / bare write + sync + rename', full, of('flow-full', 'floor: write + sync + rename')),
    atMost(1, "CPU per 1,000 no-op jobs / BullMQ's best", of('drain', OURS, 'cpuPer1000'), best('drain', 'bullmq', 'cpuPer1000')),
  ];
}

function batches({ of, best }: Find): Goal[] {
  const batch = of('batch', OURS);
  const run = of('batch-run', OURS);
  const full = of('batch-run-full', FULL);
  return [
    atLeast(10, 'batches, enqueue / our own single files', batch, of('producers', SINGLE)),
    atLeast(4, 'batches, enqueue and run / our own single files', run, of('flow', SINGLE)),
    atLeast(10, 'batches, power-loss safe, enqueue / our own single files', of('batch-full', FULL), of('producers-full', SINGLE_FULL)),
    atLeast(4, 'batches, power-loss safe, enqueue and run / our own single files', full, of('flow-full', SINGLE_FULL)),
    atLeast(4, 'batches, enqueue / BullMQ addBulk', batch, best('batch', 'bullmq')),
    atLeast(4, 'batches, enqueue / bee-queue saveAll', batch, best('batch', 'bee-queue')),
    atLeast(4, 'batches, enqueue and run / BullMQ addBulk', run, best('batch-run', 'bullmq')),
    atLeast(4, 'batches, enqueue and run / bee-queue saveAll', run, best('batch-run', 'bee-queue')),
    atLeast(4, 'batches, power-loss safe, enqueue / BullMQ AOF always', of('batch-full', FULL), best('batch-full', 'bullmq')),
    atLeast(4, 'batches, power-loss safe, enqueue and run / BullMQ AOF always', full, best('batch-run-full', 'bullmq')),
  ];
}

function latency({ of, best }: Find): Goal[] {
  const p50 = of('idle', OURS, 'p50Ms');
  return [
    atMost(0.5, "idle latency p50 / BullMQ's best", p50, best('idle', 'bullmq', 'p50Ms')),
    atMost(0.8, "idle latency p50 / bee-queue's best", p50, best('idle', 'bee-queue', 'p50Ms')),
    atMost(4, 'idle latency p99 / our p50', of('idle', OURS, 'p99Ms'), p50),
  ];
}

function waiting({ of }: Find): Goal[] {
  const rows = [20, 200].flatMap((workMs) => [2, 16, 100].map((concurrency) => ({ workMs, concurrency })));
  return rows.map(({ workMs, concurrency }) =>
    atLeast(
      0.95,
      `${workMs} ms jobs that wait, ${concurrency} at once, of the ideal`,
      of(`wait-${workMs}ms-${concurrency}`, OURS, 'ofIdeal'),
      1,
    ),
  );
}

function scaling({ of }: Find): Goal[] {
  return [
    atMost(1.2, 'cost of a job, many pending / few, each by the bare loop', of('many-pending', OURS, 'timesFewPending'), 1),
    atMost(10, 'boot with many pending: seconds to the first job', of('boot', OURS, 'firstJobMs'), 1_000),
    atMost(400, 'boot with many pending: MB', of('boot', OURS, 'peakMb'), 1),
    atMost(1, 'many scheduled, none due: % of a core', of('scheduled', OURS, 'cpuPercent'), 1),
    atMost(0.5, 'idle service, 4 warm runners: % of a core', of('idle-service', OURS, 'cpuPercent'), 1),
  ];
}

function atLeast(wanted: number, what: string, ours: number | undefined, theirs: number | undefined): Goal {
  const got = ours === undefined || theirs === undefined ? undefined : ours / theirs;
  return { what, wanted: `≥ ${wanted}`, got, verdict: verdictOf(got, (ratio) => ratio >= wanted) };
}

function atMost(wanted: number, what: string, ours: number | undefined, theirs: number | undefined): Goal {
  const got = ours === undefined || theirs === undefined ? undefined : ours / theirs;
  return { what, wanted: `≤ ${wanted}`, got, verdict: verdictOf(got, (ratio) => ratio <= wanted) };
}

function verdictOf(got: number | undefined, isMet: (ratio: number) => boolean): Goal['verdict'] {
  if (got === undefined || Number.isNaN(got)) return 'not measured';
  return isMet(got) ? 'met' : 'missed';
}

function medians({ measurements }: Report): Find {
  const of: Find['of'] = (scenario, contender, figure = 'perSecond') => {
    const own = measurements.filter((one) => one.scenario === scenario && one.contender === contender);
    const values = own.flatMap(({ figures }) => figures[figure] ?? []);
    return values.length === 0 ? undefined : summarize(values).median;
  };
  const best: Find['best'] = (scenario, family, figure = 'perSecond') => {
    const names = new Set(
      measurements.filter((one) => one.scenario === scenario && one.family === family).map(({ contender }) => contender),
    );
    const values = [...names].flatMap((name) => of(scenario, name, figure) ?? []);
    if (values.length === 0) return undefined;
    return figure === 'perSecond' ? Math.max(...values) : Math.min(...values);
  };
  return { of, best };
}
