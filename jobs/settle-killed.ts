import type { ErrorRecord } from '../spool/attempt.ts';
import { readJob } from '../spool/claim.ts';
import { lineJob, readBatch } from '../spool/claim-part.ts';
import { decide } from '../spool/decide.ts';
import { parseJobName } from '../spool/filename.ts';
import type { End, Job } from '../spool/job.ts';
import { giveBack, heldIn } from '../spool/part.ts';
import { settle } from '../spool/settle.ts';
import type { Spool } from '../spool/spool.ts';
import type { Posted } from './board.ts';
import { EventLog } from './event-log.ts';
import { logMove } from './log-move.ts';
import type { RunnerSettings } from './messages.ts';
import { timeoutError } from './stop.ts';

/** `blocking`: it kept its neighbours from stopping in their time. `released`: a neighbour did not stop. */
export type KilledBecause = 'cancelled' | 'timed-out' | 'blocking' | 'released';

/** Settles an attempt whose process is about to be killed, because it, or a neighbour, did not stop. False when that could not be done. */
export function settleKilled(spool: Spool, slot: string, posted: Posted, reason: KilledBecause, log: EventLog): boolean {
  const job = readPosted(spool, slot, posted.name);
  if (!job) return false;
  const finishedAt = Date.now();
  const end = endOf(reason, posted.policy.timeoutMs);
  const move = decide(job, end, posted.policy, finishedAt, Math.random);
  if (move.to === 'completed') return false;
  const span = { startedAt: posted.startedAt, finishedAt, runner: slot };
  if (!settle(spool, slot, job, end, move, span, posted.writtenAt)) return false;
  logMove(log, job, end, move, span);
  return true;
}

// A job that is a line of a batch stays in its part until it is settled; what follows it in there waits for another runner.
function readPosted(spool: Spool, slot: string, name: string): Job | undefined {
  const held = heldIn(spool, slot, name, parseJobName(name)?.id ?? '');
  if (!held?.part) {
    const read = readJob(spool, spool.claimed(slot, name), name);
    return read.kind === 'claimed' ? read.job : undefined;
  }
  const read = readBatch(spool, spool.claimed(slot, held.name));
  if (held.line < held.part.to) giveBack(spool, slot, held.part, held.line + 1);
  return read.kind === 'text' ? lineJob(held.part, read, held.line).job : undefined;
}

function endOf(reason: KilledBecause, timeoutMs: number): End {
  if (reason === 'cancelled' || reason === 'released') return { kind: reason };
  return { kind: 'timed-out', error: reason === 'blocking' ? blockingError() : timeoutError(timeoutMs, true) };
}

const blockingError = (): ErrorRecord => ({
  name: 'TimeoutError',
  message: 'it blocked the process that it shares with others, so that they could not be stopped in their time, and was killed',
});

/** The log of a process that dies before it could send its lines: its dispatcher finds them in the slot. */
export function lastLog(spool: Spool, settings: RunnerSettings, slot: string): EventLog {
  let fd: number | undefined;
  const onLines = (lines: string) => {
    // Not before the first line: the attempt is settled by then, whether or not the lines can be kept.
    fd ??= spool.disk.openAppend(spool.lines(slot));
    spool.disk.append(fd, lines);
  };
  return new EventLog(spool, { level: settings.logLevel, onLines });
}
