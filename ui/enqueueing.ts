/** Enqueues a job from outside: what the form and the API share. What it lets pass, a dispatcher accepts. */
import { z } from 'zod';
import { durationMs } from '../spool/duration.ts';
import { SpoolError } from '../spool/errors.ts';
import { DEFAULT_PRIORITY, ID_RULE, isId, MAX_PRIORITY, MAX_RUN_AT, MIN_RUN_AT, parseRunAt } from '../spool/filename.ts';
import { isDay } from '../spool/iso.ts';
import { MAX_DEPTH, parseRequest, RequestPolicy, sentence } from '../spool/request.ts';
import { isFinal } from '../spool/state.ts';
import { type Draft, draftOf, type Submission, submitDrafts } from '../spool/submit.ts';
import { TraceContext } from '../spool/trace-context.ts';
import type { Dashboard } from './dashboard.ts';
import { counted } from './views/figures.ts';

/** A job to enqueue. `runAt` without an offset is UTC. */
export const Enqueueing = z.strictObject({
  class: z.string().min(1).max(200).describe('A class on the allow-list.'),
  method: z.string().min(1).max(200).default('handle').describe('One of its allowed methods.'),
  params: z
    .union([z.array(z.unknown()), z.record(z.string(), z.unknown())])
    .default([])
    .describe('An array is passed as positional arguments, an object as one argument.'),
  priority: z.int().min(1).max(MAX_PRIORITY).default(DEFAULT_PRIORITY).describe('Higher runs first.'),
  delay: z
    .union([z.number().nonnegative(), z.string()])
    .refine((value) => durationMs(value) !== undefined, { error: 'expected a number of seconds or a text such as 500ms, 5s, 2m, 1h or 7d' })
    .optional()
    .describe('Run this long after now: a number of seconds, or a text such as 5m. Not together with runAt.'),
  runAt: z
    .string()
    .refine((text) => momentOf(text) !== undefined, { error: 'expected a time such as 2026-11-22T10:15:00Z, in the years 0 to 9999' })
    .optional()
    .describe('Run at this time, ISO 8601; UTC where it has no offset.'),
  id: z.string().refine(isId, { error: ID_RULE }).optional().describe("The job's id; made for it when left out."),
  ...RequestPolicy.shape,
  ...TraceContext.shape,
});

export type Enqueueing = z.infer<typeof Enqueueing>;

/** What is wrong with one field, in a sentence. `field` is `''` where it is none or several. */
export type Mistake = { field: string; text: string };

/** What became of it. `invalid`: nothing was written. `conflict`: a job of that id waits or runs already. */
export type Enqueued =
  | { kind: 'done'; id: string }
  | { kind: 'invalid'; mistakes: Mistake[] }
  | { kind: 'conflict'; id: string; text: string };

/** Checks a job as the spool would, and submits it. `who` is for the log; `now` in milliseconds since the epoch. */
export async function enqueue(dashboard: Dashboard, given: unknown, who: string, now = Date.now()): Promise<Enqueued> {
  const checked = drafted(dashboard, given, now);
  if ('mistakes' in checked) return { kind: 'invalid', mistakes: checked.mistakes };
  const { draft, job } = checked;
  const taken = await submitted(dashboard, [draft], now);
  if (taken !== undefined) return conflict(taken);
  dashboard.log.info('enqueued in the dashboard or by the API', { id: draft.id, class: job.class, method: job.method, who });
  await dashboard.catalog.refresh(0);
  return { kind: 'done', id: draft.id };
}

/** What became of many. `mistakes` have the number of the job, from 0, before the field. */
export type EnqueuedMany =
  | { kind: 'done'; ids: string[] }
  | { kind: 'invalid'; mistakes: (Mistake & { at: number })[] }
  | { kind: 'conflict'; id: string; text: string };

/** Checks jobs as `enqueue` does, and submits all of them or none, many as batches. */
export async function enqueueMany(dashboard: Dashboard, given: readonly unknown[], who: string, now = Date.now()): Promise<EnqueuedMany> {
  const checked = given.map((one) => drafted(dashboard, one, now));
  const mistakes = checked.flatMap((one, at) => ('mistakes' in one ? one.mistakes.map((wrong) => ({ ...wrong, at })) : []));
  const drafts = checked.flatMap((one) => ('draft' in one ? one.draft : []));
  if (mistakes.length === 0) mistakes.push(...twins(drafts));
  if (mistakes.length > 0) return { kind: 'invalid', mistakes };
  const taken = await submitted(dashboard, drafts, now);
  if (taken !== undefined) return conflict(taken);
  // As a line of a batch a job has another id than its draft had.
  const ids = drafts.map(({ id }) => id);
  dashboard.log.info(`enqueued ${counted(ids.length, 'job')} by the API, from ${ids[0]} on`, { who });
  await dashboard.catalog.refresh(0);
  return { kind: 'done', ids };
}

/** Submits all of them, whose ids are those of their drafts then; or none, and returns the id that a live job has. */
async function submitted(dashboard: Dashboard, drafts: Draft[], now: number): Promise<string | undefined> {
  const named = drafts.filter(({ isMade }) => !isMade).map(({ id }) => id);
  const taken = await firstLive(dashboard, named, now);
  if (taken !== undefined) return taken;
  try {
    await submitDrafts(dashboard.spool, drafts, now);
    return undefined;
  } catch (error) {
    if (!(error instanceof SpoolError) || error.code !== 'CONFLICT') throw error;
    // Somebody was faster by one of them; where there is but one, it is known which, also when its job has ended by now.
    const faster = named.length === 1 ? named[0] : await firstLive(dashboard, named, Date.now());
    if (faster === undefined) throw error;
    return faster;
  }
}

function drafted(dashboard: Dashboard, given: unknown, now: number): { draft: Draft; job: Enqueueing } | { mistakes: Mistake[] } {
  const checked = check(dashboard, given);
  if ('mistakes' in checked) return checked;
  try {
    return { ...checked, draft: draftOf(submissionOf(checked.job), now) };
  } catch (error) {
    return invalid(error);
  }
}

/** The jobs that have the id of an earlier one. */
function twins(drafts: readonly Draft[]): (Mistake & { at: number })[] {
  const first = new Map<string, number>();
  for (const [at, { id }] of drafts.entries()) if (!first.has(id)) first.set(id, at);
  return drafts.flatMap(({ id }, at) =>
    first.get(id) === at ? [] : [{ at, field: 'id', text: `id: job ${(first.get(id) as number) + 1} has the id "${id}" already` }],
  );
}

function submissionOf({ runAt, params, ...rest }: Enqueueing): Submission {
  const at = runAt === undefined ? {} : { at: new Date(momentOf(runAt) as number) };
  return { ...definedOf(rest), class: rest.class, params, ...at };
}

/** Milliseconds since the epoch from a time as people and programs write it, UTC where it has no offset; undefined for any other text. */
export function momentOf(text: string): number | undefined {
  const stamp = parseRunAt(text.trim());
  if (typeof stamp === 'number') return stamp;
  const match = ISO.exec(text.trim());
  if (!match) return undefined;
  const [, date = '', minutes = '00:00', seconds = '', offset = 'Z'] = match;
  if (!isDay(date)) return undefined;
  const ms = Date.parse(`${date}T${minutes}${seconds}${offset.toUpperCase().replace(/^([+-]\d\d):?(\d\d)$/, '$1:$2')}`);
  return ms >= MIN_RUN_AT && ms <= MAX_RUN_AT ? ms : undefined;
}

const ISO = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;

function check(dashboard: Dashboard, given: unknown): { job: Enqueueing } | { mistakes: Mistake[] } {
  if (isNestedDeeper(given, MAX_DEPTH)) return mistake('params', TOO_DEEP);
  const result = Enqueueing.safeParse(given);
  if (!result.success) return { mistakes: result.error.issues.map((issue) => ({ field: fieldOf(issue), text: sentence(issue, given) })) };
  const job = result.data;
  // As in the spool: zod would lose a key "__proto__".
  if (typeof given === 'object' && given !== null && 'params' in given) job.params = given.params as Enqueueing['params'];
  if (job.delay !== undefined && job.runAt !== undefined) return mistake('delay', 'delay: expected either a delay or a run-at, got both');
  return refusedAs(dashboard, job) ?? { job };
}

// The same questions that a dispatcher asks of the file.
function refusedAs(dashboard: Dashboard, job: Enqueueing): { mistakes: Mistake[] } | undefined {
  const { priority = DEFAULT_PRIORITY, delay: _delay, runAt: _runAt, id: _id, ...body } = job;
  const parsed = parseRequest(JSON.stringify(body));
  if (!parsed.ok) return mistake('params', parsed.reason);
  const refusal = dashboard.refusal(parsed.request, priority);
  if (refusal === undefined) return undefined;
  return mistake(isAllowed(dashboard, job) ? 'params' : 'class', refusal);
}

const isAllowed = ({ allowlist }: Dashboard, { class: name, method }: Enqueueing): boolean =>
  allowlist.some((allowed) => allowed.class === name && allowed.methods.some((one) => one.method === method));

const mistake = (field: string, text: string) => ({ mistakes: [{ field, text }] });

const fieldOf = (issue: z.core.$ZodIssue): string =>
  String(issue.path[0] ?? (issue.code === 'unrecognized_keys' ? (issue.keys[0] ?? '') : ''));

async function isLive({ catalog }: Dashboard, id: string, now: number): Promise<boolean> {
  const found = await catalog.find(id, now);
  return found !== undefined && !isFinal(found.job.state);
}

async function firstLive(dashboard: Dashboard, ids: readonly string[], now: number): Promise<string | undefined> {
  for (const id of ids) if (await isLive(dashboard, id, now)) return id;
  return undefined;
}

const conflict = (id: string): Extract<Enqueued, { kind: 'conflict' }> => ({
  kind: 'conflict',
  id,
  text: `a job with the id "${id}" is already waiting or running; nothing was enqueued`,
});

function invalid(error: unknown): { mistakes: Mistake[] } {
  if (!(error instanceof SpoolError) || !INVALID.has(error.code)) throw error;
  const [, field = ''] = /^(\w+): /.exec(error.message) ?? [];
  return mistake(field, error.message);
}

const INVALID = new Set<SpoolError['code']>(['INVALID_REQUEST', 'INVALID_ID', 'INVALID_DURATION', 'INVALID_RUN_AT']);

export const TOO_DEEP = `params: expected at most ${MAX_DEPTH} levels of nesting, got more`;

/** Whether arrays and objects are nested deeper. JSON.stringify, and whoever masks secrets, recurse: what is deeper than a file may be is found without. */
export function isNestedDeeper(value: unknown, limit: number): boolean {
  let level = [value];
  for (let depth = 0; depth < limit; depth++) {
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []));
    if (level.length === 0) return false;
  }
  return level.some((one) => typeof one === 'object' && one !== null);
}

type Defined<T> = { [Key in keyof T]: Exclude<T[Key], undefined> };

const definedOf = <T extends object>(record: T): Defined<T> =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as Defined<T>;
