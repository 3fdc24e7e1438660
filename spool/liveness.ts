import { type Holder, holderOfSlot, hostName } from './lease.ts';
import { platform as realPlatform } from './platform.ts';
import type { Spool } from './spool.ts';

/** `dead`: proven on this host. `lost`: its host went silent for the stale time. */
export type Life = 'alive' | 'dead' | 'lost';

type Beat = { mtimeMs: number; since: number };

/**
 * Tells dead holders of slots from living ones. On this machine the process table is the proof, and a process that is merely
 * stopped or busy lives. Of other machines only the heartbeat is known: it must not have moved for the whole stale time while
 * we watched, on our monotonic clock, so that clocks which differ or jump condemn nobody.
 */
export class Liveness {
  readonly #spool: Spool;
  readonly #staleMs: number;
  readonly #platform: typeof realPlatform;
  readonly #beats = new Map<string, Beat>();

  constructor(spool: Spool, staleMs: number, platform = realPlatform) {
    this.#spool = spool;
    this.#staleMs = staleMs;
    this.#platform = platform;
  }

  /** `clock` in monotonic milliseconds. */
  of(slot: string, clock: number): Life {
    const holder = holderOfSlot(this.#spool, slot);
    if (holder && this.isHere(holder)) return this.#runs(holder) ? 'alive' : 'dead';
    return this.isSilent(slot, clock) ? 'lost' : 'alive';
  }

  /** Whether the heartbeat has not moved for the stale time, while we watched. A holder on this machine may live all the same. */
  isSilent(slot: string, clock: number): boolean {
    const { disk } = this.#spool;
    const mtimeMs = (disk.facts(this.#spool.lock(slot)) ?? disk.facts(this.#spool.holder(slot)))?.mtimeMs ?? 0;
    const beat = this.#beats.get(slot);
    if (beat?.mtimeMs === mtimeMs) return clock - beat.since > this.#staleMs;
    this.#beats.set(slot, { mtimeMs, since: clock });
    return false;
  }

  /** Forgets slots that are gone. */
  keepOnly(slots: readonly string[]): void {
    const present = new Set(slots);
    for (const slot of this.#beats.keys()) if (!present.has(slot)) this.#beats.delete(slot);
  }

  /** Whether a holder's pid means something here: it was taken on this machine, in this boot and pid namespace. */
  isHere(holder: Holder): boolean {
    const { namesBoots, bootId, pidNamespace } = this.#platform;
    // Two containers that see no /proc both call their namespace nothing: that is no sign of being the same one.
    if (namesBoots && (holder.bootId === '' || holder.pidNamespace === '')) return false;
    return holder.host === hostName() && holder.bootId === bootId() && holder.pidNamespace === pidNamespace();
  }

  #runs(holder: Holder): boolean {
    try {
      const start = this.#platform.processStart(holder.pid);
      return start !== undefined && (holder.processStart === '' || start === holder.processStart);
    } catch {
      // Not to know is no proof.
      return true;
    }
  }
}
