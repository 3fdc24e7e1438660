/** What becomes of a request that nothing answers, or that an error ends. */
import { randomBytes } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { errnoOf, messageOf, SpoolError, type SpoolErrorCode } from '../spool/errors.ts';
import { type Answer, answer } from './answer.ts';
import type { Dashboard, Env } from './dashboard.ts';
import { inert } from './inert.ts';
import { unusableSentence } from './trouble.ts';

/**
 * Answers for an error that a route threw. Errors meant for whoever asked (HTTPException, SpoolError) say their sentence, and a spool that cannot be used
 * says why; any other is logged with its stack and answered by a 500 that gives only the reference under which the log has it.
 */
export function answerError(error: unknown, context: Context<Env>, dashboard: Dashboard): Response | Promise<Response> {
  return answer(context, dashboard, sentenceOf(error) ?? spoolTrouble(error, context, dashboard) ?? unexpected(error, context, dashboard));
}

/** Answers for an address that is none of ours. */
export function answerNotFound(context: Context<Env>, dashboard: Dashboard): Response | Promise<Response> {
  const { method, path } = context.req;
  const detail = `Nothing answers to ${method} ${inert(path, 200)}. The dashboard is at ${dashboard.basePath}/dashboard.`;
  // Outside the base path nobody has been asked who they are, and no page of ours is theirs.
  if (!path.startsWith(`${dashboard.basePath}/`)) return context.text(`${detail}\n`, 404);
  return answer(context, dashboard, { status: 404, title: titleOf(404), detail });
}

const STATUS: Record<SpoolErrorCode, ContentfulStatusCode> = {
  INVALID_REQUEST: 422,
  INVALID_ID: 422,
  INVALID_DURATION: 422,
  INVALID_RUN_AT: 422,
  NOT_FOUND: 404,
  CONFLICT: 409,
  PARTLY_SUBMITTED: 500,
  WAIT_TIMEOUT: 504,
  SPOOL_VERSION: 503,
  SPOOL_SPLIT: 503,
  SPOOL_ACCESS: 503,
  SPOOL_FULL: 507,
};

function sentenceOf(error: unknown): Answer | undefined {
  if (error instanceof HTTPException) {
    const status = error.status as ContentfulStatusCode;
    return { status, title: titleOf(status), detail: error.message || `The request was answered with status ${status}.` };
  }
  if (error instanceof SpoolError) {
    const status = STATUS[error.code];
    return { status, title: titleOf(status), detail: error.message };
  }
  const code = errnoOf(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return undefined;
  return { status: 507, title: titleOf(507), detail: 'The disk of the spool is full. Free some space there, and try again.' };
}

// A call of the system failed: should it be because of the spool, then that is what there is to say.
function spoolTrouble(error: unknown, { req }: Context, { spool, log }: Dashboard): Answer | undefined {
  const detail = errnoOf(error) === undefined ? undefined : unusableSentence(spool);
  if (detail === undefined) return undefined;
  log.error(`${req.method} ${inert(req.path, 200)} failed: ${inert(messageOf(error), 500)}; the spool cannot be used`);
  return { status: 503, title: titleOf(503), detail };
}

function unexpected(error: unknown, { req }: Context, { log }: Dashboard): Answer {
  const reference = randomBytes(4).toString('hex');
  const what = `${req.method} ${inert(req.path, 200)}`;
  log.error(`${what} failed (reference ${reference}): ${inert(messageOf(error), 500)}`, { reference, stack: stackOf(error) });
  return {
    status: 500,
    title: titleOf(500),
    detail: `This went wrong on our side. The errors log says why, under the reference ${reference}.`,
  };
}

const titleOf = (status: number): string => STATUS_CODES[status] ?? 'Refused';

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
