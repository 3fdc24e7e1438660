/** Looks a whole spool over for what should not be in it. It may be in use: what is seen twice, with a pause between, is true. */

import { messageOf } from './errors.ts';
import { inFiles, recordKeeper } from './fsck/duplicates.ts';
import { type Flaw, wrong } from './fsck/flaw.ts';
import { inIncoming, inTmp } from './fsck/intake.ts';
import { inJobFolder } from './fsck/job-folders.ts';
import { inLedger } from './fsck/ledger.ts';
import { inLogs, unseenLogs } from './fsck/logs.ts';
import { beginLook, type Look, type LookOptions } from './fsck/look.ts';
import { inMarkers } from './fsck/markers.ts';
import { inRejected } from './fsck/rejected.ts';
import { inRoot, inVersion } from './fsck/root.ts';
import { inRunning } from './fsck/running.ts';
import { CLOCKS_MS, type Sums, unaccounted } from './fsck/sums.ts';
import type { Liveness } from './liveness.ts';
import type { Spool } from './spool.ts';

export { type Flaw, lasting } from './fsck/flaw.ts';

/**
 * Every flaw of the spool as it is in this moment, and how many jobs there are; no sums of a spool of another version. Reads every file
 * but the logs of jobs, and changes nothing. The spool need not have been opened: that would make what is missing.
 */
export function* flaws(spool: Spool, liveness: Liveness, options: LookOptions = {}): Generator<Flaw, Sums | undefined> {
  const [version] = inVersion({ spool });
  if (version && !version.repair) {
    yield version;
    return undefined;
  }
  // What the log says was accepted is read first, and the folders in the order in which jobs move: what moves on meanwhile is not missed.
  let isWhole = true;
  let look: Look;
  try {
    look = beginLook(spool, liveness, options);
  } catch (error) {
    yield unseen('the spool', error);
    return undefined;
  }
  for (const [where, part] of PARTS) {
    try {
      yield* part(look);
    } catch (error) {
      isWhole = false;
      yield unseen(where, error);
    }
  }
  // What was not looked at cannot be missed.
  return isWhole ? yield* unaccounted(look) : undefined;
}

const unseen = (where: string, error: unknown): Flaw =>
  wrong('unreadable', where, `${where} cannot be looked at: ${messageOf(error)}; run fsck as the service's user, or as root`);

const PARTS: readonly [where: string, part: (look: Look) => Generator<Flaw>][] = [
  ['the spool', inRoot],
  ['tmp', inTmp],
  ['incoming', inIncoming],
  ['pending', (look) => inJobFolder(look, 'pending')],
  ['retrying', (look) => inJobFolder(look, 'retrying')],
  ['running', inRunning],
  ['failed', (look) => inJobFolder(look, 'failed')],
  ['cancelled', (look) => inJobFolder(look, 'cancelled')],
  ['rejected', inRejected],
  ['completed', inHistory],
  ['the jobs', inFiles],
  ['cancel', inMarkers],
];

// One walk through the ledger serves all who need it.
function* inHistory(look: Look): Generator<Flaw> {
  const logs = unseenLogs(look);
  const records = recordKeeper(look);
  yield* inLedger(look, (line, at) => {
    logs.delete(line.id);
    const fate = look.accepted.byId.get(line.id);
    // An id may be used again: an older record is that of an earlier job.
    if (fate && Date.parse(line.finishedAt) >= fate.acceptedAt - CLOCKS_MS) fate.isRecorded = true;
    records.note(line, at);
  });
  yield* records.flaws();
  yield* inLogs(look, logs);
}
