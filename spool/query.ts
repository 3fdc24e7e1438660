/** Reads what the spool says about jobs, from its files alone. Nothing here changes anything. */
import path from 'node:path';
import type { Attempt, ErrorRecord } from './attempt.ts';
import { type BatchName, memberId, memberName, parseBatchName, parseMemberId } from './batch-name.ts';
import { lineIn } from './batch-place.ts';
import { readJob } from './claim.ts';
import type { FileFacts } from './disk.ts';
import { isBatchFile, parseDropName, stemOf } from './drop-name.ts';
import type { Duration } from './duration.ts';
import { type JobName, jobNameIn, parseJobName } from './filename.ts';
import { REASON_ENDING } from './layout.ts';
import { claimedNames, slots } from './lease.ts';
import { type LedgerLine, ledgerDays, ledgerSlots, lineStart, linesOf, parseLine } from './ledger.ts';
import { LineTexts } from './line-texts.ts';
import { idOf } from './order.ts';
import type { Reason } from './reject.ts';
import { MAX_BODY_BYTES, parseRequest, type Request } from './request.ts';
import { linesInSlot, type SlotLines } from './slot-lines.ts';
import type { Spool } from './spool.ts';
import type { State } from './state.ts';
import { authorOf, submittedIn, submitterOf } from './submitter.ts';
import { traceContextOf } from './trace-context.ts';

/**
 * Where a job is. Completed jobs, which are lines of the ledger, have no place. `name` is its canonical name, or that of the file as it was
 * dropped. `line`: it is that line of `file`, a batch's. `slot`: it runs there, or was claimed with the line that does and has not begun: it is `pending` still.
 * `since`: when it began, where that is known better than its file says it.
 */
export type Place = { state: State; name: string; file: string; line?: number; slot?: string; since?: number };

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
  /** The uid of who submitted it; undefined on a platform that has no users. */
  submittedBy?: number | undefined;
  /** The trace that it belongs to. */
  traceparent?: string | undefined;
  tracestate?: string | undefined;
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
  let seen: Place | undefined;
  for (let tries = 0; tries < 5; tries++) {
    const live = locateLive(spool, id, now);
    const status = live ? statusAt(spool, live, now) : endedStatus(spool, id, now);
    if (status) return status;
    seen = live;
  }
  // The file of a batch that is run gets another name each moment: what its name said was true when it was read.
  return seen?.line === undefined ? undefined : statusByName(seen);
}

function statusByName({ name, state }: Place): JobStatus | undefined {
  const named = parseJobName(name);
  return named && { id: named.id, state, priority: named.priority, runAt: iso(named.runAt), attempts: [] };
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
  for (const folder of FOLDERS_OF[state]) yield* placesIn(spool, folder, state, now);
  if (state === 'pending') for (const lines of waitingInSlots(spool)) yield* placesOfLines(lines, placeInSlot(spool, lines));
}

function* placesIn(spool: Spool, folder: Folder, state: State, now: number): Generator<Place> {
  for (const name of spool.disk.names(spool[folder])) {
    if (!isJobIn(folder, name)) continue;
    const place = placeOf(spool, folder, name, now);
    const part = place.state === state && folder === 'pending' ? parseBatchName(name) : undefined;
    if (part) yield* placesOfLines(part, place);
    else if (place.state === state) yield place;
  }
}

function* placesOfLines(part: BatchName, place: Place): Generator<Place> {
  // Ten thousand names that differ in a number: their beginning is made once.
  const start = memberName(part, 1).slice(0, -'1.json'.length);
  for (let line = part.from; line <= part.to; line++) yield { ...place, name: `${start}${line}.json`, line };
}

const waitingInSlots = (spool: Spool): SlotLines[] => slots(spool).flatMap((slot) => workIn(spool, slot).claimed);

/** The place of the first of such lines. */
export function placeInSlot(spool: Spool, lines: SlotLines): Place {
  const { slot, file, from, isRunning, since } = lines;
  const known = since === undefined || Number.isNaN(since) ? {} : { since };
  return {
    state: isRunning ? 'running' : 'pending',
    name: memberName(lines, from),
    file: spool.claimed(slot, file),
    line: from,
    slot,
    ...known,
  };
}

/**
 * What a place's file says; undefined when the job has moved on. `facts` are the file's, where they are known. Who reads many gives `texts`, so that a
 * batch is read once for all of its lines.
 */
export function statusAt(
  spool: Spool,
  place: Place,
  now = Date.now(),
  facts = spool.disk.facts(place.file),
  texts = new LineTexts(spool),
): JobStatus | undefined {
  if (!facts) return undefined;
  if (place.line !== undefined) return lineStatus(spool, { ...place, line: place.line }, now, facts, texts);
  const named = nameOf(place, facts.mtimeMs, now);
  const base: JobStatus = { id: named.id, state: place.state, priority: named.priority, runAt: iso(named.runAt), attempts: [] };
  if (place.state === 'rejected')
    return {
      ...base,
      ...submittedByField(facts.uid),
      ...bodyFields(spool, place),
      finishedAt: iso(facts.mtimeMs),
      ...reasonOf(spool, place.name),
    };
  const read = parseJobName(place.name) ? readJob(spool, place.file, place.name) : undefined;
  if (read?.kind === 'missing') return undefined;
  const request = read?.kind === 'claimed' ? read.job.request : undefined;
  const fields = request ? requestFields(request, facts.mtimeMs) : { ...submittedByField(facts.uid), ...bodyFields(spool, place) };
  return { ...base, ...fields, ...stateFields(spool, place, facts, fields.attempts?.at(-1), named.id) };
}

// A line of a batch that waits or runs; or of one that is not accepted, or was rejected, of which it has the state.
function lineStatus(spool: Spool, place: Place & { line: number }, now: number, facts: FileFacts, texts: LineTexts): JobStatus | undefined {
  const text = texts.line(place.file, place.line, facts);
  const accepted = parseJobName(place.name);
  if (text === undefined && (!accepted || !spool.disk.exists(place.file))) return undefined;
  const named = accepted ?? nameOf(place, facts.mtimeMs, now);
  const id = accepted?.id ?? memberId(named.id, place.line);
  const base: JobStatus = { id, state: place.state, priority: named.priority, runAt: iso(named.runAt), attempts: [] };
  const parsed = parseRequest(text ?? '');
  const submittedBy = submitterOf(spool, parsed.ok ? parsed.request.submittedBy : undefined, facts.uid);
  const asked = parsed.ok ? requestFields({ ...parsed.request, submittedBy }, facts.mtimeMs) : submittedByField(submittedBy);
  const { acceptedAt = iso(facts.mtimeMs), ...fields } = asked;
  if (place.state === 'rejected') return { ...base, ...fields, finishedAt: iso(facts.mtimeMs), ...reasonOf(spool, place.name) };
  const running = place.state === 'running' ? runningFields(spool, place, place.since ?? facts.ctimeMs, id) : {};
  return { ...base, ...fields, ...(accepted ? { acceptedAt } : {}), ...running };
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
    else counts[state] = countPlaces(spool, state, now);
  }
  return counts;
}

// As `places`, yet without naming each line of a batch.
function countPlaces(spool: Spool, state: Exclude<State, 'completed'>, now: number): number {
  if (state === 'running') return runningPlaces(spool).length;
  const sizes = FOLDERS_OF[state].flatMap((folder) =>
    spool.disk
      .names(spool[folder])
      .filter((name) => isJobIn(folder, name) && placeOf(spool, folder, name, now).state === state)
      .map((name) => sizeOf(folder === 'pending' ? parseBatchName(name) : undefined)),
  );
  const claimed = state === 'pending' ? waitingInSlots(spool) : [];
  return [...sizes, ...claimed.map(sizeOf)].reduce((sum, size) => sum + size, 0);
}

const sizeOf = (part: Pick<BatchName, 'from' | 'to'> | undefined): number => (part ? part.to - part.from + 1 : 1);

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
    locateClaimed(spool, id) ??
    request
  );
}

function locateWaiting(spool: Spool, folder: 'incoming' | 'pending' | 'retrying', id: string, now: number): Place | undefined {
  const names = spool.disk.names(spool[folder]);
  const found = names.find((name) => idIn(folder, name) === id);
  if (found !== undefined) return placeOf(spool, folder, found, now);
  const batch = names.find((name) => isLineIn(folder, name, id));
  return batch === undefined ? undefined : lineOf(spool, placeOf(spool, folder, batch, now), id);
}

/** A line that was claimed with one that runs, by its id. */
export function locateClaimed(spool: Spool, id: string): Place | undefined {
  const lines = parseMemberId(id) && waitingInSlots(spool).find((one) => lineIn(one, id) !== undefined);
  return lines && lineOf(spool, placeInSlot(spool, lines), id);
}

/** Whether an id may be that of a line of the batch of this name. Of one that is not accepted, only the file says how many it has. */
export function isLineIn(folder: Folder, name: string, id: string): boolean {
  if (!isBatchFile(name)) return false;
  const part = folder === 'pending' ? parseBatchName(name) : undefined;
  if (folder !== 'incoming' && folder !== 'rejected') return part !== undefined && lineIn(part, id) !== undefined;
  const batch = parseMemberId(id)?.id;
  return batch !== undefined && idIn(folder, name) === batch;
}

const isAccepted = ({ incoming, rejected }: Spool, { file }: Place): boolean => ![incoming, rejected].includes(path.dirname(file));

/** The place of a line of the batch at `place`, by its id; undefined when there is no such line. */
export function lineOf(spool: Spool, place: Place, id: string): Place | undefined {
  const { line = 0 } = parseMemberId(id) ?? {};
  const part = parseBatchName(jobNameIn(path.basename(place.file)));
  if (part && isAccepted(spool, place)) return { ...place, name: memberName(part, line), line };
  const { from, to } = part ?? { from: 1, to: new LineTexts(spool).count(place.file) };
  return line >= from && line <= to ? { ...place, line } : undefined;
}

function lastToEnd(spool: Spool, folders: readonly Folder[], id: string, now: number): Place | undefined {
  const isIts = (folder: Folder, name: string) => isJobIn(folder, name) && idIn(folder, name) === id;
  const places = folders.flatMap((folder) => {
    const names = spool.disk.names(spool[folder]);
    const lines = folder === 'rejected' ? names.filter((name) => isJobIn(folder, name) && isLineIn(folder, name, id)) : [];
    return [
      ...names.filter((name) => isIts(folder, name)).map((name) => placeOf(spool, folder, name, now)),
      ...lines.flatMap((name) => lineOf(spool, placeOf(spool, folder, name, now), id) ?? []),
    ];
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
export const runningPlaces = (spool: Spool): Place[] => slots(spool).flatMap((slot) => workIn(spool, slot).running);

/** What a slot has in hand. `claimed`: lines that were claimed with one that runs, and wait for their turn. */
export function workIn(spool: Spool, slot: string): { running: Place[]; claimed: SlotLines[] } {
  const files = spool.disk.names(spool.slot(slot));
  const names = files.filter((name) => parseJobName(name));
  const bound = files.flatMap((file) => boundFile(file) ?? []).filter(({ name }) => !names.some((other) => isSameId(other, name)));
  const all = [...names.map((name) => ({ file: name, name })), ...bound];
  const lines = linesInSlot(spool, slot, files);
  const running = [
    ...all.map(({ file, name }) => ({ state: 'running' as const, name, slot, file: spool.claimed(slot, file) })),
    ...lines.filter(({ isRunning }) => isRunning).map((line) => placeInSlot(spool, line)),
  ];
  return { running, claimed: lines.filter(({ isRunning }) => !isRunning) };
}

function boundFile(file: string): { file: string; name: string } | undefined {
  const name = jobNameIn(file);
  return name === file || !parseJobName(name) ? undefined : { file, name };
}

const isSameId = (one: string, other: string): boolean => parseJobName(one)?.id === parseJobName(other)?.id;

/** The file of a job, and which line of it where it is one of a batch. */
export const fileText = ({ file, line }: Place): string => (line === undefined ? file : `line ${line} of ${file}`);

/** The place of a job's file, by its name alone. */
export function placeOf(spool: Spool, folder: Folder, name: string, now: number): Place {
  const file = `${spool[folder]}/${name}`;
  if (folder !== 'incoming' && folder !== 'pending') return { state: folder, name, file };
  const parsed = folder === 'pending' ? (parseJobName(name) ?? parseBatchName(name)) : parseDropName(name);
  const runAt = parsed && 'runAt' in parsed && parsed.runAt !== 'now' ? parsed.runAt : 0;
  return { state: runAt > now ? 'scheduled' : 'pending', name, file };
}

/** The id that a name in a folder stands for; undefined when it gives none. */
export function idIn(folder: Folder, name: string): string | undefined {
  if (folder !== 'incoming' && folder !== 'rejected') return parseJobName(name)?.id;
  const parsed = parseDropName(name);
  if (parsed.kind === 'request' && parsed.id !== undefined) return parsed.id;
  // A rejected name may give no id: it is found by what stands before its ending, as it is listed.
  return folder === 'rejected' ? stemOf(name) : undefined;
}

/** The id that a job's file is listed under: what stands before its ending where the name gives none. */
export function idOfPlace({ name, line }: Pick<Place, 'name' | 'line'>): string {
  if (line !== undefined) return idOf(name);
  const parsed = parseDropName(name);
  return (parsed.kind === 'request' ? parsed.id : undefined) ?? stemOf(name);
}

/** Whether a name in a folder is a job's (or a request's), and not something else's. */
export function isJobIn(folder: Folder, name: string): boolean {
  if (folder === 'rejected') return !name.startsWith('.') && !name.endsWith(REASON_ENDING);
  if (folder === 'incoming') return parseDropName(name).kind !== 'ignored';
  return parseJobName(name) !== undefined || (folder === 'pending' && isBatchFile(name) && parseBatchName(name) !== undefined);
}

function nameOf(place: Place, mtimeMs: number, now: number): JobName {
  const canonical = parseJobName(place.name);
  if (canonical) return canonical;
  const parsed = parseDropName(place.name);
  const stem = stemOf(place.name);
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

function policyFields({ retries, retryDelay, backoff, timeout, spent, crashes, snoozes, ...rest }: Request): Partial<JobStatus> {
  const { submittedBy } = rest;
  const fields = { retries, retryDelay, backoff, timeout, spent, crashes, snoozes, submittedBy, ...traceContextOf(rest) };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const submittedByField = (submittedBy: number | undefined): Partial<JobStatus> => (submittedBy === undefined ? {} : { submittedBy });

// A file that is no accepted job yet: its body may be anything.
function bodyFields(spool: Spool, place: Place): Partial<JobStatus> {
  // A batch is many of them.
  if (isBatchFile(place.name)) return {};
  const file = spool.disk.inspect(place.file, MAX_BODY_BYTES);
  const parsed = file.kind === 'text' ? parseRequest(file.text) : undefined;
  if (!parsed?.ok) return {};
  const request = submittedIn(parsed.request, authorOf(spool, file.kind === 'text' ? file.owner : undefined));
  const { class: className, method, params, attempts = [] } = request;
  return { class: className, method, params, attempts, ...policyFields(request) };
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
