import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** Answers a program with `application/problem+json` (RFC 9457). `detail` is a sentence; `extra` adds members, or replaces `type`. */
export function problem(context: Context, status: ContentfulStatusCode, title: string, detail: string, extra: object = {}): Response {
  const body = { type: 'about:blank', title, status, detail, instance: context.req.path, ...extra };
  return context.body(JSON.stringify(body), status, { 'Content-Type': 'application/problem+json' });
}
