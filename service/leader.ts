import { holderOfSlot, slots } from '../spool/lease.ts';
import type { Liveness } from '../spool/liveness.ts';
import type { Spool } from '../spool/spool.ts';

/**
 * The dispatcher that accepts for the spool: the oldest that lives, by what the slots say. Only one accepts, because only one that
 * knows all ids can refuse a second job with the same one. In the moments of a change two may hold themselves for it;
 * then a duplicate id may pass, and nothing worse.
 */
export function leaderOf(spool: Spool, liveness: Liveness, clock: number): string | undefined {
  const dispatchers = slots(spool)
    .map((slot) => holderOfSlot(spool, slot))
    .filter((holder) => holder?.kind === 'dispatcher' && !holder.stopping && liveness.of(holder.slot, clock) === 'alive');
  return dispatchers.sort((a, b) => (`${a?.since} ${a?.slot}` < `${b?.since} ${b?.slot}` ? -1 : 1))[0]?.slot;
}

/** Whether other dispatchers than `own` work on the spool. */
export function hasPeers(spool: Spool, own: string): boolean {
  return slots(spool).some((slot) => slot !== own && holderOfSlot(spool, slot)?.kind === 'dispatcher');
}

/** Runners on this machine whose dispatcher is dead: they end what they run, and until then take room. */
export function orphanedRunners(spool: Spool, liveness: Liveness, host: string, clock: number): string[] {
  const all = slots(spool);
  return all.filter((slot) => {
    const holder = holderOfSlot(spool, slot);
    return (
      holder?.kind === 'runner' && holder.host === host && !all.includes(holder.dispatcher ?? '') && liveness.of(slot, clock) === 'alive'
    );
  });
}
