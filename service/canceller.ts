import type { EventLog } from '../jobs/event-log.ts';
import { jobFields } from '../jobs/log-move.ts';
import { isPartName } from '../spool/batch-name.ts';
import { cancelWaiting } from '../spool/cancel.ts';
import { messageOf } from '../spool/errors.ts';
import { holderOfSlot } from '../spool/lease.ts';
import { Liveness } from '../spool/liveness.ts';
import { cancelRequests, clearCancel } from '../spool/marker.ts';
import { platform } from '../spool/platform.ts';
import { jobStatus, locate } from '../spool/query.ts';
import type { Spool } from '../spool/spool.ts';
import type { Backlog } from './backlog.ts';
import { BatchCanceller } from './cancel-batch.ts';

/**
 * Carries out cancel markers: jobs that wait are cancelled at once; those that run are left to their runner's watchdog, which
 * sees the marker itself; for a job that is over or unknown nothing changes, and the log says so.
 */
export class Canceller {
  readonly #spool: Spool;
  readonly #backlog: Backlog;
  readonly #log: EventLog;
  /** Markers whose job was running, or nowhere, when we looked last. */
  readonly #seen = new Map<string, 'running' | 'nowhere'>();
  readonly #liveness: Liveness;
  readonly #batches: BatchCanceller;
  readonly #lookAgain: () => void;
  /** Markers that could not be dealt with: each is logged once. */
  readonly #troubled = new Set<string>();

  /** `slot`: the dispatcher's own; `lookAgain`: there is more to be done than one look may take. */
  constructor(spool: Spool, backlog: Backlog, log: EventLog, { slot, lookAgain }: { slot(): string; lookAgain(): void }) {
    this.#spool = spool;
    this.#lookAgain = lookAgain;
    this.#batches = new BatchCanceller(spool, backlog, log, slot);
    this.#backlog = backlog;
    this.#log = log;
    // Asked for holders on this machine only, whose heartbeat does not matter.
    this.#liveness = new Liveness(spool, Number.POSITIVE_INFINITY);
  }

  run(): void {
    const ids = cancelRequests(this.#spool);
    for (const id of this.#seen.keys()) if (!ids.includes(id)) this.#seen.delete(id);
    for (const id of ids) this.#cancelSafely(id);
  }

  // One marker that cannot be dealt with (or removed) must not keep the others, or the whole look, waiting.
  #cancelSafely(id: string): void {
    try {
      this.#cancel(id);
      this.#troubled.delete(id);
    } catch (error) {
      if (!this.#troubled.has(id)) this.#log.error(`cancel ${id}: ${messageOf(error)}; it is tried again at each look`, { err: error });
      this.#troubled.add(id);
    }
  }

  #cancel(id: string): void {
    const known = this.#backlog.nameOf(id);
    if (known && !isPartName(known) && this.#cancelWaiting(id, known)) return;
    if (this.#cancelInBatch(id)) return;
    const place = locate(this.#spool, id);
    if (place?.state === 'running') return this.#noteRunning(id, place.slot);
    const waits = place?.state === 'scheduled' || place?.state === 'pending' || place?.state === 'retrying';
    if (place && waits) {
      // Still in incoming/: it is cancelled once it is accepted.
      this.#cancelWaiting(id, place.name);
      return;
    }
    this.#giveUp(id);
  }

  #cancelInBatch(id: string): boolean {
    // A job of that very id comes before a batch of it.
    const cancelled = this.#batches.cancel(id);
    if (cancelled.kind === 'running') this.#noteRunning(id, cancelled.slot);
    if (cancelled.kind === 'more') this.#lookAgain();
    if (cancelled.kind === 'done') clearCancel(this.#spool, id);
    return cancelled.kind !== 'none';
  }

  #cancelWaiting(id: string, name: string): boolean {
    const job = cancelWaiting(this.#spool, name);
    if (!job) return false;
    this.#backlog.remove(name);
    clearCancel(this.#spool, id);
    this.#log.event('cancelled', jobFields(job), 'cancelled before it ran');
    return true;
  }

  #noteRunning(id: string, slot: string | undefined): void {
    if (this.#seen.get(id) !== 'running') this.#log.event('cancelling', { id }, 'cancel asked for; its runner stops it');
    else if (slot !== undefined) this.#wake(slot);
    this.#seen.set(id, 'running');
  }

  // A runner that somebody has stopped (SIGSTOP) sees no marker, and does not stop its job.
  #wake(slot: string): void {
    const holder = holderOfSlot(this.#spool, slot);
    const isThere = holder !== undefined && this.#liveness.isHere(holder) && this.#liveness.of(slot, performance.now()) === 'alive';
    if (isThere) platform.wakeTree(holder.pid);
  }

  // A job that moves between two folders is for a moment in neither: only who is nowhere twice is over or unknown.
  #giveUp(id: string): void {
    if (this.#seen.get(id) !== 'nowhere') {
      this.#seen.set(id, 'nowhere');
      return;
    }
    const state = jobStatus(this.#spool, id)?.state;
    if (state === 'running' || state === 'pending' || state === 'scheduled' || state === 'retrying') return;
    clearCancel(this.#spool, id);
    this.#seen.delete(id);
    const why = state ? `it is already ${state}` : 'no job of that id is known';
    this.#log.event('not-cancelled', { id, reason: why }, `cancel ${id}: ${why}; nothing was changed`);
  }

  /** Whether a marker still waits for a second look. */
  get isWaiting(): boolean {
    return this.#seen.size > 0;
  }
}
