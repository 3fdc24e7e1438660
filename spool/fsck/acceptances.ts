/**
 * The independent record of what was accepted: the service's own log. As far back as it reaches, every job that it says was
 * accepted must be somewhere, or the log must say that it ended.
 */
import { MAX_BATCH_LINES, memberId, parseBatchName } from '../batch-name.ts';
import { EVENTS_FILE, rotatedNames } from '../layout.ts';
import type { Spool } from '../spool.ts';

/** What the log last said of a job. Times in milliseconds since the epoch. `isRecorded`: the ledger has a line of it. */
export type Fate = { acceptedAt: number; at: number; last: 'live' | 'completed' | 'over'; isRecorded: boolean };

/** `since`: the time of the oldest line that was read; undefined when there is none. */
export type Acceptances = { since: number | undefined; byId: Map<string, Fate> };

/** Reads the log and its rotated files, the newest first, and no more than so many jobs. */
export function readAcceptances(spool: Spool, step: (where: string) => void): Acceptances {
  const accepted: Acceptances = { since: undefined, byId: new Map() };
  for (const name of [EVENTS_FILE, ...rotatedNames(EVENTS_FILE, spool.disk.names(spool.logs))]) {
    if (accepted.byId.size >= MAX_JOBS) break;
    for (const block of spool.disk.lineBlocks(`${spool.logs}/${name}`)) {
      for (const line of block.split('\n')) {
        step(`logs/${name}`);
        noteLine(accepted, line);
      }
    }
  }
  // A job whose acceptance is older than the log is not ours to judge.
  for (const [id, { acceptedAt }] of accepted.byId) if (acceptedAt === 0) accepted.byId.delete(id);
  return accepted;
}

/** More are not read back: an entry costs about 200 bytes. */
const MAX_JOBS = 2_000_000;

type Line = { time: string; id?: unknown; jobs?: unknown; file?: unknown; event?: string; msg?: string; reason?: string };

const LIVE = new Set(['accepted', 'running', 'retrying', 'released', 'snoozed']);
const OVER = new Set(['failed', 'cancelled', 'rejected']);

function noteLine(accepted: Acceptances, text: string): void {
  if (text === '') return;
  const line = parse(text);
  const at = Date.parse(line?.time ?? '');
  if (!line || Number.isNaN(at)) return;
  accepted.since = Math.min(accepted.since ?? at, at);
  const last = lastOf(line);
  if (last === undefined || typeof line.id !== 'string') return;
  for (const id of idsOf(line.id, line)) noteJob(accepted, line, id, last, at);
}

// A batch is accepted in one line, which says how many jobs it is. A part that was held back begins with another line than the first.
function* idsOf(id: string, { jobs, file }: Line): Generator<string> {
  if (typeof jobs !== 'number') return yield id;
  const { from } = parseBatchName(String(file)) ?? { from: 1 };
  for (let line = from; line < from + Math.min(jobs, MAX_BATCH_LINES); line++) yield memberId(id, line);
}

function noteJob(accepted: Acceptances, line: Line, id: string, last: Fate['last'], at: number): void {
  const known = accepted.byId.get(id);
  const acceptedAt = Math.max(known?.acceptedAt ?? 0, line.event === 'accepted' ? at : 0);
  const isLater = !known || at >= known.at;
  accepted.byId.set(id, {
    acceptedAt,
    at: isLater ? at : known.at,
    last: isLater ? last : known.last,
    isRecorded: false,
  });
}

function lastOf({ event = '', msg = '', reason = '' }: Line): Fate['last'] | undefined {
  if (LIVE.has(event)) return 'live';
  if (event === 'completed') return 'completed';
  // A second request with the id of a live job is rejected: that says nothing of the job.
  if (OVER.has(event)) return event === 'rejected' && reason.startsWith('duplicate') ? undefined : 'over';
  const isRemoval = /^removed by hand, it was (?!rejected)/.test(msg) || msg.startsWith(GONE);
  return isRemoval ? 'over' : undefined;
}

/** How the line begins by which `fsck --repair` puts on record that a job is gone. */
export const GONE = 'fsck found the job nowhere';

function parse(text: string): Line | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Line) : undefined;
  } catch {
    return undefined;
  }
}
