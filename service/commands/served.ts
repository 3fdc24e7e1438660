import { holderOfSlot, slots } from '../../spool/lease.ts';
import { Liveness } from '../../spool/liveness.ts';
import type { Spool } from '../../spool/spool.ts';

/** One look at another host's heartbeat proves nothing, whatever the stale time: such a host is taken to be alive. */
export const ASSUMED_STALE_MS = 30_000;

/** Whether any dispatcher runs on the spool, as far as can be told from here. */
export function isServed(spool: Spool): boolean {
  const liveness = new Liveness(spool, ASSUMED_STALE_MS);
  return slots(spool).some((slot) => holderOfSlot(spool, slot)?.kind === 'dispatcher' && liveness.of(slot, 0) === 'alive');
}
