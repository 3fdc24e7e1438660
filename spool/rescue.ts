import { readJob } from './claim.ts';
import { decide, type Move } from './decide.ts';
import { parseJobName } from './filename.ts';
import type { End, Job } from './job.ts';
import { forgetSlot, holderOfSlot } from './lease.ts';
import { type Leftover, recordedIn } from './ledger.ts';
import type { Policy } from './policy.ts';
import { reject } from './reject.ts';
import type { Request } from './request.ts';
import { type FinishedMove, finishMoves, settle } from './settle.ts';
import type { Spool } from './spool.ts';

/** What a rescue knows of the dead slot and of what its jobs are worth. Times in milliseconds since the epoch. */
export type RescueOptions = {
  /** How the attempt that ran there ended: crashed, lost, or released. */
  endOf(job: Job): End;
  policyOf(request: Request): Policy;
  now: number;
  random(): number;
  /** Called for each job whose end its dead runner had recorded and not yet moved on. */
  onFinished?(done: FinishedMove): void;
  /** Called for each job before it is moved on, while the dead runner's output is still there. */
  onEnd?(job: Job, startedAt: number): void;
};

/** What became of a job that was found in a dead slot. */
export type Rescued = { job: Job; end: End; move: Move; startedAt: number; name: string };

/**
 * Takes over the slot of a dead runner and settles what it left; `own` is the slot of the rescuer, which holds no folder. The
 * takeover is one rename of the whole folder: of several rescuers one wins, and whatever the dead holder might still try
 * (a machine that wakes up) meets a folder that is gone. A rescuer that dies leaves its own slot to the next.
 */
export function rescue(spool: Spool, dead: string, own: string, options: RescueOptions): Rescued[] {
  const rescued = takeOver(spool, dead, own) ? settleTaken(spool, own, dead, options) : [];
  forgetSlot(spool, dead);
  return rescued;
}

/** Settles what an earlier rescue took over and could not bring to its end (a full disk). `dead`: whose attempts they were. */
export function settleTaken(spool: Spool, own: string, dead: string, options: RescueOptions): Rescued[] {
  for (const done of finishMoves(spool, own)) options.onFinished?.(done);
  const left = readLeftovers(spool, own);
  // What a runner left, only its own ledger can record; what a rescuer left may be anybody's.
  const recorded = recordedIn(spool, left, holderOfSlot(spool, dead)?.kind === 'runner' ? dead : undefined);
  for (const { name } of recorded) spool.disk.remove(spool.claimed(own, name));
  const rescued = left
    .filter((leftover) => !recorded.has(leftover))
    .flatMap((leftover) => settleLeftover(spool, dead, own, leftover, options) ?? []);
  // What is no job (an editor's file, say) would keep the folder for ever.
  for (const name of spool.disk.names(spool.slot(own))) {
    reject(spool, spool.claimed(own, name), name.replace(/^\.+/, ''), {
      reason: `it lay in the slot of the dead runner ${dead} and is no job`,
    });
  }
  spool.disk.removeFolder(spool.slot(own));
  return rescued;
}

function takeOver(spool: Spool, dead: string, own: string): boolean {
  // A stranger's file may bear a slot's name.
  if (!spool.disk.facts(spool.slot(dead))?.isFolder) return false;
  return spool.disk.rename(spool.slot(dead), spool.slot(own));
}

/** The jobs in a slot that nobody holds. What cannot be read as one is rejected. */
function readLeftovers(spool: Spool, slot: string): Leftover[] {
  return spool.disk.names(spool.slot(slot)).flatMap((name) => {
    const file = spool.claimed(slot, name);
    const claimedAt = spool.disk.facts(file)?.ctimeMs;
    if (!parseJobName(name) || claimedAt === undefined) return [];
    const read = readJob(spool, file, name);
    if (read.kind === 'claimed') return [{ name, job: read.job, writtenAt: read.writtenAt, claimedAt }];
    // A fault of the disk may pass: the next scan tries again.
    if (read.kind === 'unread') throw new Error(`rescue ${name}: ${read.reason}`);
    const reason = read.kind === 'spoilt' ? read.reason : 'its file cannot be read';
    reject(spool, file, name, { reason, id: parseJobName(name)?.id });
    return [];
  });
}

function settleLeftover(spool: Spool, dead: string, own: string, leftover: Leftover, options: RescueOptions): Rescued | undefined {
  const { job, writtenAt, claimedAt } = leftover;
  options.onEnd?.(job, claimedAt);
  const end = options.endOf(job);
  const move = decide(job, end, options.policyOf(job.request), options.now, options.random);
  if (move.to === 'completed') throw new Error(`a rescue cannot complete a job, and tried to with ${job.name}`);
  const span = { startedAt: claimedAt, finishedAt: options.now, runner: dead };
  const settled = settle(spool, own, job, end, move, span, writtenAt);
  return settled && { job, end, move, startedAt: claimedAt, name: settled.name };
}
