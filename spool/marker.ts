import { SpoolError } from './errors.ts';
import { ID_RULE, isId } from './filename.ts';
import { DRAIN_ENDING } from './layout.ts';
import { holderOfSlot, slots } from './lease.ts';
import { type Spool, syncNames } from './spool.ts';

/** Asks for a job's cancellation, as `touch cancel/<id>` does. Throws SpoolError `INVALID_ID` for what cannot be an id. */
export function requestCancel(spool: Spool, id: string): void {
  if (!isId(id)) throw new SpoolError('INVALID_ID', `cancel: ${ID_RULE}; got ${JSON.stringify(id)}`);
  createAnyway(spool, spool.cancelMarker(id));
}

export const isCancelRequested = (spool: Spool, id: string): boolean => isMarker(spool, spool.cancelMarker(id));

export const clearCancel = (spool: Spool, id: string): boolean => spool.disk.remove(spool.cancelMarker(id));

/** The ids whose cancellation is asked for. What else lies in `cancel/` is left alone. */
export const cancelRequests = (spool: Spool): string[] =>
  spool.disk.names(spool.cancel).filter((name) => isId(name) && isMarker(spool, spool.cancelMarker(name)));

/** Claim nothing new until `resume`; what runs goes on. */
export function pause(spool: Spool): void {
  if (!isPaused(spool)) createAnyway(spool, spool.paused);
  // Whoever pauses has a reason that outlasts a power cut.
  syncNames(spool, spool.root);
}

// Whatever stands there, somebody wants a pause: a folder too, which goes if it is empty.
export const resume = (spool: Spool): boolean =>
  (spool.disk.facts(spool.paused)?.isFolder && spool.disk.removeFolder(spool.paused)) || spool.disk.remove(spool.paused);

export const isPaused = (spool: Spool): boolean => spool.disk.facts(spool.paused) !== undefined;

/**
 * Asks a runner to finish what it runs and to go; its dispatcher starts another in its place. False when no runner has a slot of that
 * name: nothing is asked for then.
 */
export function requestDrain(spool: Spool, slot: string): boolean {
  // A name that is not among the slots may be anything, a path for instance.
  if (!slots(spool).includes(slot) || holderOfSlot(spool, slot)?.kind !== 'runner') return false;
  spool.disk.overwrite(spool.drain(slot), '');
  return true;
}

export const isDrainRequested = (spool: Spool, slot: string): boolean => isMarker(spool, spool.drain(slot));

/** The slots whose runners are asked to drain. Some may be gone. */
export const drainRequests = (spool: Spool): string[] =>
  spool.disk
    .names(spool.running)
    .filter((name) => name.endsWith(DRAIN_ENDING))
    .map((name) => name.slice(0, -DRAIN_ENDING.length))
    .filter((slot) => isDrainRequested(spool, slot));

export const clearDrain = (spool: Spool, slot: string): boolean => spool.disk.remove(spool.drain(slot));

// A folder or a link of such a name is a stranger's.
const isMarker = (spool: Spool, file: string): boolean => spool.disk.facts(file)?.isFile === true;

// Somebody else may ask for the same in the same moment.
function createAnyway(spool: Spool, marker: string): void {
  try {
    spool.disk.create(marker, '', false);
  } catch (error) {
    if (!isMarker(spool, marker)) throw error;
  }
}
