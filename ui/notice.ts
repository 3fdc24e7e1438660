/** What was done by the last action, shown once on the next page. It travels in a cookie, so that it works without JavaScript. */
import type { Context } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { z } from 'zod';
import { isLocalPath } from './urls.ts';

// Cookies know no ports: whatever else is served under our name may have written it.
const Notice = z.strictObject({
  kind: z.enum(['done', 'refused']),
  text: z.string(),
  link: z.strictObject({ path: z.string().refine(isLocalPath), text: z.string() }).optional(),
});

/** `link` is a path of ours, without the base path. */
export type Notice = z.infer<typeof Notice>;

const COOKIE = 'jobspool_notice';
// A cookie holds 4 kB, and some characters take three bytes and more in it.
const MAX_TEXT = 600;

export function leaveNotice(context: Context, basePath: string, notice: Notice): void {
  const text = JSON.stringify({ ...notice, text: notice.text.slice(0, MAX_TEXT) });
  setCookie(context, COOKIE, text, { path: basePath || '/', httpOnly: true, sameSite: 'Strict', maxAge: 60 });
}

/** The notice that waits, which is gone then; undefined when there is none, or none of ours. */
export function takeNotice(context: Context, basePath: string): Notice | undefined {
  // The live part of a page, in whatever tab, shows none: it waits for the page that follows the action.
  if (context.req.header('Jobspool-Live') !== undefined) return undefined;
  const text = getCookie(context, COOKIE);
  if (text === undefined) return undefined;
  deleteCookie(context, COOKIE, { path: basePath || '/' });
  try {
    return Notice.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
