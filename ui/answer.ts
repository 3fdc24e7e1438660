/** Answers that are no page and no data: refusals and mistakes, for people as a page, for programs as a problem. */
import type { Context } from 'hono';
import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { messageOf } from '../spool/errors.ts';
import type { Dashboard, Env } from './dashboard.ts';
import { type Frame, frameOf } from './frame.ts';
import { problem } from './problem.ts';
import type { Html } from './views/html.ts';
import { layout } from './views/layout.ts';
import { noticeBar } from './views/notice.ts';

/** `title` is a few words, `detail` a sentence that says what was expected, what came, and what to do. */
export type Answer = { status: ContentfulStatusCode; title: string; detail: string };

/** A problem for programs, a page for people. */
export function answer(context: Context<Env>, dashboard: Dashboard, { status, title, detail }: Answer): Response | Promise<Response> {
  return isForPrograms(context, dashboard)
    ? problem(context, status, title, detail)
    : answerPage(context, dashboard, { status, title, detail });
}

/** A whole page that says one thing, and the ways on. */
export function answerPage(context: Context<Env>, dashboard: Dashboard, said: Answer): Response | Promise<Response> {
  try {
    return context.html(page(frameOf(context, dashboard), said), said.status);
  } catch (error) {
    // What every page needs is missing, such as its style sheet. Why, the log has; what was to be said is said all the same.
    dashboard.log.error(`draw the page of status ${said.status}: ${messageOf(error)}`);
    return context.text(`${said.title}\n${said.detail}\n`, said.status);
  }
}

function page(frame: Frame, { status, title, detail }: Answer): Html {
  const body = html`${noticeBar(frame)}
<section class="panel" id="answer"><h1>${title}</h1>
<p>${detail}</p>
<p><a class="button" href="${frame.url('/dashboard')}">To the overview</a> <a class="button" href="${frame.url('/dashboard/jobs')}">To the jobs</a></p>
<p class="muted small">Status ${status}</p></section>`;
  return layout(frame, { title, section: 'none' }, body);
}

/** Whether a request is for the API or the metrics: then mistakes are answered in JSON. */
export function isForPrograms({ req }: Context, { basePath }: Dashboard): boolean {
  const path = req.path.slice(basePath.length);
  return path === '/api' || path.startsWith('/api/') || path === '/metrics';
}
