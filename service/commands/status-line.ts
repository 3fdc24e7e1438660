import { formatDuration } from '../../spool/duration.ts';
import type { JobStatus } from '../../spool/query.ts';
import { isFinal } from '../../spool/state.ts';
import { oneLine, stateInColour } from '../output.ts';

/** A job in one line: `ID state class.method …`. `now` in milliseconds since the epoch. */
export function statusLine(status: JobStatus, now = Date.now()): string {
  const said = [when(status, now), tries(status), outcome(status)].filter((part) => part !== '');
  return [oneLine(status.id), stateInColour(status.state), handlerOf(status), said.join(', ')].filter((part) => part !== '').join(' ');
}

/** `Class.method`; a dash where the request could not be read. */
export const handlerOf = ({ class: className, method }: JobStatus): string =>
  className === undefined ? '-' : oneLine(`${className}.${method}`);

/** What a reader wants to know of a failure, in one line. */
export function errorOf({ error, reason, state }: JobStatus): string {
  if (reason) return oneLine(reason);
  return error && state !== 'completed' ? oneLine(`${error.name}: ${error.message}`) : '';
}

/** How often it ran, the attempt that runs included. */
export const triesOf = ({ attempts, state }: JobStatus): number => attempts.length + (state === 'running' ? 1 : 0);

/** `in 5s`, `3m 2s ago`. */
export function fromNow(time: string, now: number): string {
  const ms = Date.parse(time) - now;
  return ms > 0 ? `in ${formatDuration(ms)}` : `${formatDuration(-ms)} ago`;
}

function when(status: JobStatus, now: number): string {
  const { state, runAt, startedAt, finishedAt, progress, runner } = status;
  if (state === 'scheduled' || state === 'retrying') return `runs ${fromNow(runAt, now)} (${runAt})`;
  if (state === 'running' && startedAt) {
    const part = progress === undefined ? '' : `, ${progress} %`;
    return `for ${formatDuration(Math.max(0, now - Date.parse(startedAt)))} in ${runner}${part}${status.cancelling ? ', cancellation asked for' : ''}`;
  }
  return isFinal(state) && finishedAt ? `${fromNow(finishedAt, now)} (${finishedAt})` : '';
}

function tries(status: JobStatus): string {
  const count = triesOf(status);
  return count > 1 || status.state === 'retrying' ? `attempt ${count}` : '';
}

function outcome(status: JobStatus): string {
  const error = errorOf(status);
  if (error !== '') return error;
  return 'result' in status ? `result ${oneLine(JSON.stringify(status.result))}` : '';
}
