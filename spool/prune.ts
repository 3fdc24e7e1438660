import { parseBatchName } from './batch-name.ts';
import { lineIn } from './batch-place.ts';
import { parseJobName } from './filename.ts';
import { dayOf, REASON_ENDING } from './layout.ts';
import { claimedNames } from './lease.ts';
import { ledgerDays } from './ledger.ts';
import type { Spool } from './spool.ts';

/** How long finished things are kept, in milliseconds. */
export type Retention = { keepCompletedMs: number; keepFailedMs: number; keepLogsMs: number };

/** How many of each kind were removed; `drafts` are files that a producer left unfinished in `tmp/`. */
export type Pruned = { completedDays: number; failed: number; cancelled: number; rejected: number; logs: number; drafts: number };

/** A file in `tmp/` that nobody has touched for so long belongs to nobody. */
const DRAFT_MS = 36 * 3_600_000;

/** Removes what is older than its retention. Only finished jobs: nothing that waits or runs is touched. */
export function prune(spool: Spool, retention: Retention, now = Date.now()): Pruned {
  return {
    completedDays: pruneLedger(spool, now - retention.keepCompletedMs),
    failed: pruneFolder(spool, spool.failed, now - retention.keepFailedMs),
    cancelled: pruneFolder(spool, spool.cancelled, now - retention.keepFailedMs),
    rejected: pruneRejected(spool, now - retention.keepFailedMs),
    logs: pruneLogs(spool, now - retention.keepLogsMs),
    drafts: pruneFolder(spool, spool.tmp, now - DRAFT_MS),
  };
}

// A day goes as a whole, once its last moment is too old.
function pruneLedger(spool: Spool, before: number): number {
  const lastKept = dayOf(before);
  const old = ledgerDays(spool).filter((day) => day < lastKept);
  for (const day of old) {
    const files = spool.disk.names(spool.ledgerDay(day)).map((name) => `${spool.ledgerDay(day)}/${name}`);
    // A folder in it is a stranger's, and keeps the day.
    for (const file of files) if (!spool.disk.facts(file)?.isFolder) spool.disk.remove(file);
  }
  return old.filter((day) => spool.disk.removeFolder(spool.ledgerDay(day))).length;
}

function pruneFolder(spool: Spool, folder: string, before: number): number {
  const old = spool.disk.names(folder).filter((name) => isOlder(spool, `${folder}/${name}`, before));
  return old.filter((name) => spool.disk.remove(`${folder}/${name}`)).length;
}

// A reason goes with its file, never before it.
function pruneRejected(spool: Spool, before: number): number {
  const names = spool.disk.names(spool.rejected);
  const present = new Set(names);
  const isReason = (name: string) => name.endsWith(REASON_ENDING) && present.has(name.slice(0, -REASON_ENDING.length));
  // The file's own time is its producer's; the reason's is that of the rejection.
  const timed = (name: string) => (present.has(`${name}${REASON_ENDING}`) ? spool.reason(name) : `${spool.rejected}/${name}`);
  const old = names.filter((name) => !isReason(name) && isOlder(spool, timed(name), before));
  const files = old.filter((name) => !spool.disk.facts(`${spool.rejected}/${name}`)?.isFolder);
  for (const name of files) {
    spool.disk.remove(`${spool.rejected}/${name}`);
    spool.disk.remove(spool.reason(name));
  }
  return files.length;
}

function pruneLogs(spool: Spool, before: number): number {
  const old = spool.disk.names(spool.jobLogs).filter((name) => isOlder(spool, `${spool.jobLogs}/${name}`, before));
  if (old.length === 0) return 0;
  const live = livingIn(spool);
  const dead = old.filter((name) => !live(name.replace(/\.log$/, '')));
  return dead.filter((name) => spool.disk.remove(`${spool.jobLogs}/${name}`)).length;
}

/** Tells whether a job of an id waits or runs. */
function livingIn(spool: Spool): (id: string) => boolean {
  const waiting = [spool.pending, spool.retrying].flatMap((folder) => spool.disk.names(folder));
  const names = [...waiting, ...claimedNames(spool)];
  const ids = new Set(names.flatMap((name) => parseJobName(name)?.id ?? []));
  const parts = names.flatMap((name) => parseBatchName(name) ?? []);
  return (id) => ids.has(id) || parts.some((part) => lineIn(part, id) !== undefined);
}

function isOlder(spool: Spool, file: string, before: number): boolean {
  const facts = spool.disk.facts(file);
  // Links and FIFOs that were rejected go too; a folder that somebody dropped is left to a person.
  return facts !== undefined && !facts.isFolder && facts.mtimeMs < before;
}
