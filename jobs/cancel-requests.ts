import { isCancelRequested } from '../spool/marker.ts';
import type { Spool } from '../spool/spool.ts';

/** A marker is noticed so late at most. Whoever asks in the very moment in which a job begins is heard by the watchdog. */
const KNOWN_MS = 5;

/**
 * Whose cancellation is asked for. A runner that runs one short job after the other looks into the folder now and then: a look for each would cost a tenth of the
 * job. One that has waited looks for the one marker, which is quicker.
 */
export class CancelRequests {
  readonly #spool: Spool;
  #names: ReadonlySet<string> = new Set();
  #readAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  has(id: string): boolean {
    const now = performance.now();
    const isBusy = now - this.#askedAt < KNOWN_MS;
    this.#askedAt = now;
    if (!isBusy) return isCancelRequested(this.#spool, id);
    if (now - this.#readAt >= KNOWN_MS) {
      this.#names = new Set(this.#spool.disk.names(this.#spool.cancel));
      this.#readAt = now;
    }
    return this.#names.has(id) && isCancelRequested(this.#spool, id);
  }
}
