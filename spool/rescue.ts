import { readJob } from './claim.ts';
import { decide, type Move } from './decide.ts';
import { atBest } from './errors.ts';
import { parseJobName } from './filename.ts';
import { type End, type Job, jobOf } from './job.ts';
import { forgetSlot, holderOfSlot } from './lease.ts';
import { type Leftover, recordedIn } from './ledger.ts';
import { cutToOwn, singleOut } from './part.ts';
import type { Policy } from './policy.ts';
import { reject } from './reject.ts';
import type { Request } from './request.ts';
import { type LeftPart, leftParts, releasePart } from './rescue-part.ts';
import { type FinishedMove, finishMoves, settle } from './settle.ts';
import type { Spool } from './spool.ts';

/** What a rescue knows of the dead slot and of what its jobs are worth. Times in milliseconds since the epoch. */
export type RescueOptions = {
  /** How the attempt that ran there ended: crashed, lost, or released. `batch`: of which the job is a line. */
  endOf(job: Job, batch?: string): End;
  policyOf(request: Request): Policy;
  now: number;
  random(): number;
  /** Called for each job whose end its dead runner had recorded and not yet moved on. */
  onFinished?(done: FinishedMove): void;
  /** Called for each part of a batch whose jobs had not begun and wait again, with its name. */
  onReleased?(name: string): void;
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
  const rescued = takeOver(spool, dead, own) ? settleOrGiveBack(spool, own, dead, options) : [];
  forgetSlot(spool, dead);
  return rescued;
}

// What cannot be settled now waits under the dead one's name for the next scan: this rescuer can take over others meanwhile, and any other
// rescuer may be luckier.
function settleOrGiveBack(spool: Spool, own: string, dead: string, options: RescueOptions): Rescued[] {
  try {
    return settleTaken(spool, own, dead, options);
  } catch (error) {
    atBest(() => spool.disk.rename(spool.slot(own), spool.slot(dead)));
    throw error;
  }
}

/** Settles what an earlier rescue took over and could not bring to its end (a full disk). `dead`: whose attempts they were. */
export function settleTaken(spool: Spool, own: string, dead: string, options: RescueOptions): Rescued[] {
  clearStranger(spool, own);
  cutToOwn(spool, own);
  for (const done of finishMoves(spool, own)) options.onFinished?.(done);
  const { left, unread } = readLeftovers(spool, own);
  const parts = leftParts(spool, own);
  const kind = holderOfSlot(spool, dead)?.kind;
  // What a runner left, only its own ledger can record; what a rescuer left may be anybody's.
  const recorded = recordedIn(spool, [...left, ...parts.flatMap(({ jobs }) => jobs)], kind === 'runner' ? dead : undefined);
  for (const leftover of left) if (recorded.has(leftover)) spool.disk.remove(spool.claimed(own, leftover.name));
  const rescued = left
    .filter((leftover) => !recorded.has(leftover))
    .flatMap((leftover) => settleLeftover(spool, dead, own, leftover, options));
  // Who only moved things about ran none of them.
  const hasBegun = (job: Job, batch: string) => kind !== 'dispatcher' && kind !== 'tool' && options.endOf(job, batch).kind !== 'released';
  const settlePart = (part: LeftPart): Rescued[] => {
    const begun = releasePart(spool, own, part, recorded, { hasBegun, onReleased: (name) => options.onReleased?.(name) });
    if (begun && 'unread' in begun) unread.push(begun.unread);
    return begun && !('unread' in begun) ? settleLeftover(spool, dead, own, begun, options, part.part.id) : [];
  };
  rescued.push(...parts.flatMap(settlePart));
  // The others are not to wait for them.
  if (unread.length > 0) throw new Error(`read what the dead runner ${dead} left: ${unread.join(', ')}`);
  // What is no job (an editor's file, say) would keep the folder for ever.
  for (const name of spool.disk.names(spool.slot(own))) {
    reject(spool, spool.claimed(own, name), name.replace(/^\.+/, ''), {
      reason: `it lay in the slot of the dead runner ${dead} and is no job`,
    });
  }
  // What is left has a name that is not UTF-8, by which it cannot be moved, or is no folder at all: it goes as a whole, or no slot
  // could be taken over any more.
  if (!spool.disk.removeFolder(spool.slot(own)))
    reject(spool, spool.slot(own), `${own}.strangers`, {
      reason: `it lay in the place of a slot, that of the dead runner ${dead} or its rescuer's`,
    });
  return rescued;
}

// What is no folder is no slot: what a link leads to is not ours to settle.
function clearStranger(spool: Spool, own: string): void {
  if (spool.disk.facts(spool.slot(own))?.isFolder === false)
    reject(spool, spool.slot(own), own, { reason: 'it bore the name of a slot, and is no folder' });
}

function takeOver(spool: Spool, dead: string, own: string): boolean {
  // A stranger's file may bear a slot's name.
  if (!spool.disk.facts(spool.slot(dead))?.isFolder) return false;
  clearStranger(spool, own);
  return spool.disk.rename(spool.slot(dead), spool.slot(own));
}

/** `spoilt`: why its file cannot be read as a job; what is then known of it is in its name. */
type Found = Leftover & { spoilt?: string | undefined; text?: string };

/** The jobs in a slot that nobody holds. `unread`: of what a fault of the disk, which may pass, kept from being read, why. */
function readLeftovers(spool: Spool, slot: string): { left: Found[]; unread: string[] } {
  const left: Found[] = [];
  const unread: string[] = [];
  for (const name of spool.disk.names(spool.slot(slot)).filter((one) => parseJobName(one))) {
    const file = spool.claimed(slot, name);
    const facts = spool.disk.facts(file);
    if (!facts) continue;
    const read = readJob(spool, file, name);
    if (read.kind === 'claimed') left.push({ name, job: read.job, writtenAt: read.writtenAt, claimedAt: facts.ctimeMs });
    if (read.kind === 'unread') unread.push(read.reason);
    if (read.kind !== 'spoilt') continue;
    const job = jobOf(name, { class: '', method: '', params: [] });
    left.push({ name, job, writtenAt: facts.mtimeMs, claimedAt: facts.ctimeMs, spoilt: read.reason });
  }
  return { left, unread };
}

function settleLeftover(spool: Spool, dead: string, own: string, leftover: Found, options: RescueOptions, batch?: string): Rescued[] {
  const { name, job, writtenAt, claimedAt, spoilt } = leftover;
  if (spoilt !== undefined) {
    if (singleOut(spool, own, job, writtenAt, leftover.text)) reject(spool, spool.claimed(own, name), name, { reason: spoilt, id: job.id });
    return [];
  }
  options.onEnd?.(job, claimedAt);
  const end = options.endOf(job, batch);
  const move = decide(job, end, options.policyOf(job.request), options.now, options.random);
  if (move.to === 'completed') throw new Error(`a rescue cannot complete a job, and tried to with ${job.name}`);
  const span = { startedAt: claimedAt, finishedAt: options.now, runner: dead };
  const settled = settle(spool, own, job, end, move, span, writtenAt);
  return settled ? [{ job, end, move, startedAt: claimedAt, name: settled.name }] : [];
}
