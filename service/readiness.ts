/** Why work would not be taken now, as `/readyz` says it. Paused is ready: somebody wants it so. */
import { whyUnusable } from '../spool/access.ts';
import { formatDuration } from '../spool/duration.ts';
import { type Holder, holderOfSlot, slots } from '../spool/lease.ts';
import type { Liveness } from '../spool/liveness.ts';
import { type Shortage, shortageOf } from '../spool/room.ts';
import { slotViews } from '../spool/slots.ts';
import type { Spool } from '../spool/spool.ts';
import type { Dispatcher, Obstacle } from './dispatcher.ts';

/** Of a service: what is wrong with its spool, and the reasons of its own dispatcher. */
export function reasonsOfService(spool: Spool, dispatcher: DispatcherView): string[] {
  const unusable = whyUnusable(spool);
  return [...(unusable === undefined ? [] : [unusable]), ...reasonsOfDispatcher(dispatcher)];
}

type DispatcherView = Pick<Dispatcher, 'obstacle' | 'readyRunners'> & Partial<Pick<Dispatcher, 'startFailure'>>;

/** The reasons of a dispatcher. */
export function reasonsOfDispatcher({ obstacle, readyRunners, startFailure }: DispatcherView): string[] {
  const reason = obstacle && WORDS[obstacle];
  const unready = startFailure === undefined ? 'no runner is ready' : `no runner is ready: ${startFailure}`;
  return [...(reason === undefined ? [] : [reason]), ...(readyRunners === 0 ? [unready] : [])];
}

/** Of a spool that other processes serve: what can be seen in it. Keep the `liveness` between calls: it learns who is silent. */
export function reasonsOfSpool(spool: Spool, liveness: Liveness, minFreeBytes: number): string[] {
  const unusable = whyUnusable(spool);
  if (unusable !== undefined) return [unusable];
  const shortage = shortageOf(spool.disk.room(spool.root), minFreeBytes);
  const alive = slotViews(spool, liveness, Date.now()).filter(({ life, stopping }) => life === 'alive' && !stopping);
  return [
    ...(alive.some(({ kind }) => kind === 'dispatcher') ? [] : ['no dispatcher runs on this spool (jobspool serve starts one)']),
    ...(alive.some(({ kind }) => kind === 'runner') ? [] : ['no runner is alive']),
    ...(shortage ? [DISK[shortage.kind]] : []),
  ];
}

type Sight = { liveness: Liveness; staleMs: number; minFreeBytes: number };

/** Of the dispatcher on this machine (in this container), by what can be seen in the spool at one look. `now` in milliseconds since the epoch. */
export function reasonsOfMachine(spool: Spool, { liveness, staleMs, minFreeBytes }: Sight, now: number): string[] {
  const unusable = whyUnusable(spool);
  if (unusable !== undefined) return [unusable];
  const shortage = shortageOf(spool.disk.room(spool.root), minFreeBytes);
  const here = slots(spool).flatMap((slot) => holderOfSlot(spool, slot) ?? []);
  const alive = here.filter((holder) => liveness.isHere(holder) && liveness.of(holder.slot, 0) === 'alive');
  const dispatcher = alive.find(({ kind, stopping }) => kind === 'dispatcher' && !stopping);
  if (dispatcher) return [...reasonsOfHolder(spool, dispatcher, alive, now - staleMs, now), ...(shortage ? [DISK[shortage.kind]] : [])];
  return [alive.some(({ kind }) => kind === 'dispatcher') ? STOPPING : 'no dispatcher of this machine works on the spool'];
}

function reasonsOfHolder(spool: Spool, { slot }: Holder, alive: Holder[], stale: number, now: number): string[] {
  // The heartbeat comes from the event loop that does the work: a dispatcher that hangs has none.
  const beat = spool.disk.facts(spool.lock(slot))?.mtimeMs ?? 0;
  if (beat < stale) return [`the dispatcher stands still: its last heartbeat was ${formatDuration(Math.round(now - beat))} ago`];
  return alive.some(({ kind, dispatcher }) => kind === 'runner' && dispatcher === slot) ? [] : ['no runner is ready'];
}

const STOPPING = 'the service is stopping';

const DISK: Record<Shortage['kind'], string> = {
  'disk-low': 'the disk is nearly full (JOBSPOOL_MIN_FREE)',
  'disk-full': 'the disk is full: no bytes are left on it, or no files',
};

const WORDS: Record<Obstacle, string | undefined> = {
  stopping: STOPPING,
  lost: 'another host took this one for dead, and it stops',
  ...DISK,
  paused: undefined,
  // Asked for each time anew, below.
  unusable: undefined,
};
