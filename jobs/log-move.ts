import type { Move } from '../spool/decide.ts';
import { formatDuration } from '../spool/duration.ts';
import { type AttemptSpan, attemptNumber, durationOf, type End, type Job } from '../spool/job.ts';
import { traceFields } from '../spool/trace-context.ts';
import type { EventFields, EventLog } from './event-log.ts';

/** The line in the logs for what the end of an attempt meant for its job. */
export function logMove(log: EventLog, job: Job, end: End, move: Move, span: AttemptSpan): void {
  const durationMs = durationOf(span);
  const fields = { ...jobFields(job), attempt: attemptNumber(job), durationMs, runner: span.runner };
  const took = `after ${formatDuration(durationMs)}`;
  const err = 'error' in end ? { err: end.error } : {};
  const why = 'error' in end ? `: ${end.error.name}: ${end.error.message}` : '';
  switch (move.to) {
    case 'completed':
      return log.event('completed', fields, `completed ${took}`);
    case 'retrying': {
      const runAt = new Date(move.runAt).toISOString();
      return log.event(
        'retrying',
        { ...fields, outcome: move.outcome, runAt, ...err },
        `attempt ${fields.attempt} ${move.outcome} ${took}, next at ${runAt}${why}`,
      );
    }
    case 'failed':
      return log.event('failed', { ...fields, outcome: move.outcome, reason: move.why, ...err }, `failed ${took}, ${move.why}${why}`);
    case 'cancelled':
      return log.event('cancelled', fields, `cancelled ${took}`);
    case 'rejected':
      return log.event('rejected', { ...fields, submittedBy: job.request.submittedBy, reason: move.reason }, `rejected: ${move.reason}`);
    case 'pending':
      return move.runAt === undefined
        ? log.event('released', fields, `released ${took}, it will run again`)
        : log.event(
            'snoozed',
            { ...fields, runAt: new Date(move.runAt).toISOString() },
            `put off ${took} until ${new Date(move.runAt).toISOString()}`,
          );
  }
}

/** What every line about a job says of it. */
export function jobFields(job: Job): EventFields {
  return { id: job.id, class: job.request.class, method: job.request.method, ...traceFields(job.request) };
}
