/** Puts single jobs where the service would have left them, each with the plainest content that it can have. */
import fs from 'node:fs';
import path from 'node:path';
import type { Attempt } from '../../spool/attempt.ts';
import { batchFileName } from '../../spool/batch-name.ts';
import { jobFileName } from '../../spool/filename.ts';
import { dayOf } from '../../spool/layout.ts';
import type { LedgerLine } from '../../spool/ledger.ts';
import type { Request } from '../../spool/request.ts';
import type { Spool } from '../../spool/spool.ts';

/** Times in milliseconds since the epoch. */
export type FileOf = { id: string; priority?: number; runAt?: number; request?: Partial<Request> };

const START = Date.UTC(2020, 0, 1);
const iso = (ms: number): string => new Date(ms).toISOString();

/** Writes a job's file into a folder and returns its path. */
export function putFile(
  spool: Spool,
  folder: 'pending' | 'retrying' | 'failed' | 'cancelled',
  { id, priority = 5, runAt = START, request }: FileOf,
): string {
  const file = path.join(spool[folder], jobFileName({ id, priority, runAt }));
  fs.writeFileSync(file, JSON.stringify({ class: 'Example', method: 'handle', params: [], ...request }));
  return file;
}

/** A job that failed at `at`, once, with `message`. */
export function putFailed(spool: Spool, id: string, at: number, message = 'it broke', request: Partial<Request> = {}): string {
  const attempts = [attemptAt(at, 'failed', message)];
  return putFile(spool, 'failed', { id, request: { attempts, acceptedAt: iso(at - 2_000), ...request } });
}

/** A request that was refused at `at`. The id is the file's name without its ending. */
export function putRejected(spool: Spool, name: string, at: number, reason = 'no such class'): void {
  fs.writeFileSync(path.join(spool.rejected, name), '{"class":"Nobody"}');
  fs.writeFileSync(spool.reason(name), JSON.stringify({ reason, rejectedAt: iso(at) }));
}

/** Appends a completed job's line to the ledger of `slot` and returns the file's path. */
export function putLine(spool: Spool, id: string, finishedAt: number, over: Partial<LedgerLine> = {}, slot = 'host-1'): string {
  const line: LedgerLine = {
    id,
    class: 'Example',
    method: 'handle',
    params: [],
    priority: 5,
    runAt: iso(finishedAt - 300),
    acceptedAt: iso(finishedAt - 300),
    startedAt: iso(finishedAt - 100),
    finishedAt: iso(finishedAt),
    durationMs: 100,
    attempts: [attemptAt(finishedAt, 'completed')],
    ...over,
  };
  const day = dayOf(finishedAt);
  fs.mkdirSync(spool.ledgerDay(day), { recursive: true });
  fs.appendFileSync(spool.ledger(day, slot), `${JSON.stringify(line)}\n`);
  return spool.ledger(day, slot);
}

/** A job that the runner of `slot` has claimed. */
export function putRunning(spool: Spool, slot: string, { id, priority = 5, runAt = START, request }: FileOf): string {
  fs.mkdirSync(spool.slot(slot), { recursive: true });
  const file = spool.claimed(slot, jobFileName({ id, priority, runAt }));
  fs.writeFileSync(file, JSON.stringify({ class: 'Example', method: 'handle', params: [], ...request }));
  return file;
}

export function attemptAt(finishedAt: number, outcome: Attempt['outcome'], message?: string, number = 1): Attempt {
  const error = message === undefined ? {} : { error: { name: 'Error', message } };
  return { number, outcome, startedAt: iso(finishedAt - 100), finishedAt: iso(finishedAt), runner: 'host-1', ...error };
}

/** Lines of a batch that wait in `pending/`, or lie in the slot of a runner (`running/<slot>`); its text, by default, has a request for each up to `to`. */
export type BatchOf = { id: string; from?: number; to: number; priority?: number; runAt?: number; lines?: string[]; bound?: string };

/** Writes the file of a batch, or of a part of one, and returns its path. */
export function putBatch(spool: Spool, folder: 'pending' | `running/${string}`, batch: BatchOf): string {
  const { id, from = 1, to, priority = 5, runAt = START, bound = '' } = batch;
  const lines = batch.lines ?? Array.from({ length: to }, (_, at) => requestLine(at + 1));
  const file = path.join(spool.root, folder, `${bound}${batchFileName({ id, from, to, priority, runAt })}`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${lines.join('\n')}\n`);
  fs.utimesSync(file, ACCEPTED_AT / 1_000, ACCEPTED_AT / 1_000);
  return file;
}

/** When the batches of `putBatch` were accepted. */
export const ACCEPTED_AT = Date.UTC(2026, 0, 5, 12);

export const requestLine = (line: number): string => JSON.stringify({ class: 'Example', method: 'handle', params: [line] });
