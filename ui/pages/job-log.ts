import { type Context, Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { isId } from '../../spool/filename.ts';
import { maskJob } from '../../spool/mask.ts';
import type { JobStatus } from '../../spool/query.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { download } from '../download.ts';
import { readQuery } from '../forms.ts';
import { type Frame, frameOf } from '../frame.ts';
import { inert } from '../inert.ts';
import { attemptStart, logEnd, logWindow, MAX_WINDOW_BYTES } from '../job-log.ts';
import { leaveNotice } from '../notice.ts';
import { searchLog } from '../search-job-log.ts';
import { jobPath } from '../urls.ts';
import { emptyLogPage, jobLogPage, logSearchPage } from '../views/job-log.ts';

/** `/dashboard/jobs/:id/log`, which shows it in parts and searches it, and `/dashboard/jobs/:id/log.txt`. */
export function jobLogPages(dashboard: Dashboard): Hono<Env> {
  const app = new Hono<Env>();

  app.get('/dashboard/jobs/:id/log', async (context) => {
    const query = readQuery(context, LogQuery);
    const id = context.req.param('id');
    if (query.attempt !== undefined) return toAttempt(context, dashboard, id, query.attempt);
    const frame = frameOf(context, dashboard);
    const job = (await dashboard.catalog.find(id, frame.now))?.job;
    const page =
      query.q === undefined
        ? windowPage(frame, dashboard, { id, job }, query)
        : await searchPage(frame, dashboard, { id, job, q: query.q }, query.from);
    if (page) return context.html(page);
    if (!job) throw unknownJob(id);
    return context.html(emptyLogPage(frame, dashboard, maskJob(job)));
  });

  app.get('/dashboard/jobs/:id/log.txt', (context) => {
    const id = context.req.param('id');
    const { disk, jobLog } = dashboard.spool;
    const answer = isId(id) ? download(context, disk, jobLog(id), `${id}.log.txt`) : undefined;
    if (answer) return answer;
    throw new HTTPException(404, {
      message: `download the log of ${inert(id, 100)}: there is none; the job has printed nothing, or its log was removed`,
    });
  });

  return app;
}

const DEFAULT_LINES = 1_000;
const DEFAULT_BYTES = 65_536;

const whole = (least: number, most: number, what: string) =>
  z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= least && Number(text) <= most, { error: `expected ${what}` })
    .transform(Number)
    .optional();

const offset = whole(0, Number.MAX_SAFE_INTEGER, 'a number of bytes');

const LogQuery = z.object({
  tail: whole(1, 5_000, 'a number of lines from 1 to 5000'),
  from: offset,
  before: offset,
  limit: whole(1_024, MAX_WINDOW_BYTES, `a number of bytes from 1024 to ${MAX_WINDOW_BYTES}`),
  attempt: whole(1, 999_999_999, 'the number of an attempt'),
  q: z.string().max(200).optional(),
});

type Asked = z.output<typeof LogQuery>;
type Subject = { id: string; job: JobStatus | undefined };

function windowPage(frame: Frame, { spool }: Dashboard, { id, job }: Subject, { tail = DEFAULT_LINES, from, before, limit }: Asked) {
  const place = from !== undefined ? { from } : before !== undefined ? { before } : undefined;
  const log = place ? logWindow(spool, id, place, limit ?? DEFAULT_BYTES) : logEnd(spool, id, tail, limit ?? MAX_WINDOW_BYTES);
  return log && jobLogPage(frame, { id, job, log, isEnd: place === undefined, limit });
}

async function searchPage(frame: Frame, { spool }: Dashboard, { id, job, q }: Subject & { q: string }, from = 0) {
  const found = await searchLog(spool, id, { text: q, from });
  return found && logSearchPage(frame, { id, job, q, found });
}

function toAttempt(context: Context<Env>, { spool, basePath }: Dashboard, id: string, attempt: number): Response {
  const from = attemptStart(spool, id, attempt);
  const log = `${basePath}${jobPath(id, '/log')}`;
  if (from !== undefined) return context.redirect(`${log}?from=${from}#attempt-${attempt}`);
  leaveNotice(context, basePath, {
    kind: 'refused',
    text: `The log has nothing of attempt ${attempt}: it printed nothing, or it was cut out.`,
  });
  return context.redirect(log);
}

const unknownJob = (id: string): HTTPException =>
  new HTTPException(404, { message: `show the log of ${inert(id, 100)}: no job of that id is known, and no log is kept of one` });
