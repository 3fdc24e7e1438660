import { monotonicFactory } from 'ulid';
import { type Duration, parseDuration } from './duration.ts';
import { messageOf, SpoolError } from './errors.ts';
import { DEFAULT_PRIORITY, formatRunAt, ID_RULE, isId, MAX_PRIORITY, MAX_RUN_AT, MIN_RUN_AT } from './filename.ts';
import { checkRequest, MAX_BODY_BYTES, type RequestPolicy } from './request.ts';
import { type Spool, syncNames, temporaryFile } from './spool.ts';

/** When and how a job is to run; what is left out falls back to the method's policy, then the service's. */
export type SubmitOptions = RequestPolicy & {
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
type Draft = { id: string; isMade: boolean; name: string; text: string; priority: number };

/**
 * Puts requests into `incoming/` and returns their ids, in the order given. On return they are acknowledged: nothing loses
 * them (with `durability: full`, not even a power cut; one group of syncs covers the whole batch). They become visible
 * highest priority first. Throws SpoolError, before anything is written, when one of them is not a valid request, and `CONFLICT` when
 * a request of the same id and name waits to be accepted. When the disk fails in the middle,
 * `PARTLY_SUBMITTED`, whose `submitted` has the ids of those that were.
 */
export async function submit(spool: Spool, submissions: Submission[], now = Date.now()): Promise<string[]> {
  const drafts = submissions.map((submission, index) => draftOf(submission, now, submissions.length > 1 ? `job ${index + 1}: ` : ''));
  refuseTwins(drafts);
  for (const draft of drafts) if (!draft.isMade && spool.disk.exists(`${spool.incoming}/${draft.name}`)) throw taken(spool, draft.name);
  const written = await writeAll(spool, drafts);
  const published: string[] = [];
  try {
    // Ids made by us ascend in the order given, so equal priorities keep that order.
    for (const draft of written.toSorted((a, b) => b.priority - a.priority)) {
      publish(spool, draft);
      published.push(draft.id);
    }
  } catch (error) {
    removeDrafts(spool, written);
    if (published.length === 0) throw error;
    const message = `submit ${drafts.length} jobs: only ${published.length} of them were submitted (see "submitted"); ${messageOf(error)}`;
    throw new SpoolError('PARTLY_SUBMITTED', message, { cause: error, submitted: published });
  } finally {
    if (published.length > 0) syncNames(spool, spool.incoming);
  }
  return drafts.map(({ id }) => id);
}

type Written = Draft & { file: string };

async function writeAll(spool: Spool, drafts: Draft[]): Promise<Written[]> {
  const written: Written[] = [];
  try {
    for (const draft of drafts) written.push({ ...draft, file: write(spool, draft) });
    if (spool.durability === 'full') await spool.disk.syncFiles(written.map(({ file }) => file));
    return written;
  } catch (error) {
    removeDrafts(spool, written);
    throw error;
  }
}

// Those that were published are no longer there under these names.
function removeDrafts(spool: Spool, written: Written[]): void {
  for (const { file } of written) spool.disk.remove(file);
}

const makeId = monotonicFactory();

function draftOf(submission: Submission, now: number, which: string): Draft {
  const { priority = DEFAULT_PRIORITY, delay, at, id: given, ...body } = submission;
  const id = given ?? makeId(now);
  if (!Number.isInteger(priority) || priority < 1 || priority > MAX_PRIORITY) {
    throw invalid(`${which}priority: expected a whole number from 1 to ${MAX_PRIORITY}, got ${JSON.stringify(priority)}`);
  }
  if (!isId(id)) throw new SpoolError('INVALID_ID', `${which}id: ${ID_RULE}; got ${JSON.stringify(id)}`);
  const text = bodyText(body, which);
  return { id, isMade: given === undefined, priority, text, name: `p${priority}-${runAtText(delay, at, now, which)}-${id}.json` };
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
  return at === undefined ? 'now' : stamp(new Date(at).getTime(), `${which}at`, at);
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

function write(spool: Spool, draft: Draft): string {
  const file = temporaryFile(spool, draft.id);
  // The whole batch is synced at once, further down.
  spool.disk.create(file, draft.text, false);
  return file;
}

// An id that the caller chose may have come to incoming/ meanwhile: a rename would replace that request, a link does not.
function publish(spool: Spool, { file, name, isMade }: Written): void {
  const target = `${spool.incoming}/${name}`;
  if (isMade ? spool.disk.rename(file, target) : spool.disk.link(file, target)) {
    if (!isMade) spool.disk.remove(file);
    return;
  }
  if (spool.disk.exists(target)) throw taken(spool, name);
  throw new SpoolError('SPOOL_ACCESS', `submit ${name}: ${file} or the folder ${spool.incoming} is gone; the job was not submitted`);
}

const taken = (spool: Spool, name: string) =>
  new SpoolError('CONFLICT', `submit ${name}: a request of that name waits in ${spool.incoming} already; the job was not submitted`);

const invalid = (message: string) => new SpoolError('INVALID_REQUEST', message);
