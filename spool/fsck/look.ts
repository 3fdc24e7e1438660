import { holderOfSlot, slots } from '../lease.ts';
import type { Liveness } from '../liveness.ts';
import type { Retention } from '../prune.ts';
import type { Spool } from '../spool.ts';
import { type Acceptances, readAcceptances } from './acceptances.ts';

/** A file that is a job's, or one of many. `slot`: where it runs, and whether its runner lives. */
export type Sighting = {
  id: string;
  folder: Place;
  /** Relative to the spool. */
  shown: string;
  name: string;
  /** Of a batch: it has no file of its own, and `name` is that of many lines. */
  line?: number;
  slot?: { name: string; isHeld: boolean };
};

export type Place = 'incoming' | 'pending' | 'retrying' | 'running' | 'failed' | 'cancelled' | 'rejected';

export type LookOptions = {
  /** How long finished jobs are kept: what is older may be gone. Default: for ever. */
  keep?: Pick<Retention, 'keepCompletedMs' | 'keepFailedMs'>;
  /** Milliseconds since the epoch. */
  now?: number;
  /** Told now and then what is being looked at, for a person who waits. */
  onProgress?(text: string): void;
};

/** One look at a whole spool: what has been seen so far. */
export type Look = {
  spool: Spool;
  liveness: Liveness;
  keep: Required<LookOptions>['keep'];
  now: number;
  /** Whether a dispatcher lives. */
  isServed: boolean;
  /** The user that the service runs as, and the group of the spool. */
  user: User;
  /** What the service's log says was accepted, read before anything else: all of it must be found. */
  accepted: Acceptances;
  sightings: Map<string, Sighting[]>;
  /** The ids of batches of which something waits or runs. */
  batches: Set<string>;
  /** How many lines the ledger has. */
  completed: number;
  see(sighting: Sighting): void;
  /** Counts one more thing that was looked at. */
  step(where: string): void;
};

export type User = { uid: number; gid: number; spoolGid: number };

export function beginLook(spool: Spool, liveness: Liveness, options: LookOptions): Look {
  const { keep = FOR_EVER, now = Date.now(), onProgress = () => undefined } = options;
  const sightings = new Map<string, Sighting[]>();
  let steps = 0;
  const step = (where: string) => {
    steps += 1;
    if (steps % EVERY === 0) onProgress(`${where}: ${steps} looked at`);
  };
  const see = (sighting: Sighting) => {
    const others = sightings.get(sighting.id);
    if (others) others.push(sighting);
    else sightings.set(sighting.id, [sighting]);
  };
  const accepted = readAcceptances(spool, step);
  const dispatcher = slots(spool).find((slot) => holderOfSlot(spool, slot)?.kind === 'dispatcher' && liveness.of(slot, 0) === 'alive');
  const user = serviceUser(spool, dispatcher);
  return {
    spool,
    liveness,
    keep,
    now,
    isServed: dispatcher !== undefined,
    user,
    accepted,
    sightings,
    batches: new Set(),
    completed: 0,
    see,
    step,
  };
}

const EVERY = 1_000;
const FOR_EVER = { keepCompletedMs: Number.POSITIVE_INFINITY, keepFailedMs: Number.POSITIVE_INFINITY };

/** Who wrote the slot of a living dispatcher; where none lives, whose the spool is. */
function serviceUser(spool: Spool, slot: string | undefined): User {
  const own = spool.disk.details(spool.root);
  const shown = (slot === undefined ? undefined : spool.disk.details(spool.holder(slot))) ?? own;
  return { uid: shown?.uid ?? 0, gid: shown?.gid ?? 0, spoolGid: own?.gid ?? 0 };
}
