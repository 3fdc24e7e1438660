import { SpoolError } from './errors.ts';
import { ID_RULE, isId } from './filename.ts';
import type { Spool } from './spool.ts';

/** Asks for a job's cancellation, as `touch cancel/<id>` does. Throws SpoolError `INVALID_ID` for what cannot be an id. */
export function requestCancel(spool: Spool, id: string): void {
  if (!isId(id)) throw new SpoolError('INVALID_ID', `cancel: ${ID_RULE}; got ${JSON.stringify(id)}`);
  try {
    spool.disk.create(spool.cancelMarker(id), '', false);
  } catch (error) {
    if (!spool.disk.exists(spool.cancelMarker(id))) throw error;
  }
}

export const isCancelRequested = (spool: Spool, id: string): boolean => spool.disk.exists(spool.cancelMarker(id));

export const clearCancel = (spool: Spool, id: string): boolean => spool.disk.remove(spool.cancelMarker(id));

/** The ids whose cancellation is asked for. Files of other names in `cancel/` are left alone. */
export const cancelRequests = (spool: Spool): string[] => spool.disk.names(spool.cancel).filter(isId);

/** Claim nothing new until `resume`; what runs goes on. */
export function pause(spool: Spool): void {
  if (!isPaused(spool)) spool.disk.create(spool.paused, '', false);
}

export const resume = (spool: Spool): boolean => spool.disk.remove(spool.paused);

export const isPaused = (spool: Spool): boolean => spool.disk.exists(spool.paused);
