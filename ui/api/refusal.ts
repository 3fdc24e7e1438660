/** What the API answers when it does not do what was asked: problems (RFC 9457), as their schema and as sentences. */
import { STATUS_CODES } from 'node:http';
import type { Hook } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { messageOf } from '../../spool/errors.ts';
import { sentence } from '../../spool/request.ts';
import type { Env } from '../dashboard.ts';
import { problem } from '../problem.ts';
import { State } from './job.ts';

/** One thing that is wrong with a request. `path` leads to it: `query.limit`, `body.params[0]`. */
export type Mistake = { path: string; message: string };

export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string().describe('A sentence: what was asked for, what was expected and what came, and whether anything was done.'),
    instance: z.string(),
    mistakes: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .describe('Of status 422: everything that is wrong.'),
    state: State.optional().describe('Of status 409: the state of the job, which does not allow it.'),
    id: z.string().optional().describe('Of status 409: the job that has the id already.'),
  })
  .meta({ id: 'Problem', description: 'Why nothing was done, as in RFC 9457.' });

const MEANING = {
  400: 'The body is not JSON.',
  404: 'Nothing of that id is known.',
  409: 'The `state` of the job does not allow it, or the id is taken. Nothing was changed.',
  413: 'The body is too large.',
  415: 'The body is not said to be JSON.',
  416: 'The range begins behind the end.',
  422: 'Something in the request is wrong; `mistakes` lists everything.',
  429: 'Too many operations are going on.',
  503: 'Too many streams are open.',
  507: 'The disk is full.',
} as const;

type Refused = { description: string; content: Record<string, { schema: typeof Problem }> };

/** The answers of a route that are refusals, for the document. */
export function refusals<Status extends keyof typeof MEANING>(...statuses: Status[]): Record<Status, Refused> {
  const content = { 'application/problem+json': { schema: Problem } };
  const answers = {} as Record<Status, Refused>;
  for (const status of statuses) answers[status] = { description: MEANING[status], content };
  return answers;
}

/** Answers 422 with everything that is wrong, within reason. */
export function answerMistakes(context: Context, mistakes: Mistake[]): Response {
  const told = mistakes.slice(0, MAX_TOLD);
  const more = mistakes.length > told.length ? `; and ${mistakes.length - told.length} more mistakes` : '';
  const detail = `${told.map(({ message }) => message).join('; ')}${more}. Nothing was done.`;
  return problem(context, 422, titleOf(422), detail, { mistakes: told });
}

const MAX_TOLD = 50;

/** What a schema of a route's own request did not let pass. */
// biome-ignore lint/suspicious/noExplicitAny: the library hands a hook whatever any route's schema gives, and says so.
export const answerInvalid: Hook<any, Env, any, Response | undefined> = (result, context) => {
  if (result.success) return undefined;
  const given: unknown = 'data' in result ? result.data : undefined;
  return answerMistakes(context, mistakesOf(result.target, result.error, given));
};

/** Answers what the library throws before a route is asked: 400 and 415 of the body. Undefined for any other. */
export async function answerBody(context: Context, { status }: HTTPException): Promise<Response | undefined> {
  const why = status === 400 ? await notJson(context) : status === 415 ? notSaid(context) : undefined;
  return why === undefined ? undefined : problem(context, status, titleOf(status), `Read the body: ${why}. Nothing was done.`);
}

async function notJson({ req }: Context): Promise<string> {
  try {
    JSON.parse(await req.text());
    return 'it could not be read';
  } catch (error) {
    return `expected JSON, got text that is none: ${messageOf(error)}`;
  }
}

const notSaid = ({ req }: Context): string =>
  `expected the content type application/json, got ${(req.header('Content-Type') ?? 'none').slice(0, 100)}`;

export const titleOf = (status: number): string => STATUS_CODES[status] ?? 'Refused';

const WHERE: Record<string, string> = { json: 'body', query: 'query', param: 'path', header: 'header' };

/** What a schema did not let pass, for `answerMistakes`. `target`: which part of the request it is of, `json` for its body. */
export function mistakesOf(target: string, error: z.core.$ZodError, given: unknown): Mistake[] {
  const where = WHERE[target] ?? target;
  return error.issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknown(where, [...issue.path, key]));
    return { path: pathOf(where, issue.path), message: sentence(issue, given) };
  });
}

/** What others call them. */
const HINTS: Record<string, Record<string, string>> = {
  body: {
    runAt: 'at',
    run_at: 'at',
    args: 'params',
    arguments: 'params',
    payload: 'params',
    parameters: 'params',
    data: 'params',
    job: 'class',
    name: 'class',
    handler: 'class',
    max_attempts: 'retries',
    maxAttempts: 'retries',
    attempts: 'retries',
    retry_delay: 'retryDelay',
    q: 'filter',
    dry_run: 'dryRun',
  },
  query: { filter: 'q', search: 'q', cursor: 'after', page: 'after', offset: 'after', per_page: 'limit' },
};

function unknown(where: string, keys: PropertyKey[]): Mistake {
  const key = String(keys.at(-1));
  const hints = HINTS[where] ?? {};
  const hint = Object.hasOwn(hints, key) ? `, which may be meant for "${hints[key]}"` : '';
  const what = where === 'query' ? 'parameter' : 'field';
  return { path: pathOf(where, keys), message: `unknown ${what} "${key.slice(0, 100)}"${hint}` };
}

const pathOf = (where: string, keys: PropertyKey[]): string =>
  keys.reduce<string>((text, key) => (typeof key === 'number' ? `${text}[${key}]` : `${text}.${String(key)}`), where);
