import type { Attempt } from './attempt.ts';
import { parseBatchName } from './batch-name.ts';
import type { Move } from './decide.ts';
import { jobFileName, parseJobName } from './filename.ts';
import { freeName } from './free-name.ts';
import { type AttemptSpan, attemptOf, type End, type Job } from './job.ts';
import { cutToOwn, heldIn, leave, singleOut } from './part.ts';
import { dropBudget, moveTo, reject } from './reject.ts';
import type { Request } from './request.ts';
import { replaceFile, type Spool, syncNames } from './spool.ts';

/** What was recorded: the attempt, where it counts as one, and the job's new name. */
export type Settled = { move: Move; attempt?: Attempt; name: string };

/**
 * Records how an attempt ended and moves its job on; the ledger does it for completed ones. Returns undefined when the
 * job was no longer in the slot: the slot was rescued meanwhile, and the outcome must be discarded.
 *
 * The new text goes beside the job's file under a name that says where it is bound (`.failed=<name>`), then the old
 * file is removed (or, of a line of a batch, cut), then the new one is renamed to its place. A crash between any two steps leaves exactly one of
 * them to believe: the bound file where there is one, as `finishMoves` does. (`=` is in no job's name.)
 */
export function settle(
  spool: Spool,
  slot: string,
  job: Job,
  end: End,
  move: Exclude<Move, { to: 'completed' }>,
  span: AttemptSpan,
  writtenAt: number,
): Settled | undefined {
  if (move.to === 'rejected' || (move.to === 'pending' && move.runAt === undefined)) return settleAsItIs(spool, slot, job, move, writtenAt);
  const attempt = 'outcome' in move ? attemptOf(job, move.outcome, end, span) : undefined;
  const name = 'runAt' in move && move.runAt !== undefined ? jobFileName({ ...job, runAt: move.runAt }) : job.name;
  const next = nextRequest(job, move, attempt, writtenAt);
  const moved = moveOn(spool, slot, job, move.to, name, `${JSON.stringify(next)}\n`);
  if (moved === undefined) return undefined;
  return attempt ? { move, attempt, name: moved } : { move, name: moved };
}

// No attempt is recorded: the file moves on with the text that it has.
function settleAsItIs(
  spool: Spool,
  slot: string,
  job: Job,
  move: Move & { to: 'rejected' | 'pending' },
  writtenAt: number,
): Settled | undefined {
  const file = spool.claimed(slot, job.name);
  if (!singleOut(spool, slot, job, writtenAt)) return undefined;
  if (move.to === 'pending') {
    const name = freeName(spool, spool.pending, job.name);
    return moveTo(spool, file, `${spool.pending}/${name}`) ? { move, name } : undefined;
  }
  const { class: className, method, submittedBy } = job.request;
  dropBudget(spool, file, job.request);
  const name = reject(spool, file, job.name, { reason: move.reason, id: job.id, class: className, method, submittedBy });
  return name === undefined ? undefined : { move, name };
}

/** Whether a name in a slot's folder is that of a text on its way to another folder. */
export const isBound = (name: string): boolean => BOUND.test(name);

/** A move that somebody else brought to its end: the name of the job, or of a part of a batch, and the folder it is in now. */
export type FinishedMove = { name: string; folder: keyof typeof FOLDER };

/** Brings moves to their end that a crash interrupted, of all jobs in the slot or of `only` one, and returns them. */
export function finishMoves(spool: Spool, slot: string, only?: string): FinishedMove[] {
  const names = spool.disk.names(spool.slot(slot));
  if (names.some((name) => parseBatchName(name)) && names.some(isBound)) cutToOwn(spool, slot);
  return names.flatMap((bound) => {
    const move = boundMove(spool, slot, bound);
    if (!move || (only !== undefined && move.id !== only)) return [];
    const original = move.id === undefined ? undefined : names.find((other) => parseJobName(other)?.id === move.id);
    if (original) {
      syncNames(spool, spool.slot(slot));
      spool.disk.remove(spool.claimed(slot, original));
      syncNames(spool, spool.slot(slot));
    }
    const { folder } = move;
    const free = freeName(spool, spool[FOLDER[folder]], move.name);
    moveTo(spool, spool.claimed(slot, bound), `${spool[FOLDER[folder]]}/${free}`);
    return [{ name: free, folder }];
  });
}

// What is no file, or bound for no job, is a stranger's: nothing must go for its sake. A part of a batch has no id of a job.
function boundMove(spool: Spool, slot: string, bound: string): (FinishedMove & { id: string | undefined }) | undefined {
  const match = BOUND.exec(bound);
  if (!match) return undefined;
  const [, folder, name] = match as unknown as [string, keyof typeof FOLDER, string];
  const id = parseJobName(name)?.id;
  const isPart = folder === 'pending' && parseBatchName(name) !== undefined;
  return (id !== undefined || isPart) && spool.disk.facts(spool.claimed(slot, bound))?.isFile ? { name, folder, id } : undefined;
}

/** The text of a waiting job that a person ends: its budget is dropped, so that a retry begins afresh. */
export function withoutBudget(request: Request): Request {
  const { spent: _spent, crashes: _crashes, ...rest } = request;
  return rest;
}

const FOLDER = { pending: 'pending', retrying: 'retrying', failed: 'failed', cancelled: 'cancelled' } as const;
const BOUND = /^\.(pending|retrying|failed|cancelled)=(.+\.(?:json|ndjson))$/;

function moveOn(spool: Spool, slot: string, job: Job, folder: keyof typeof FOLDER, name: string, text: string): string | undefined {
  const { disk } = spool;
  const held = heldIn(spool, slot, job.name, job.id);
  if (!held) return undefined;
  const bound = spool.claimed(slot, `.${folder}=${name}`);
  try {
    replaceFile(spool, bound, text);
    // The new text's name is safe before the old one goes: a power cut must not take both.
    syncNames(spool, spool.slot(slot));
    leave(spool, slot, held);
    // And the old one is gone before the new one leaves: nobody must find both, in two places.
    syncNames(spool, spool.slot(slot));
  } catch (error) {
    // The whole slot was taken over between the check and here.
    if (!disk.exists(spool.slot(slot))) return undefined;
    throw error;
  }
  const free = freeName(spool, spool[folder], name);
  const moved = moveTo(spool, bound, `${spool[folder]}/${free}`);
  if (folder === 'failed' || folder === 'cancelled') syncNames(spool, spool[folder]);
  return moved ? free : undefined;
}

/** So many attempts keep their stacks; a thousand would make the file too large to be read. */
const STACKS_KEPT = 20;

function bounded(attempts: Attempt[]): Attempt[] {
  return attempts.map((attempt, index) => {
    if (!attempt.error?.stack || index >= attempts.length - STACKS_KEPT) return attempt;
    const { stack: _stack, ...error } = attempt.error;
    return { ...attempt, error: { ...error, message: error.message.slice(0, 1_024) } };
  });
}

function nextRequest(job: Job, move: Move, attempt: Attempt | undefined, writtenAt: number): Request {
  const { request } = job;
  const history: Request = {
    ...request,
    attempts: bounded([...(request.attempts ?? []), ...(attempt ? [attempt] : [])]),
    acceptedAt: request.acceptedAt ?? new Date(writtenAt).toISOString(),
    runAt: request.runAt ?? new Date(job.runAt).toISOString(),
  };
  if (move.to === 'failed' || move.to === 'cancelled') return withoutBudget(history);
  if (move.to === 'pending') return { ...history, snoozes: (request.snoozes ?? 0) + 1 };
  const crashed = move.to === 'retrying' && move.crashed;
  return { ...history, spent: (request.spent ?? 0) + 1, ...(crashed ? { crashes: (request.crashes ?? 0) + 1 } : {}) };
}
