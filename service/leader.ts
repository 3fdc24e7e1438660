import { type Holder, holderOfSlot, hostName, slots } from '../spool/lease.ts';
import type { Liveness } from '../spool/liveness.ts';
import type { Spool } from '../spool/spool.ts';

/**
 * The dispatcher that accepts for the spool: the oldest that lives, by what the slots say, and whose heart beats: one that stands still (a
 * debugger, a frozen container) must not keep the others from accepting. Only one accepts, because only one that
 * knows all ids can refuse a second job with the same one. In the moments of a change two may hold themselves for it;
 * then a duplicate id may pass, and nothing worse.
 */
export function leaderOf(spool: Spool, liveness: Liveness, clock: number): string | undefined {
  const dispatchers = dispatchersOn(spool, liveness, clock);
  const beating = dispatchers.filter(({ slot }) => !liveness.isSilent(slot, clock));
  return (beating[0] ?? dispatchers[0])?.slot;
}

/** The living dispatchers that are not stopping, the oldest first. */
function dispatchersOn(spool: Spool, liveness: Liveness, clock: number): Holder[] {
  const age = ({ since, slot }: Holder) => `${since} ${slot}`;
  return slots(spool)
    .flatMap((slot) => holderOfSlot(spool, slot) ?? [])
    .filter(({ kind, stopping, slot }) => kind === 'dispatcher' && !stopping && liveness.of(slot, clock) === 'alive')
    .sort((a, b) => (age(a) < age(b) ? -1 : 1));
}

/** Whether other dispatchers than `own` work on the spool. */
export function hasPeers(spool: Spool, own: string): boolean {
  return slots(spool).some((slot) => slot !== own && holderOfSlot(spool, slot)?.kind === 'dispatcher');
}

/**
 * The runners whose dispatcher is dead and that take room of `own`: they end what they run, and so long as many fewer are started. Each takes room
 * of one dispatcher on this machine, the youngest first, which is most likely the dead one's successor: were each to count all of them, none
 * would have a runner left.
 */
export function orphansFor(spool: Spool, liveness: Liveness, own: string, clock: number): string[] {
  const here = dispatchersOn(spool, liveness, clock).filter(({ host }) => host === hostName());
  const youngestFirst = here.map(({ slot }) => slot).reverse();
  const orphans = orphanedRunners(spool, liveness, clock);
  return orphans.filter((_, index) => (youngestFirst[index % youngestFirst.length] ?? own) === own);
}

function orphanedRunners(spool: Spool, liveness: Liveness, clock: number): string[] {
  const all = slots(spool).sort();
  return all.filter((slot) => {
    const holder = holderOfSlot(spool, slot);
    const isOrphan = holder?.kind === 'runner' && holder.host === hostName() && !all.includes(holder.dispatcher ?? '');
    return isOrphan && liveness.of(slot, clock) === 'alive';
  });
}
