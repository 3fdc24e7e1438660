/** What happened, counted: every line of the service's log that tells of a job, whichever process wrote it, since this one began. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { Breath } from '../../spool/breath.ts';
import { type EventFeed, eventFeed, type LoggedEvent } from '../api/event-feed.ts';
import type { Dashboard } from '../dashboard.ts';
import { type Handler, handlerLabels } from './handler-labels.ts';

export type Counts = {
  /** Counts what was logged since the last call, as far as that goes quickly: after a long silence it takes several calls. */
  readOn(now: number): Promise<void>;
};

/** So much of a scrape may be spent on reading the log; Prometheus waits for 10 s. */
const READ_MS = 1_500;

/** Counts begin at 0 with this process, as Prometheus expects of counters. */
export function followCounts(registry: Registry, { spool, allowlist }: Dashboard): Counts {
  const labelsOf = handlerLabels(allowlist);
  const count = countersIn(registry, labelsOf.known);
  const lag = new Gauge({
    name: 'jobspool_log_lag_seconds',
    help: "How old the newest line of the service's log is that is counted here, while there are newer ones; 0: all are.",
    registers: [registry],
  });
  const feed: EventFeed = eventFeed(spool);
  let cursor = feed.end();
  // Whether there may be more.
  const readPortion = (now: number): boolean => {
    const portion = feed.read(cursor, now);
    for (const event of portion.events) count(event, labelsOf.of(event.fields));
    cursor = portion.cursor;
    lag.set(portion.isEnd ? 0 : lagOf(portion.events.at(-1), now));
    return !portion.isEnd;
  };
  return {
    async readOn(now) {
      const breath = new Breath();
      const until = performance.now() + READ_MS;
      while (readPortion(now) && performance.now() < until) if (breath.isDue) await breath.take();
    },
  };
}

function lagOf(last: LoggedEvent | undefined, now: number): number {
  const time = Date.parse(String(last?.fields.time));
  return Number.isNaN(time) ? 0 : Math.max(0, now - time) / 1_000;
}

/** From a job that opens a file to one that runs over night; a wait may be as long. */
const SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3_600, 14_400];

function countersIn(registry: Registry, known: readonly Handler[]): (event: LoggedEvent, handler: Handler) => void {
  const registers = [registry];
  const byHandler = (name: string, help: string, ...more: string[]) =>
    new Counter({ name, help, labelNames: ['class', 'method', ...more], registers });
  const accepted = byHandler(
    'jobspool_jobs_accepted_total',
    'Jobs that were accepted; those of a batch by the class and method of its first line.',
  );
  const finished = byHandler('jobspool_jobs_finished_total', 'Jobs that came to their end, by how they ended.', 'outcome');
  const attempts = byHandler('jobspool_attempts_total', 'Attempts that came to their end, by how they ended.', 'outcome');
  const retries = byHandler('jobspool_retries_total', 'Attempts that failed and will be followed by another.');
  const snoozes = byHandler('jobspool_snoozes_total', 'Jobs that put themselves off without spending an attempt.');
  const releases = byHandler(
    'jobspool_releases_total',
    'Jobs that were given back unfinished, without spending an attempt, to be run again.',
  );
  const rejected = new Counter({
    name: 'jobspool_jobs_rejected_total',
    help: 'Requests that could not become or stay a job; a batch counts as one.',
    registers,
  });
  const histogram = (name: string, help: string) =>
    new Histogram({ name, help, labelNames: ['class', 'method'], buckets: SECONDS, registers });
  const wait = histogram('jobspool_job_wait_seconds', 'From when a job was due to the start of the attempt.');
  const run = histogram('jobspool_job_run_seconds', 'How long attempts took that completed, failed or timed out.');
  // What is there from the beginning, as 0, has a rate from its first event on.
  for (const handler of known) {
    for (const counter of [accepted, retries, snoozes, releases]) counter.inc(handler, 0);
    for (const outcome of ['completed', 'failed', 'cancelled']) finished.inc({ ...handler, outcome }, 0);
    for (const outcome of OUTCOMES) attempts.inc({ ...handler, outcome }, 0);
  }

  const attemptEnded = (handler: Handler, outcome: string, durationMs: unknown) => {
    attempts.inc({ ...handler, outcome });
    if (RAN.has(outcome) && typeof durationMs === 'number') run.observe(handler, durationMs / 1_000);
  };
  return ({ event, fields }, handler) => {
    switch (event) {
      case 'accepted':
        return accepted.inc(handler, jobsOf(fields));
      case 'running':
        return typeof fields.waitMs === 'number' ? wait.observe(handler, fields.waitMs / 1_000) : undefined;
      case 'completed':
      case 'failed':
      case 'cancelled':
        finished.inc({ ...handler, outcome: event });
        // Who was cancelled before it ran made no attempt.
        return fields.durationMs === undefined ? undefined : attemptEnded(handler, outcomeOf(event, fields), fields.durationMs);
      case 'retrying':
        retries.inc(handler);
        return attemptEnded(handler, outcomeOf('failed', fields), fields.durationMs);
      case 'snoozed':
        return snoozes.inc(handler);
      case 'released':
        return releases.inc(handler, jobsOf(fields));
      case 'rejected':
        return rejected.inc();
    }
  };
}

/** Attempts whose length says something about the handler. */
const RAN: ReadonlySet<string> = new Set(['completed', 'failed', 'timed-out']);
const OUTCOMES: ReadonlySet<string> = new Set(['completed', 'failed', 'timed-out', 'crashed', 'cancelled', 'lost']);

// The log is a file that others may write into: what is no outcome of ours makes no label.
const outcomeOf = (event: string, { outcome }: LoggedEvent['fields']): string => (OUTCOMES.has(String(outcome)) ? String(outcome) : event);

const jobsOf = ({ jobs }: LoggedEvent['fields']): number => (typeof jobs === 'number' && jobs > 0 ? jobs : 1);
