/**
 * The two logs of the service: `background_jobs.log` has a line for every transition of every job,
 * `background_jobs_errors.log` those that are failures and refusals again, with stacks. NDJSON by pino, appended by
 * dispatchers and runners alike.
 */
import path from 'node:path';
import pino from 'pino';
import { type ErrorRecord, errorRecord } from '../spool/attempt.ts';
import { ERRORS_FILE, EVENTS_FILE } from '../spool/layout.ts';
import type { Spool } from '../spool/spool.ts';
import { DailyFile } from './daily-file.ts';

/** What happened to a job. The first seven are its transitions. */
export type JobEvent =
  | 'accepted'
  | 'running'
  | 'completed'
  | 'retrying'
  | 'failed'
  | 'cancelled'
  | 'rejected'
  | 'snoozed'
  | 'released'
  | 'cancelling'
  | 'timed-out'
  | 'not-cancelled';

/** What a line says besides its time and its sentence. Durations in milliseconds, times in ISO 8601. */
export type EventFields = {
  id?: string | undefined;
  class?: string | undefined;
  method?: string | undefined;
  priority?: number;
  /** How many jobs of a batch. */
  jobs?: number;
  attempt?: number;
  durationMs?: number;
  runner?: string;
  runAt?: string;
  reason?: string;
  file?: string;
  outcome?: string;
  err?: ErrorRecord | undefined;
};

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export type EventLogOptions = {
  level?: LogLevel;
  /** Also gets every line, with its newline. */
  onLine?(line: string): void;
};

/** An open pair of logs. Every line is on its way to the kernel when a call returns, so a crash loses none. */
export class EventLog {
  readonly #files: DailyFile[];
  readonly #pino: pino.Logger;

  constructor(spool: Spool, { level = 'info', onLine }: EventLogOptions = {}) {
    const events = new DailyFile(spool, path.join(spool.logs, EVENTS_FILE));
    const errors = new DailyFile(spool, path.join(spool.logs, ERRORS_FILE));
    this.#files = [events, errors];
    const streams: pino.StreamEntry[] = [
      { level, stream: { write: (line) => events.write(line) } },
      { level: 'error', stream: { write: (line) => errors.write(line) } },
    ];
    if (onLine) streams.push({ level, stream: { write: onLine } });
    this.#pino = pino(
      {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { err: asRecord },
      },
      pino.multistream(streams),
    );
  }

  /** A transition of a job. Failures and refusals go to the error log too. */
  event(event: JobEvent, fields: EventFields, text: string): void {
    const level = event === 'failed' || event === 'rejected' ? 'error' : event === 'retrying' || event === 'timed-out' ? 'warn' : 'info';
    this.#pino[level]({ event, ...fields }, text);
  }

  info(text: string, fields: object = {}): void {
    this.#pino.info(fields, text);
  }

  warn(text: string, fields: object = {}): void {
    this.#pino.warn(fields, text);
  }

  error(text: string, fields: object = {}): void {
    this.#pino.error(fields, text);
  }

  close(): void {
    for (const file of this.#files) file.close();
  }
}

// Errors that a job's file keeps are records already; others become such.
const asRecord = (error: unknown): unknown => (error instanceof Error ? errorRecord(error) : error);
