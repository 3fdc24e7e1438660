import type { EventLog } from '../jobs/event-log.ts';
import { jobFields } from '../jobs/log-move.ts';
import { parseBatchName, parseBatchRequestName, parseMemberId } from '../spool/batch-name.ts';
import { type Lines, lineIn, partsOf, partWith } from '../spool/batch-place.ts';
import { cancelLines, cancelWaiting } from '../spool/cancel.ts';
import { jobNameIn, parseJobName } from '../spool/filename.ts';
import type { Job } from '../spool/job.ts';
import { slots } from '../spool/lease.ts';
import { clearCancel, requestCancel } from '../spool/marker.ts';
import type { Spool } from '../spool/spool.ts';
import type { Backlog } from './backlog.ts';

/** What became of a marker for a job of a batch, or for a batch. `more` can be done at once, `later` something else comes first; `none`: no batch has to do with it. */
export type BatchCancelled = { kind: 'none' | 'done' | 'more' | 'later' } | { kind: 'running'; slot: string };

/** So many jobs of a batch are cancelled in one look; each becomes a file. */
const AT_ONCE = 100;

/** Cancels jobs of batches that wait in a part of one, and whole batches. */
export class BatchCanceller {
  readonly #spool: Spool;
  readonly #backlog: Backlog;
  readonly #log: EventLog;
  readonly #slot: () => string;
  /** Batches that were found under a marker of their own id: jobs that have left their parts are theirs too. */
  readonly #batches = new Set<string>();

  /** `slot`: the dispatcher's own, in which parts are divided. */
  constructor(spool: Spool, backlog: Backlog, log: EventLog, slot: () => string) {
    this.#spool = spool;
    this.#backlog = backlog;
    this.#log = log;
    this.#slot = slot;
  }

  cancel(id: string): BatchCancelled {
    const waiting = this.#spool.disk.names(this.#spool.pending);
    const found = partWith(waiting, id);
    if (found) return { kind: this.#cancelLines(found.name, { from: found.line, to: found.line }) ? 'done' : 'later' };
    const slot = this.#slotWith((name) => {
      const part = parseBatchName(jobNameIn(name));
      return part !== undefined && lineIn(part, id) !== undefined;
    });
    return slot === undefined ? this.#cancelBatch(id, waiting) : { kind: 'running', slot };
  }

  #cancelBatch(id: string, waiting: readonly string[]): BatchCancelled {
    const [part] = partsOf(waiting, id);
    const slot = this.#slotWith((name) => parseBatchName(jobNameIn(name))?.id === id);
    const isComing = this.#isComing(id);
    if (part || slot !== undefined) this.#batches.add(id);
    if (!this.#batches.has(id)) return { kind: isComing ? 'later' : 'none' };
    const isCut =
      part !== undefined &&
      this.#cancelLines(part.name, { from: part.part.from, to: Math.min(part.part.to, part.part.from + AT_ONCE - 1) });
    const singles = this.#cancelSingles(id, waiting);
    if (isCut || singles === 'some') return { kind: 'more' };
    if (part || singles === 'running' || isComing) return { kind: 'later' };
    if (slot !== undefined) return { kind: 'running', slot };
    this.#batches.delete(id);
    return { kind: 'done' };
  }

  // Those that were tried already have files of their own.
  #cancelSingles(id: string, waiting: readonly string[]): 'some' | 'running' | 'none' {
    const { disk, retrying } = this.#spool;
    const names = [...waiting, ...disk.names(retrying)].filter((name) => batchOf(name) === id);
    for (const name of names.slice(0, AT_ONCE)) {
      const job = cancelWaiting(this.#spool, name);
      this.#backlog.remove(name);
      if (job) this.#noteCancelled(job);
    }
    const running = slots(this.#spool).flatMap((slot) => disk.names(this.#spool.slot(slot)).filter((name) => batchOf(name) === id));
    for (const name of running) requestCancel(this.#spool, parseJobName(name)?.id as string);
    if (names.length > 0) return 'some';
    return running.length > 0 ? 'running' : 'none';
  }

  // What is not accepted yet has nothing that could be cancelled.
  #isComing(id: string): boolean {
    const batch = parseMemberId(id)?.id;
    const isIts = (name: string) => isBatchRequest(name, id) || (batch !== undefined && isBatchRequest(name, batch));
    return this.#spool.disk.names(this.#spool.incoming).some(isIts);
  }

  #cancelLines(name: string, lines: Lines): boolean {
    // A rescue that could not be brought to its end: its own comes first.
    if (this.#spool.disk.exists(this.#spool.slot(this.#slot()))) return false;
    const cancelled = cancelLines(this.#spool, this.#slot(), name, lines);
    if (!cancelled) return false;
    this.#backlog.remove(name);
    for (const move of cancelled.moved) if (move.folder === 'pending') this.#backlog.add(move.name, Date.now());
    for (const job of cancelled.jobs) this.#noteCancelled(job);
    return true;
  }

  #noteCancelled(job: Job): void {
    clearCancel(this.#spool, job.id);
    this.#log.event('cancelled', jobFields(job), 'cancelled before it ran');
  }

  #slotWith(isIt: (name: string) => boolean): string | undefined {
    return slots(this.#spool).find((slot) => this.#spool.disk.names(this.#spool.slot(slot)).some(isIt));
  }
}

function batchOf(name: string): string | undefined {
  const job = parseJobName(name);
  return job && parseMemberId(job.id)?.id;
}

function isBatchRequest(name: string, id: string): boolean {
  const parsed = parseBatchRequestName(name);
  return parsed.kind === 'request' && parsed.id === id;
}
