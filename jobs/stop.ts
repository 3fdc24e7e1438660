import type { ErrorRecord } from '../spool/attempt.ts';
import { formatDuration } from '../spool/duration.ts';
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
