import type { ErrorRecord } from '../spool/attempt.ts';
import { formatDuration } from '../spool/duration.ts';
import type { End } from '../spool/job.ts';
import { StopError } from './handler.ts';

/** The error that is kept of an attempt that took too long. */
export function timeoutError(timeoutMs: number, killed: boolean): ErrorRecord {
  const how = killed ? '; it did not stop when it was told to and was killed' : '';
  return { name: 'TimeoutError', message: `timed out after ${formatDuration(timeoutMs)}${how}` };
}

/** What a handler finds as the reason of its aborted signal. */
export function stopError(reason: StopError['reason']): StopError {
  const words = { cancelled: 'the job was cancelled', 'timed-out': 'the job took longer than its timeout', shutdown: 'the service stops' };
  return new StopError(reason, words[reason]);
}

/**
 * The end of a job that was told to stop; undefined when it was not. A job that is cancelled or late did not complete, whatever it
 * returned: it may have returned because it was told to stop. At a shutdown, one that never looked at the signal did complete.
 */
export function stoppedEnd(signal: AbortSignal, timeoutMs: number, sawSignal: boolean): End | undefined {
  if (!signal.aborted || !(signal.reason instanceof StopError)) return undefined;
  switch (signal.reason.reason) {
    case 'cancelled':
      return { kind: 'cancelled' };
    case 'timed-out':
      return { kind: 'timed-out', error: timeoutError(timeoutMs, false) };
    case 'shutdown':
      return sawSignal ? { kind: 'released' } : undefined;
  }
}
