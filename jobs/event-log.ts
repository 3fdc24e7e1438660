/**
 * The two logs of the service: `background_jobs.log` has a line for every transition of every job,
 * `background_jobs_errors.log` those that are failures and refusals again, with stacks. NDJSON by pino, appended by
 * dispatchers and runners alike.
 */
import path from 'node:path';
import pino from 'pino';
import { type ErrorRecord, errorRecord } from '../spool/attempt.ts';
import { iso } from '../spool/iso.ts';
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
  /** Of the producer's trace. */
  trace_id?: string;
  span_id?: string;
  trace_flags?: string;
  /** The uid of who submitted it. */
  submittedBy?: number | undefined;
  priority?: number;
  /** How many jobs of a batch. */
  jobs?: number;
  attempt?: number;
  durationMs?: number;
  /** From when the job was due to the start of the attempt. */
  waitMs?: number;
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
  /** Also gets every line, with its newline; several at once where they were held. */
  onLines?(lines: string): void;
};

/** An open pair of logs. Every line is on its way to the kernel when a call returns, so a crash loses none; but see `holding`. */
export class EventLog {
  readonly #events: DailyFile;
  readonly #errors: DailyFile;
  readonly #pino: pino.Logger;
  readonly #onLines: EventLogOptions['onLines'];
  #isError = false;
  #isHolding = false;
  #held = '';

  constructor(spool: Spool, { level = 'info', onLines }: EventLogOptions = {}) {
    this.#events = new DailyFile(spool, path.join(spool.logs, EVENTS_FILE));
    this.#errors = new DailyFile(spool, path.join(spool.logs, ERRORS_FILE));
    this.#onLines = onLines;
    this.#pino = pino(
      {
        level,
        base: null,
        timestamp: () => `,"time":"${iso(Date.now())}"`,
        formatters: { level: (label) => ({ level: label }) },
        serializers: { err: asRecord },
      },
      { write: (line) => this.#write(line) },
    );
  }

  /** A transition of a job. Failures and refusals go to the error log too. */
  event(event: JobEvent, fields: EventFields, text: string): void {
    const level = event === 'failed' || event === 'rejected' ? 'error' : event === 'retrying' || event === 'timed-out' ? 'warn' : 'info';
    this.#log(level, text, { event, ...fields });
  }

  /**
   * What is logged meanwhile goes to the file with the next line, or with `flush`, whichever is first: a system call less for each job. A crash
   * in between loses it.
   */
  holding(log: () => void): void {
    this.#isHolding = true;
    try {
      log();
    } finally {
      this.#isHolding = false;
    }
  }

  /** Writes what is held. */
  flush(): void {
    if (this.#held !== '') this.#write('');
  }

  info(text: string, fields: object = {}): void {
    this.#log('info', text, fields);
  }

  warn(text: string, fields: object = {}): void {
    this.#log('warn', text, fields);
  }

  error(text: string, fields: object = {}): void {
    this.#log('error', text, fields);
  }

  close(): void {
    this.flush();
    for (const file of [this.#events, this.#errors]) file.close();
  }

  #log(level: 'info' | 'warn' | 'error', text: string, fields: object): void {
    this.#isError = level === 'error';
    this.#pino[level](fields, text);
  }

  #write(line: string): void {
    if (this.#isError && line !== '') this.#errors.write(line);
    this.#held += line;
    if (this.#isHolding) return;
    const lines = this.#held;
    this.#held = '';
    this.#events.write(lines);
    this.#onLines?.(lines);
  }
}

// Errors that a job's file keeps are records already; others become such.
const asRecord = (error: unknown): unknown => (error instanceof Error ? errorRecord(error) : error);
