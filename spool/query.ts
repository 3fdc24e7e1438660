/** Reads what the spool says about jobs, from its files alone. Nothing here changes anything. */
import type { Attempt, ErrorRecord } from './attempt.ts';
import { parseBatchName } from './batch-name.ts';
import { lineIn } from './batch-place.ts';
import { readJob } from './claim.ts';
import type { FileFacts } from './disk.ts';
import type { Duration } from './duration.ts';
import { type JobName, jobNameIn, parseJobName, parseRequestName } from './filename.ts';
import { REASON_ENDING } from './layout.ts';
import { claimedNames, slots } from './lease.ts';
import { type LedgerLine, ledgerDays, ledgerSlots, lineStart, linesOf, parseLine } from './ledger.ts';
import type { Reason } from './reject.ts';
import { MAX_BODY_BYTES, parseRequest, type Request } from './request.ts';
import type { Spool } from './spool.ts';
import type { State } from './state.ts';

/** Where a job is. `file` is undefined for completed jobs, which are lines of the ledger. */
export type Place = { state: State; name: string; file: string; slot?: string };

/** All that is known of a job. Times in ISO 8601 UTC. */
export type JobStatus = {
  id: string;
  state: State;
  class?: string;
  method?: string;
  params?: unknown;
  priority: number;
  /** When it was to run; while it waits, when it runs next. */
  runAt: string;
  acceptedAt?: string;
  /** When the attempt that runs now, or the last one, began. */
  startedAt?: string;
  finishedAt?: string;
  attempts: Attempt[];
  /** What its request asks for; undefined where it leaves that to the method's policy or the service's. */
  retries?: number;
  retryDelay?: Duration;
  backoff?: 'fixed' | 'exponential';
  timeout?: Duration;
  /** Attempts that count against its retries: since it was last retried by hand. */
  spent?: number;
  /** How many of those ended with the death of their runner. */
  crashes?: number;
  /** How often it put itself off. */
  snoozes?: number;
  result?: unknown;
  /** Of the last attempt, while it has not been followed by a better one. */
  error?: ErrorRecord;
  /** Why it was rejected. */
  reason?: string;
  /** 0 to 100, as the running job reports it. */
  progress?: number;
  /** The slot it runs in. */
  runner?: string;
  /** Somebody asked for its cancellation and it still runs. */
  cancelling?: true;
  /** When that was. */
  cancelRequestedAt?: string;
};

/**
 * What the spool says of a job; undefined for an id it does not know. An id may be used again: a live job counts before one that is
 * over, the one that ended last before earlier ones, and a request that was rejected (a duplicate, say) last. A second request of a
 * live id, not yet accepted, does not hide the job.
 */
export function jobStatus(spool: Spool, id: string, now = Date.now()): JobStatus | undefined {
  // A job may move on between finding and reading it: then it is found again where it went.
  for (let tries = 0; tries < 5; tries++) {
    const live = locateLive(spool, id, now);
    const status = live ? statusAt(spool, live, now) : endedStatus(spool, id, now);
    if (status) return status;
  }
  return undefined;
}

/** Where a live job is, else the failed or cancelled one that ended last, else the one rejected last; undefined when no file is the id's. */
export function locate(spool: Spool, id: string, now = Date.now()): Place | undefined {
  return locateLive(spool, id, now) ?? lastToEnd(spool, ['failed', 'cancelled'], id, now) ?? lastToEnd(spool, ['rejected'], id, now);
}

/** Whether a job of this id waits or runs, by the files. Reads all names: for suspects, not for every job. */
export function isLiveOnDisk(spool: Spool, id: string): boolean {
  const waiting = [spool.pending, spool.retrying].flatMap((folder) => spool.disk.names(folder));
  return [...waiting, ...claimedNames(spool)].some((name) => standsFor(name, id));
}

// A batch's own id is live as long as any part of it is.
function standsFor(name: string, id: string): boolean {
  const part = parseBatchName(name);
  return part ? part.id === id || lineIn(part, id) !== undefined : parseJobName(name)?.id === id;
}

/** Every place in a state, in no order; completed jobs have none (see `completedLines`). */
export function* places(spool: Spool, state: State, now = Date.now()): Generator<Place> {
  if (state === 'running') return yield* runningPlaces(spool);
  for (const folder of FOLDERS_OF[state]) {
    for (const name of spool.disk.names(spool[folder])) {
      if (!isJobIn(folder, name)) continue;
      const place = placeOf(spool, folder, name, now);
      if (place.state === state) yield place;
    }
  }
}

/** What a place's file says; undefined when the job has moved on. `facts` are the file's, where they are known. */
export function statusAt(spool: Spool, place: Place, now = Date.now(), facts = spool.disk.facts(place.file)): JobStatus | undefined {
  if (!facts) return undefined;
  const named = nameOf(place, facts.mtimeMs, now);
  const base: JobStatus = { id: named.id, state: place.state, priority: named.priority, runAt: iso(named.runAt), attempts: [] };
  if (place.state === 'rejected')
    return { ...base, ...bodyFields(spool, place), finishedAt: iso(facts.mtimeMs), ...reasonOf(spool, place.name) };
  const read = parseJobName(place.name) ? readJob(spool, place.file, place.name) : undefined;
  if (read?.kind === 'missing') return undefined;
  const request = read?.kind === 'claimed' ? read.job.request : undefined;
  const fields = request ? requestFields(request, facts.mtimeMs) : bodyFields(spool, place);
  return { ...base, ...fields, ...stateFields(spool, place, facts, fields.attempts?.at(-1), named.id) };
}

/** How many jobs are in each state. Reads names, and counts the ledger's lines. */
export function countByState(spool: Spool, now = Date.now()): Record<State, number> {
  const counts: Record<State, number> = {
    scheduled: 0,
    pending: 0,
    running: 0,
    retrying: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    rejected: 0,
  };
  for (const state of Object.keys(counts) as State[]) {
    if (state === 'completed') counts.completed = countCompleted(spool);
    else for (const _place of places(spool, state, now)) counts[state] += 1;
  }
  return counts;
}

function countCompleted(spool: Spool): number {
  const files = ledgerDays(spool).flatMap((day) => ledgerSlots(spool, day).map((slot) => spool.ledger(day, slot)));
  let count = 0;
  for (const file of files) for (const line of linesOf(spool, file)) if (line !== '') count += 1;
  return count;
}

/** The ledger's lines, newest day first and, within one runner's day, newest first. Reads one file at a time. */
export function* completedLines(spool: Spool): Generator<LedgerLine> {
  for (const day of ledgerDays(spool)) {
    const lines = ledgerSlots(spool, day).flatMap((slot) => [...linesOf(spool, spool.ledger(day, slot))]);
    const parsed = lines.flatMap((line) => parseLine(line) ?? []);
    yield* parsed.sort((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1));
  }
}

/** The newest ledger line of an id. Looks for the id's bytes, so that a day of a million lines is not parsed. */
export function findCompleted(spool: Spool, id: string): LedgerLine | undefined {
  const start = lineStart(id);
  for (const day of ledgerDays(spool)) {
    const found = ledgerSlots(spool, day).flatMap((slot) => lastLine(spool, spool.ledger(day, slot), start) ?? []);
    const newest = found.sort((a, b) => (a.finishedAt < b.finishedAt ? 1 : -1))[0];
    if (newest) return newest;
  }
  return undefined;
}

/** A ledger line as the status of its job. */
export function statusOfLine(line: LedgerLine): JobStatus {
  return { ...line, state: 'completed', runner: line.attempts.at(-1)?.runner ?? '' };
}

/** The folders in which jobs of a state are. */
const FOLDERS_OF = {
  scheduled: ['incoming', 'pending'],
  pending: ['incoming', 'pending'],
  running: [],
  retrying: ['retrying'],
  completed: [],
  failed: ['failed'],
  cancelled: ['cancelled'],
  rejected: ['rejected'],
} as const satisfies Record<State, readonly Folder[]>;

/** A folder that holds a file per job. */
export type Folder = 'incoming' | 'pending' | 'retrying' | 'failed' | 'cancelled' | 'rejected';

// The folders are looked at in the order in which jobs move: one that moves meanwhile is not missed.
function locateLive(spool: Spool, id: string, now: number): Place | undefined {
  const request = locateWaiting(spool, 'incoming', id, now);
  return (
    locateWaiting(spool, 'pending', id, now) ??
    locateWaiting(spool, 'retrying', id, now) ??
    runningPlaces(spool).find(({ name }) => parseJobName(name)?.id === id) ??
    request
  );
}

function locateWaiting(spool: Spool, folder: 'incoming' | 'pending' | 'retrying', id: string, now: number): Place | undefined {
  const found = spool.disk.names(spool[folder]).find((name) => idIn(folder, name) === id);
  return found === undefined ? undefined : placeOf(spool, folder, found, now);
}

function lastToEnd(spool: Spool, folders: readonly Folder[], id: string, now: number): Place | undefined {
  const isIts = (folder: Folder, name: string) => isJobIn(folder, name) && idIn(folder, name) === id;
  const places = folders.flatMap((folder) => {
    const names = spool.disk.names(spool[folder]).filter((name) => isIts(folder, name));
    return names.map((name) => placeOf(spool, folder, name, now));
  });
  return lastEnded(spool, places, now);
}

// Only where there are several are files read.
function lastEnded(spool: Spool, places: readonly Place[], now: number): Place | undefined {
  if (places.length < 2) return places[0];
  const ended = places.map((place) => ({ place, at: statusAt(spool, place, now)?.finishedAt ?? '' }));
  return ended.sort((a, b) => (a.at === b.at ? (a.place.name < b.place.name ? -1 : 1) : a.at < b.at ? -1 : 1)).at(-1)?.place;
}

function endedStatus(spool: Spool, id: string, now: number): JobStatus | undefined {
  const place = lastToEnd(spool, ['failed', 'cancelled'], id, now);
  const status = place && statusAt(spool, place, now);
  const line = findCompleted(spool, id);
  const ended = [...(status ? [status] : []), ...(line ? [statusOfLine(line)] : [])];
  const last = ended.sort((a, b) => ((a.finishedAt ?? '') < (b.finishedAt ?? '') ? 1 : -1))[0];
  if (last) return last;
  const rejected = lastToEnd(spool, ['rejected'], id, now);
  return rejected && statusAt(spool, rejected, now);
}

function lastLine(spool: Spool, file: string, start: string): LedgerLine | undefined {
  let last: LedgerLine | undefined;
  for (const block of spool.disk.lineBlocks(file)) {
    const at = block.lastIndexOf(`\n${start}`) + 1;
    if (at > 0 || block.startsWith(start)) last = parseLine(block.slice(at, block.indexOf('\n', at))) ?? last;
  }
  return last;
}

/** Where the jobs are that run now, and those whose runner died while it settled them: they are on their way until the slot is rescued. */
export function runningPlaces(spool: Spool): Place[] {
  return slots(spool).flatMap((slot) => {
    const files = spool.disk.names(spool.slot(slot));
    const names = files.filter((name) => parseJobName(name));
    const bound = files.flatMap((file) => boundFile(file) ?? []).filter(({ name }) => !names.some((other) => isSameId(other, name)));
    const all = [...names.map((name) => ({ file: name, name })), ...bound];
    return all.map(({ file, name }) => ({ state: 'running' as const, name, slot, file: spool.claimed(slot, file) }));
  });
}

function boundFile(file: string): { file: string; name: string } | undefined {
  const name = jobNameIn(file);
  return name === file || !parseJobName(name) ? undefined : { file, name };
}

const isSameId = (one: string, other: string): boolean => parseJobName(one)?.id === parseJobName(other)?.id;

/** The place of a job's file, by its name alone. */
export function placeOf(spool: Spool, folder: Folder, name: string, now: number): Place {
  const file = `${spool[folder]}/${name}`;
  if (folder !== 'incoming' && folder !== 'pending') return { state: folder, name, file };
  const parsed = folder === 'pending' ? parseJobName(name) : parseRequestName(name);
  const runAt = parsed && 'runAt' in parsed && parsed.runAt !== 'now' ? parsed.runAt : 0;
  return { state: runAt > now ? 'scheduled' : 'pending', name, file };
}

/** The id that a name in a folder stands for; undefined when it gives none. */
export function idIn(folder: Folder, name: string): string | undefined {
  if (folder !== 'incoming' && folder !== 'rejected') return parseJobName(name)?.id;
  const parsed = parseRequestName(name);
  if (parsed.kind === 'request' && parsed.id !== undefined) return parsed.id;
  // A rejected name may give no id: it is found by what stands before its ending, as it is listed.
  return folder === 'rejected' ? name.replace(/\.json$/, '') : undefined;
}

/** The id that a job's file is listed under: what stands before its ending where the name gives none. */
export function idOfPlace({ name }: Pick<Place, 'name'>): string {
  const parsed = parseRequestName(name);
  return (parsed.kind === 'request' ? parsed.id : undefined) ?? name.replace(/\.json$/, '');
}

/** Whether a name in a folder is a job's (or a request's), and not something else's. */
export function isJobIn(folder: Folder, name: string): boolean {
  if (folder === 'rejected') return !name.startsWith('.') && !name.endsWith(REASON_ENDING);
  return folder === 'incoming' ? parseRequestName(name).kind !== 'ignored' : parseJobName(name) !== undefined;
}

function nameOf(place: Place, mtimeMs: number, now: number): JobName {
  const canonical = parseJobName(place.name);
  if (canonical) return canonical;
  const parsed = parseRequestName(place.name);
  const stem = place.name.replace(/\.json$/, '');
  if (parsed.kind !== 'request') return { id: stem, priority: 0, runAt: mtimeMs };
  return { id: parsed.id ?? stem, priority: parsed.priority, runAt: parsed.runAt === 'now' ? now : parsed.runAt };
}

function requestFields(request: Request, writtenAt: number): Partial<JobStatus> {
  const { class: className, method, params, attempts = [], acceptedAt = iso(writtenAt) } = request;
  const last = attempts.at(-1);
  return {
    class: className,
    method,
    params,
    acceptedAt,
    attempts,
    ...policyFields(request),
    ...(last ? { startedAt: last.startedAt } : {}),
    ...(last?.error ? { error: last.error } : {}),
  };
}

function policyFields({ retries, retryDelay, backoff, timeout, spent, crashes, snoozes }: Request): Partial<JobStatus> {
  const fields = { retries, retryDelay, backoff, timeout, spent, crashes, snoozes };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

// A file that is no accepted job yet: its body may be anything.
function bodyFields(spool: Spool, place: Place): Partial<JobStatus> {
  const file = spool.disk.inspect(place.file, MAX_BODY_BYTES);
  const parsed = file.kind === 'text' ? parseRequest(file.text) : undefined;
  if (!parsed?.ok) return {};
  const { class: className, method, params, attempts = [] } = parsed.request;
  return { class: className, method, params, attempts, ...policyFields(parsed.request) };
}

function stateFields(spool: Spool, place: Place, facts: FileFacts, last: Attempt | undefined, id: string): Partial<JobStatus> {
  if (place.state === 'running') return runningFields(spool, place, facts.ctimeMs, id);
  if (place.state === 'cancelled') return { finishedAt: iso(facts.mtimeMs) };
  return place.state === 'failed' ? { finishedAt: last?.finishedAt ?? iso(facts.mtimeMs) } : {};
}

function reasonOf(spool: Spool, name: string): Partial<JobStatus> {
  try {
    const { reason, rejectedAt } = JSON.parse(smallText(spool, spool.reason(name), MAX_REASON_BYTES) ?? '{}') as Partial<Reason>;
    const isTime = typeof rejectedAt === 'string' && !Number.isNaN(Date.parse(rejectedAt));
    return { ...(typeof reason === 'string' ? { reason } : {}), ...(isTime ? { finishedAt: rejectedAt } : {}) };
  } catch {
    return {};
  }
}

function runningFields(spool: Spool, place: Place, claimedAt: number, id: string): Partial<JobStatus> {
  const progress = progressOf(smallText(spool, spool.progress(place.slot as string), MAX_PROGRESS_BYTES) ?? '', id);
  const marker = spool.disk.facts(spool.cancelMarker(id));
  return {
    startedAt: iso(claimedAt),
    runner: place.slot as string,
    ...(Number.isFinite(progress) ? { progress: Math.min(100, Math.max(0, progress)) } : {}),
    ...(marker ? { cancelling: true as const, cancelRequestedAt: iso(marker.mtimeMs) } : {}),
  };
}

const MAX_REASON_BYTES = 1_048_576;
/** A thousand jobs may share a runner, with a line each. */
const MAX_PROGRESS_BYTES = 131_072;

// The number of a job that has its runner to itself, or its line among those of jobs that share it.
function progressOf(text: string, id: string): number {
  const lines = text.trim().split('\n');
  const own = lines.find((line) => line.endsWith(` ${id}`))?.slice(0, -id.length);
  const line = own ?? lines.find((one) => !one.includes(' '));
  return Number(line?.trim() || Number.NaN);
}

/** The text of a small file, which jobs and strangers may have made something else of; undefined then. */
function smallText({ disk }: Spool, file: string, maxBytes: number): string | undefined {
  const found = disk.inspect(file, maxBytes);
  return found.kind === 'text' ? found.text : undefined;
}

const iso = (ms: number): string => new Date(ms).toISOString();
