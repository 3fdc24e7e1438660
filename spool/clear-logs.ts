import path from 'node:path';
import { naming } from './errors.ts';
import { ERRORS_FILE, EVENTS_FILE, rotatedNames } from './layout.ts';
import { prune } from './prune.ts';
import type { Spool } from './spool.ts';

/** Which logs: one of the two of the service with its rotated files, or both and those of finished jobs. */
export type WhichLogs = 'events' | 'errors' | 'all';

/** How many rotated files and logs of finished jobs were removed. */
export type ClearedLogs = { rotated: number; jobLogs: number };

/**
 * Empties the service's logs and removes their rotated files and the logs of finished jobs. The logs of jobs that wait or run stay, and nothing that is
 * written meanwhile is lost. Logs nothing itself.
 */
export function clearLogs(spool: Spool, which: WhichLogs = 'all', now = Date.now()): ClearedLogs {
  const names = FILES[which];
  const all = spool.disk.names(spool.logs);
  const rotated = names.flatMap((name) => rotatedNames(name, all)).filter((name) => spool.disk.remove(path.join(spool.logs, name)));
  for (const name of names) empty(spool, path.join(spool.logs, name));
  return { rotated: rotated.length, jobLogs: which === 'all' ? clearJobLogs(spool, now) : 0 };
}

const FILES: Record<WhichLogs, readonly string[]> = {
  events: [EVENTS_FILE],
  errors: [ERRORS_FILE],
  all: [EVENTS_FILE, ERRORS_FILE],
};

// Emptied in place: whoever has it open goes on appending to the same file.
function empty(spool: Spool, file: string): void {
  if (!spool.disk.exists(file)) return;
  const fd = spool.disk.openAppend(file);
  try {
    try {
      spool.disk.truncate(fd, 0);
    } finally {
      spool.disk.close(fd);
    }
  } catch (error) {
    throw naming(error, file);
  }
}

// Prune knows which jobs are live. With these times it keeps all else.
function clearJobLogs(spool: Spool, now: number): number {
  return prune(spool, { keepCompletedMs: now, keepFailedMs: now, keepLogsMs: 0 }, now).logs;
}
