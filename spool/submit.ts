import { monotonicFactory } from 'ulid';
import { EACH_ENDING, MAX_BATCH_BYTES, MAX_BATCH_LINES, memberId } from './batch-name.ts';
import { denialOf } from './denial.ts';
import { type Duration, parseDuration } from './duration.ts';
import { atBest, isFull, messageOf, SpoolError } from './errors.ts';
import { DEFAULT_PRIORITY, formatRunAt, ID_RULE, isId, MAX_PRIORITY, MAX_RUN_AT, MIN_RUN_AT } from './filename.ts';
import { isDay } from './iso.ts';
import { checkRequest, MAX_BODY_BYTES, type RequestPolicy } from './request.ts';
import { SharedSync } from './shared-sync.ts';
import { type Spool, temporaryFile } from './spool.ts';
import type { TraceContext } from './trace-context.ts';

/** How failures are met, and the trace that a job belongs to. */
type Asked = RequestPolicy & TraceContext;

/** When and how a job is to run; what is left out falls back to the method's policy, then the service's. */
export type SubmitOptions = Asked & {
  /** 1 to 10, higher runs first. Default 5. */
  priority?: number;
  /** Run this long after now: seconds, or a text such as `5m`. */
  delay?: Duration;
  /** Run at this time: a Date, or a text that `new Date` reads. Not together with `delay`. */
  at?: Date | string;
  /** The job's id; made by us when left out. Must not be the id of a job that is still live. */
  id?: string;
};

/** What to run. */
export type Submission = {
  class: string;
  method?: string | undefined;
  params?: unknown[] | Record<string, unknown> | undefined;
} & SubmitOptions;

/** A request as a file, not yet written. */
export type Draft = { id: string; isMade: boolean; name: string; text: string; priority: number; runAt: string };

/** A file that is to be written: of one request, or of a batch of them. `ids`: of its jobs. */
type File = Draft & { ids: readonly string[] };

/**
 * Puts requests into `incoming/` and returns their ids, in the order given; more than a hundred of them as batches. On return they are acknowledged: nothing loses
 * them (with `durability: full`, not even a power cut; one group of syncs covers the whole batch). They become visible
 * highest priority first. Throws SpoolError, before anything is written, when one of them is not a valid request, and `CONFLICT` when
 * a request of the same id and name waits to be accepted, `SPOOL_FULL` when its disk has no room. When the disk fails in the middle, or at
 * the last sync, `PARTLY_SUBMITTED`, whose `submitted` has the ids of those that were; any other error means that none was.
 */
export async function submit(spool: Spool, submissions: Submission[], now = Date.now()): Promise<string[]> {
  const drafts = submissions.map((submission, index) => draftOf(submission, now, submissions.length > 1 ? `job ${index + 1}: ` : ''));
  refuseTwins(drafts);
  return submitDrafts(spool, drafts, now);
}

/** Puts in what is checked already, as `submit` does. */
export async function submitDrafts(spool: Spool, drafts: Draft[], now = Date.now()): Promise<string[]> {
  for (const draft of drafts) if (!draft.isMade && spool.disk.exists(`${spool.incoming}/${draft.name}`)) throw taken(spool, draft.name);
  const files = drafts.length > MAX_SINGLE ? bundled(drafts, now, '.ndjson') : drafts.map(singleFile);
  const { published, failure } = await putAll(spool, files, drafts.length);
  if (!failure) return drafts.map(({ id }) => id);
  if (published.length === 0) throw failure.error;
  throw partly(drafts.length, published, failure.error);
}

/** A request that was checked, and waits to be written beside others. */
export type Call = { draft: Draft; resolve(id: string): void; reject(error: unknown): void };

/**
 * Puts in the requests of several calls, which have nothing to do with each other: those of one priority that may run at once share a file, if they are enough. Tells
 * each call what became of its own.
 */
export async function submitCalls(spool: Spool, calls: readonly Call[], now = Date.now()): Promise<void> {
  const alike = new Map<number, Draft[]>();
  for (const { draft } of calls) alike.get(draft.priority)?.push(draft) ?? alike.set(draft.priority, [draft]);
  const files = [...alike.values()].flatMap((drafts) =>
    drafts.length < MIN_SHARING ? drafts.map(singleFile) : bundled(drafts, now, EACH_ENDING),
  );
  const { published, failure } = await putAll(spool, files, calls.length);
  const acknowledged = new Set(published);
  for (const { draft, resolve, reject } of calls) {
    if (!failure) resolve(draft.id);
    else reject(acknowledged.has(draft.id) ? partly(1, [draft.id], failure.error) : failure.error);
  }
}

type Failure = { error: unknown };

const singleFile = (draft: Draft): File => ({ ...draft, ids: [draft.id] });

/** Writes, publishes and syncs. `published`: the ids of those that a look into `incoming/` finds. */
async function putAll(spool: Spool, files: File[], count: number): Promise<{ published: string[]; failure?: Failure | undefined }> {
  const published: string[] = [];
  let written: Written[];
  try {
    written = await writeAll(spool, files, count);
  } catch (error) {
    return { published, failure: { error } };
  }
  const unpublished = publishAll(spool, written, published);
  const unsynced = published.length > 0 ? await syncIncoming(spool) : undefined;
  return { published, failure: unpublished ?? unsynced };
}

/** Adds the ids of those that are published to `published`, and returns what kept the others from it. */
function publishAll(spool: Spool, written: Written[], published: string[]): Failure | undefined {
  try {
    // Ids made by us ascend in the order given, so equal priorities keep that order.
    for (const draft of written.toSorted((a, b) => b.priority - a.priority)) {
      publish(spool, draft);
      for (const id of draft.ids) published.push(id);
    }
    return undefined;
  } catch (error) {
    removeDrafts(spool, written);
    return { error };
  }
}

// Calls that are in flight at once share the syncs of the folder, and none blocks the others.
const incomingSyncs = new WeakMap<Spool, SharedSync>();

async function syncIncoming(spool: Spool): Promise<Failure | undefined> {
  if (spool.durability === 'none') return undefined;
  const shared = incomingSyncs.get(spool) ?? new SharedSync(() => spool.disk.syncFolderLater(spool.incoming));
  incomingSyncs.set(spool, shared);
  return shared.ask().then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
}

// Whoever is told of an error submits again what is not named in it: what was published must be.
function partly(count: number, published: string[], error: unknown): SpoolError {
  const jobs = `submit ${count} ${count === 1 ? 'job' : 'jobs'}`;
  const what =
    published.length === count
      ? 'submitted (see "submitted"), but a power cut may lose them still'
      : `only ${published.length} of them were submitted (see "submitted")`;
  return new SpoolError('PARTLY_SUBMITTED', `${jobs}: ${what}; ${messageOf(error)}`, { cause: error, submitted: published });
}

type Written = File & { file: string };

async function writeAll(spool: Spool, files: File[], count: number): Promise<Written[]> {
  const written: Written[] = [];
  try {
    for (const draft of files) {
      const file = temporaryFile(spool, draft.id);
      // Noted first: a file whose text the disk did not take whole is removed with the others.
      written.push({ ...draft, file });
      // The whole batch is synced at once, further down.
      spool.disk.create(file, draft.text, false);
    }
    if (spool.durability === 'full') await spool.disk.syncFiles(written.map(({ file }) => file));
    return written;
  } catch (error) {
    removeDrafts(spool, written);
    throw unwritten(spool, count === 1 ? (files[0]?.id ?? '') : `${count} jobs`, error);
  }
}

// Those that were published are no longer there under these names.
function removeDrafts(spool: Spool, written: Written[]): void {
  // What failed before is what the caller must hear of.
  for (const { file } of written) atBest(() => spool.disk.remove(file));
}

// A full disk says neither which one it is nor what became of the job.
function unwritten(spool: Spool, what: string, error: unknown): unknown {
  const denial = denialOf(spool.disk, error);
  if (denial !== undefined) {
    const message = `submit ${what}: ${messageOf(error)}. Nothing was submitted: ${denial}`;
    return new SpoolError('SPOOL_ACCESS', message, { cause: error });
  }
  if (!isFull(error)) return error;
  const message = `submit ${what}: nothing can be written to ${spool.tmp}: ${messageOf(error)}. Nothing was submitted; try again when its disk has room`;
  return new SpoolError('SPOOL_FULL', message, { cause: error });
}

const makeId = monotonicFactory();

/** More jobs than these at once are written as batches, a file for those of one priority and run-at that have no id of their own. */
const MAX_SINGLE = 100;

/** Calls in flight are put into one file from so many on: a few files of their own are no more work, and easier to see. */
const MIN_SHARING = 4;

/** Puts drafts together to batches; their ids become those of the batches' lines. */
function bundled(drafts: Draft[], now: number, ending: string): File[] {
  const files: File[] = [];
  const bundles = new Map<string, Bundle>();
  for (const draft of drafts) {
    const key = `p${draft.priority}-${draft.runAt}`;
    if (!draft.isMade) files.push(singleFile(draft));
    else bundles.set(key, addTo(files, bundles.get(key), draft, { now, ending }));
  }
  return files.map((file) => ('texts' in file ? { ...file, text: (file as Bundle).texts.join('') } : file));
}

/** A batch that grows. */
type Bundle = File & { ids: string[]; texts: string[]; bytes: number };

/** When a bundle is made, and how its name ends. */
type Made = { now: number; ending: string };

// In place: each draft is told its id as the line that it becomes.
function addTo(files: File[], bundle: Bundle | undefined, draft: Draft, made: Made): Bundle {
  const bytes = Buffer.byteLength(draft.text);
  const hasRoom = bundle !== undefined && bundle.ids.length < MAX_BATCH_LINES && bundle.bytes + bytes <= MAX_BATCH_BYTES;
  const into = hasRoom ? bundle : emptyBundle(draft, made);
  if (!hasRoom) files.push(into);
  into.texts.push(draft.text);
  into.bytes += bytes;
  draft.id = memberId(into.id, into.texts.length);
  into.ids.push(draft.id);
  return into;
}

function emptyBundle({ priority, runAt }: Draft, { now, ending }: Made): Bundle {
  const id = makeId(now);
  return { id, isMade: true, name: `p${priority}-${runAt}-${id}${ending}`, text: '', priority, runAt, ids: [], texts: [], bytes: 0 };
}

/** Checks a request. Throws SpoolError, whose message begins with `which`. */
export function draftOf(submission: Submission, now = Date.now(), which = ''): Draft {
  const { priority = DEFAULT_PRIORITY, delay, at, id: given, ...body } = submission;
  const id = given ?? makeId(now);
  if (!Number.isInteger(priority) || priority < 1 || priority > MAX_PRIORITY) {
    throw invalid(`${which}priority: expected a whole number from 1 to ${MAX_PRIORITY}, got ${JSON.stringify(priority)}`);
  }
  if (!isId(id)) throw new SpoolError('INVALID_ID', `${which}id: ${ID_RULE}; got ${JSON.stringify(id)}`);
  const text = bodyText(body, which);
  const runAt = runAtText(delay, at, now, which);
  return { id, isMade: given === undefined, priority, runAt, text, name: `p${priority}-${runAt}-${id}.json` };
}

function bodyText(body: object, which: string): string {
  const given = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined));
  const text = stringify(given, which);
  const parsed = checkRequest(JSON.parse(text));
  if (!parsed.ok) throw invalid(`${which}${parsed.reason}`);
  if (Buffer.byteLength(text) > MAX_BODY_BYTES) {
    throw invalid(
      `${which}expected a body of at most ${MAX_BODY_BYTES} bytes, got ${Buffer.byteLength(text)}: put large input into a file and pass its path`,
    );
  }
  return `${text}\n`;
}

function stringify(body: object, which: string): string {
  try {
    return JSON.stringify(body);
  } catch (error) {
    throw invalid(`${which}params: expected values that JSON can hold, got one it cannot: ${(error as Error).message}`);
  }
}

function runAtText(delay: Duration | undefined, at: Date | string | undefined, now: number, which: string): string {
  if (delay !== undefined && at !== undefined) throw invalid(`${which}expected delay or at, got both`);
  if (delay !== undefined) {
    const ms = parseDuration(delay, `${which}delay`);
    return ms === 0 ? 'now' : stamp(now + ms, `${which}delay`, delay);
  }
  return at === undefined ? 'now' : stamp(momentOf(at), `${which}at`, at);
}

/** NaN for a text that is no time. */
function momentOf(at: Date | string): number {
  const [day] = (typeof at === 'string' && /^\d{4}-\d\d-\d\d/.exec(at)) || [];
  return day === undefined || isDay(day) ? new Date(at).getTime() : Number.NaN;
}

function stamp(ms: number, what: string, given: unknown): string {
  if (ms >= MIN_RUN_AT && ms <= MAX_RUN_AT) return formatRunAt(ms);
  throw new SpoolError(
    'INVALID_RUN_AT',
    `${what}: expected a time in the years 0 to 9999, such as 2026-11-22T10:15:00Z, got ${JSON.stringify(given)}`,
  );
}

function refuseTwins(drafts: Draft[]): void {
  const seen = new Set<string>();
  for (const { id } of drafts) {
    if (seen.has(id)) throw new SpoolError('INVALID_ID', `id: expected different ids in one batch, got "${id}" twice`);
    seen.add(id);
  }
}

// An id that the caller chose may have come to incoming/ meanwhile: a rename would replace that request, a link does not.
function publish(spool: Spool, { file, name, isMade }: Written): void {
  const target = `${spool.incoming}/${name}`;
  if (isMade ? spool.disk.rename(file, target) : spool.disk.link(file, target)) {
    if (!isMade) atBest(() => spool.disk.remove(file));
    return;
  }
  if (spool.disk.exists(target)) throw taken(spool, name);
  throw new SpoolError('SPOOL_ACCESS', `submit ${name}: ${file} or the folder ${spool.incoming} is gone; the job was not submitted`);
}

const taken = (spool: Spool, name: string) =>
  new SpoolError('CONFLICT', `submit ${name}: a request of that name waits in ${spool.incoming} already; the job was not submitted`);

const invalid = (message: string) => new SpoolError('INVALID_REQUEST', message);
