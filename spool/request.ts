import { z } from 'zod';
import { Attempt } from './attempt.ts';
import { durationMs } from './duration.ts';
import { isSecretKey } from './mask.ts';
import { TraceContext } from './trace-context.ts';
import { visible } from './visible.ts';

/** The largest body of a request, in bytes. */
export const MAX_BODY_BYTES = 1_048_576;
/** The largest file of a job, in bytes: its body and the history that the service writes into it. */
export const MAX_FILE_BYTES = 16 * 1_048_576;
/** How deeply arrays and objects may be nested in a body. */
export const MAX_DEPTH = 200;
/** How many attempts a job's file may tell of. */
const MAX_ATTEMPTS = 100_000;

const Duration = z
  .union([z.number().nonnegative(), z.string().regex(/^\s*\d+(\.\d+)?(ms|s|m|h|d)?\s*$/)])
  .refine((value) => durationMs(value) !== undefined)
  .describe('A number of seconds, or a text such as 500ms, 5s, 2m, 1h or 7d.');

/** How failures are met. Each field falls back to the method's in the allow-list, then to the service's. */
export const RequestPolicy = z.strictObject({
  retries: z.int().min(0).max(1_000).optional().describe('Attempts after the first.'),
  retryDelay: Duration.optional().describe('The wait before the first retry.'),
  backoff: z.enum(['fixed', 'exponential']).optional().describe('How the wait grows from retry to retry.'),
  timeout: Duration.refine((value) => durationMs(value) !== 0, { error: 'expected more than 0' })
    .optional()
    .describe('How long one attempt may take.'),
});

/** What a job's file keeps beside the request. Written by the service; a producer leaves it out. */
const History = z.strictObject({
  attempts: z.array(Attempt).optional().describe('Every attempt so far, oldest first.'),
  acceptedAt: z.iso.datetime().optional().describe('When the request was first accepted.'),
  runAt: z.iso.datetime().optional().describe('When the job was first to run.'),
  spent: z.int().min(0).optional().describe('Attempts that count against the retries; a manual retry starts again at 0.'),
  crashes: z.int().min(0).optional().describe('How many of the spent attempts ended with the death of their runner.'),
  snoozes: z.int().min(0).optional().describe('How often the job put itself off without spending an attempt.'),
  submittedBy: z
    .int()
    .min(0)
    .optional()
    .describe('The uid of who submitted it. Counts only in files of the service; otherwise that is the owner of the file.'),
  isForgeable: z
    .literal(true)
    .optional()
    .describe('Others than who is said to have submitted it may have written it: their group could write its file.'),
});

/** The body of a request file. `request.schema.json` is generated from it. */
export const Request = z.strictObject({
  class: z.string().min(1).max(200).describe('A class on the allow-list.'),
  method: z.string().min(1).max(200).default('handle').describe('One of its allowed methods.'),
  params: z
    .union([z.array(z.unknown()), z.record(z.string(), z.unknown())])
    .default([])
    .describe('An array is passed as positional arguments, an object as one argument.'),
  ...RequestPolicy.shape,
  ...TraceContext.shape,
  ...History.shape,
});

export type Request = z.infer<typeof Request>;
export type RequestPolicy = z.infer<typeof RequestPolicy>;

/** What became of a body: a request, or a sentence that says why not. `unfinished` text may still be being written. */
export type ParsedRequest = { ok: true; request: Request } | { ok: false; unfinished: boolean; reason: string };

/** Reads a request's body. Nothing in it is trusted: any text gives a request or a reason, soon, and never an exception. */
export function parseRequest(text: string): ParsedRequest {
  // The last line may be ended.
  const bytes = Buffer.byteLength(text) - (text.endsWith('\n') ? 1 : 0);
  if (bytes > MAX_BODY_BYTES && !MARKS_OF_HISTORY.some((mark) => text.includes(mark))) return tooLarge(bytes);
  if (depthExceeds(text, MAX_DEPTH)) return refuse(`the body is nested more than ${MAX_DEPTH} levels deep`);
  const json = parseJson(text);
  if ('reason' in json) return { ok: false, unfinished: true, reason: json.reason };
  if (bytes > MAX_BODY_BYTES) {
    const { size, limit } = measure(json.value);
    if (size > limit) return tooLarge(size);
  }
  return checkRequest(json.value);
}

/** Checks a value that is already parsed, as `parseRequest` does. */
export function checkRequest(value: unknown): ParsedRequest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(`expected a JSON object such as {"class":"ExampleJob"}, got ${kindOf(value)}`);
  }
  if ('attempts' in value && Array.isArray(value.attempts) && value.attempts.length > MAX_ATTEMPTS)
    return refuse(`attempts: expected at most ${MAX_ATTEMPTS}, got ${value.attempts.length}`);
  const result = Request.safeParse(value);
  if (!result.success) return refuse(sentences(result.error.issues, value));
  if ('params' in value) {
    // Written back, it would become null.
    if (holdsInfinity(value.params)) return refuse('params: expected numbers below 1.8e308, got a larger one; write it as text');
    // zod copies records key by key, and a key "__proto__" would be lost on the way: the params stay as they were parsed.
    result.data.params = value.params as Request['params'];
  }
  return { ok: true, request: result.data };
}

const refuse = (reason: string): ParsedRequest => ({ ok: false, unfinished: false, reason: visible(reason) });

/** What becomes of a body of so many bytes: its writer may be at it still. */
export const tooLarge = (bytes: number): ParsedRequest & { ok: false } => ({
  ok: false,
  unfinished: true,
  reason: `expected a body of at most ${MAX_BODY_BYTES} bytes, got ${bytes}`,
});

// Only its history makes a job's own file larger than a body may be. Other large text is not worth the minutes and gigabytes that
// its reading may take.
const MARKS_OF_HISTORY = ['"attempts"', '"acceptedAt"', '"submittedBy"', '"isForgeable"'];

// What counts is the body without the history that the service wrote. Where there is any, the service wrote the body as well, and a number
// such as 1e20 takes five times the room then.
function measure(value: unknown): { size: number; limit: number } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { size: Number.POSITIVE_INFINITY, limit: 0 };
  const history = new Set<string>(Object.keys(History.shape));
  const body = Object.entries(value).filter(([key]) => !history.has(key));
  const isRewritten = 'attempts' in value || 'acceptedAt' in value;
  return {
    size: Buffer.byteLength(JSON.stringify(Object.fromEntries(body))),
    limit: isRewritten ? 5 * MAX_BODY_BYTES : MAX_BODY_BYTES,
  };
}

function holdsInfinity(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  return typeof value === 'object' && value !== null && Object.values(value).some(holdsInfinity);
}

/** The published JSON Schema of a request's body. */
export function requestJsonSchema(): object {
  return {
    $id: 'urn:jobspool:request:1',
    title: 'Jobspool request, version 1',
    ...z.toJSONSchema(Request, { io: 'input' }),
  };
}

/** The problems of a value in words, within reason: a body of a megabyte may have a hundred thousand, and each is written to logs. */
export function sentences(issues: readonly z.core.$ZodIssue[], value: unknown, root = ''): string {
  const told = issues.slice(0, MAX_TOLD).map((issue) => sentence(issue, value, root));
  const text = told.join('; ');
  const more = issues.length > told.length ? `; and ${issues.length - told.length} more mistakes` : '';
  return `${text.length > MAX_WORDS ? `${text.slice(0, MAX_WORDS)}…` : text}${more}`;
}

const MAX_TOLD = 50;
/** In characters. */
const MAX_WORDS = 2_000;

/** One problem of a value in words, on one line: where, what was expected, what was there. */
export function sentence(issue: z.core.$ZodIssue, value: unknown, root = ''): string {
  return visible(wordsOf(issue, value, root));
}

function wordsOf(issue: z.core.$ZodIssue, value: unknown, root: string): string {
  const where = pathOf(issue.path, root);
  if (issue.code === 'unrecognized_keys') return unknownFields(where, issue.keys);
  const subject = where === '' ? '' : `${where}: `;
  const there = valueAt(value, issue.path);
  const got = there !== undefined && isSecretPath(issue.path) ? 'another value, which is kept secret' : show(there);
  if (issue.code === 'custom' && issue.message !== 'Invalid input') return `${subject}${issue.message}, got ${got}`;
  return `${subject}${expected(issue)}, got ${got}`;
}

const isSecretPath = (path: PropertyKey[]): boolean => path.some((key) => typeof key === 'string' && isSecretKey(key));

const HINTS: Record<string, string> = {
  priority: 'belongs in the file name: p8-now-<id>.json',
  id: 'belongs in the file name: p5-now-<id>.json',
  runAt: 'belongs in the file name: p5-20261122T101500Z-<id>.json',
  run_at: 'belongs in the file name: p5-20261122T101500Z-<id>.json',
  at: 'belongs in the file name: p5-20261122T101500Z-<id>.json',
  delay: 'belongs in the file name, as a run-at: p5-20261122T101500Z-<id>.json',
  args: 'is called "params"',
  arguments: 'is called "params"',
  payload: 'is called "params"',
  parameters: 'is called "params"',
  data: 'is called "params"',
  job: 'is called "class"',
  name: 'is called "class"',
  handler: 'is called "class"',
  max_attempts: 'is called "retries" (attempts after the first)',
  maxAttempts: 'is called "retries" (attempts after the first)',
  attempts: 'is the history of a job; the number of retries is called "retries"',
  retry_delay: 'is called "retryDelay"',
};

function unknownFields(where: string, keys: string[]): string {
  const told = keys.slice(0, MAX_TOLD).map((key) => unknownField(where, key));
  return [...told, ...(keys.length > told.length ? [`and ${keys.length - told.length} more unknown fields`] : [])].join('; ');
}

function unknownField(where: string, key: string): string {
  const shown = visible(key, MAX_KEY);
  if (where !== '') return `unknown field "${where}.${shown}"`;
  return `unknown field "${shown}": ${Object.hasOwn(HINTS, key) ? `"${key}" ${HINTS[key]}` : 'it is not part of a request'}`;
}

/** In characters. */
const MAX_KEY = 200;

function expected(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${issue.expected}`;
    case 'invalid_value':
      return `expected ${issue.values.map((allowed) => JSON.stringify(allowed)).join(' or ')}`;
    case 'too_small':
      return `expected ${sized(issue.origin)}at least ${issue.minimum}`;
    case 'too_big':
      return `expected ${sized(issue.origin)}at most ${issue.maximum}`;
    case 'invalid_format':
      return issue.format === 'regex' ? `expected text of the form ${issue.pattern}` : `expected ${issue.format}`;
    case 'invalid_union':
      return `expected ${unionOf(issue.errors)}`;
    default:
      return issue.message;
  }
}

function sized(origin: string): string {
  if (origin === 'string') return 'text with a length of ';
  return origin === 'array' || origin === 'set' ? 'a list with a length of ' : '';
}

function unionOf(errors: z.core.$ZodIssue[][]): string {
  const wanted = errors.flat().map((issue) => expected(issue).replace(/^expected /, ''));
  return [...new Set(wanted)].join(' or ') || 'another value';
}

function pathOf(path: PropertyKey[], root: string): string {
  return path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text === '' ? String(key) : `${text}.${String(key)}`),
    root,
  );
}

function valueAt(value: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Record<PropertyKey, unknown>)[key] : undefined),
    value,
  );
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'object' && value !== null) return kindOf(value);
  const text = JSON.stringify(value) ?? String(value);
  const short = text.length > 80 ? `${text.slice(0, 77)}…` : text;
  return typeof value === 'number' ? `the number ${short}` : typeof value === 'string' ? `the text ${short}` : short;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : show(value);
}

function parseJson(text: string): { value: unknown } | { reason: string } {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    const why = text.trim() === '' ? 'the file is empty' : withoutQuote(text, (error as Error).message);
    return { reason: `the body is not JSON: ${visible(why)}` };
  }
}

// Node quotes the text around the mistake, which may be a secret. Long text is not looked through for one: its quote goes anyway.
function withoutQuote(text: string, message: string): string {
  return text.length > MAX_LOOKED_THROUGH || namesSecret(text) ? message.replace(/, (\.\.\.)?".*is not valid JSON$/s, '') : message;
}

function namesSecret(text: string): boolean {
  const keys = text.matchAll(/(?<![\w.-])([\w.-]{1,100})["']?\s*[:=]/g);
  return [...keys].some(([, key]) => isSecretKey(key as string));
}

/** In characters. */
const MAX_LOOKED_THROUGH = 65_536;

// JSON.stringify and zod recurse, and JSON.parse takes gigabytes for millions of levels: looked for before anything is parsed. Not by a
// regular expression: a text of many megabytes in quotes is too much for its stack.
function depthExceeds(text: string, limit: number): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfText(text, at);
    else if (code === OPEN_BRACKET || code === OPEN_BRACE) depth += 1;
    else if (code === CLOSE_BRACKET || code === CLOSE_BRACE) depth -= 1;
    if (depth > limit) return true;
  }
  return false;
}

// Where the quote stands that ends the text in quotes beginning at `start`; the end of it all when none does.
function endOfText(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    if (code === BACKSLASH) at += 1;
  }
  return text.length;
}

const [QUOTE, BACKSLASH, OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d];
