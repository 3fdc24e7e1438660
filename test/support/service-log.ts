/** What `background_jobs.log` says. A line is written after what it tells of: who needs one waits for it. */
import fs from 'node:fs';
import path from 'node:path';
import { EVENTS_FILE } from '../../spool/layout.ts';
import type { Spool } from '../../spool/spool.ts';
import { waitFor } from './wait-for.ts';

/** A line of the log; times in ISO 8601 UTC. */
export type LogLine = { time: string; event?: string; id?: string; submittedBy?: number } & Record<string, unknown>;

/** All lines, oldest first, but for one that is being written. */
export const serviceLog = (spool: Spool): LogLine[] =>
  fs
    .readFileSync(path.join(spool.logs, EVENTS_FILE), 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));

/** The lines about a job, when one of them tells of one of these events. */
export function linesUntil(spool: Spool, id: string, ...events: string[]): Promise<LogLine[]> {
  return waitFor(
    () => {
      const lines = serviceLog(spool).filter((line) => line.id === id);
      return lines.some(({ event = '' }) => events.includes(event)) ? lines : undefined;
    },
    `the log to say that ${id} is ${events.join(' or ')}`,
  );
}
