import path from 'node:path';
import { parseJobName } from './filename.ts';
import { type Holder, holderOfSlot, slots } from './lease.ts';
import type { Life, Liveness } from './liveness.ts';
import { isDrainRequested } from './marker.ts';
import { platform } from './platform.ts';
import { workIn } from './query.ts';
import type { Spool } from './spool.ts';

/** A slot and who holds it, for people to look at. What its holder does not say is undefined. */
export type SlotView = {
  slot: string;
  kind: Holder['kind'] | undefined;
  life: Life;
  host: string | undefined;
  pid: number | undefined;
  /** When it took the slot, in ISO 8601 UTC. */
  since: string | undefined;
  /** A runner's dispatcher. */
  dispatcher: string | undefined;
  /** A dispatcher that was told to stop. */
  stopping: boolean;
  /** How long ago its last heartbeat was, in milliseconds; undefined when the lock is gone. */
  leaseAgeMs: number | undefined;
  /** The memory it has in use; undefined where that cannot be found out (another host, no Linux). */
  memoryBytes: number | undefined;
  /** The names of the files of the jobs that it runs. */
  jobs: string[];
  /** It was asked to finish what it runs and to go. */
  draining: boolean;
};

/** Every slot, dispatchers first, then by name. `now` in milliseconds since the epoch. Only reads. */
export function slotViews(spool: Spool, liveness: Liveness, now: number): SlotView[] {
  const views = slots(spool).map((slot) => viewOf(spool, liveness, slot, now));
  return views.sort((a, b) => rank(a) - rank(b) || (a.slot < b.slot ? -1 : 1));
}

function viewOf(spool: Spool, liveness: Liveness, slot: string, now: number): SlotView {
  const holder = holderOfSlot(spool, slot);
  const life = liveness.of(slot, performance.now());
  const beat = spool.disk.facts(spool.lock(slot))?.mtimeMs;
  return {
    slot,
    kind: KINDS.find((kind) => kind === holder?.kind),
    life,
    host: holder?.host,
    pid: holder?.pid,
    since: holder?.since,
    dispatcher: holder?.dispatcher,
    stopping: holder?.stopping === true,
    leaseAgeMs: beat === undefined ? undefined : Math.max(0, Math.round(now - beat)),
    // The pid of a dead holder may be another process's by now.
    memoryBytes: holder && life === 'alive' && liveness.isHere(holder) ? platform.residentBytes(holder.pid) : undefined,
    jobs: jobsIn(spool, slot),
    draining: isDrainRequested(spool, slot),
  };
}

// A batch's line that runs has no file of its own: it counts by the name that it would have.
function jobsIn(spool: Spool, slot: string): string[] {
  const { running } = workIn(spool, slot);
  return running.filter(({ file, line }) => line !== undefined || parseJobName(path.basename(file))).map(({ name }) => name);
}

const KINDS = ['runner', 'dispatcher', 'tool'] as const satisfies Holder['kind'][];

const rank = ({ kind }: SlotView): number => (kind === 'dispatcher' ? 0 : 1);
