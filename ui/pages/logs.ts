import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { clearLogs } from '../../spool/clear-logs.ts';
import type { Dashboard, Env } from '../dashboard.ts';
import { download } from '../download.ts';
import { backOf, readForm, readQuery } from '../forms.ts';
import { frameOf } from '../frame.ts';
import { leaveNotice } from '../notice.ts';
import { CURSOR, LEVELS, LOGS, logFile, logSize, readServiceLog } from '../service-log.ts';
import { counted } from '../views/figures.ts';
import { clearConfirmation, logsPage } from '../views/logs.ts';

/** `/job-logs`: what the service wrote about its jobs, to read, to download and to clear. */
export function logPages(dashboard: Dashboard): Hono<Env> {
  const { basePath, catalog, log: journal, spool } = dashboard;
  const app = new Hono<Env>();

  app.get('/job-logs', async (context) => {
    const { log, before, level, class: name, id, q } = readQuery(context, LogsQuery);
    const frame = frameOf(context, dashboard);
    const filter = { level, class: name, id, q };
    const page = await readServiceLog(spool, log, filter, before);
    const sizes = { events: logSize(spool, 'events').bytes, errors: logSize(spool, 'errors').bytes };
    const classes = [...new Set(catalog.handlers().map((handler) => handler.class))].slice(0, MAX_SUGGESTIONS);
    return context.html(logsPage(frame, { log, filter, before, page, sizes, classes }));
  });

  app.get('/job-logs/download', (context) => {
    const { log } = readQuery(context, WhichLog);
    const answer = download(
      context,
      spool.disk,
      logFile(spool, log),
      log === 'events' ? 'background_jobs.log' : 'background_jobs_errors.log',
    );
    if (answer) return answer;
    throw new HTTPException(404, { message: `download the ${log} log: it is empty, nothing was written to it yet` });
  });

  app.get('/job-logs/clear', (context) => {
    const { log } = readQuery(context, WhichLog);
    return context.html(clearConfirmation(frameOf(context, dashboard), { log, ...logSize(spool, log) }));
  });

  app.post('/job-logs/clear', async (context) => {
    const { log, back } = await readForm(context, ClearForm);
    const { rotated } = clearLogs(spool, log);
    const text = `the ${log} log was cleared in the dashboard: the current file was emptied and ${counted(rotated, 'file')} of earlier days removed`;
    journal.info(text, { who: context.get('who'), rotated });
    leaveNotice(context, basePath, { kind: 'done', text: `${text.charAt(0).toUpperCase()}${text.slice(1)}.` });
    return context.redirect(`${basePath}${backOf({ back }, `/job-logs?log=${log}`)}`, 303);
  });

  return app;
}

const MAX_SUGGESTIONS = 100;

const whichLog = z.enum(LOGS);
const WhichLog = z.object({ log: whichLog });
const ClearForm = z.object({ log: whichLog, back: z.string().optional() });

const LogsQuery = z.object({
  log: whichLog.default('events'),
  level: z.enum(LEVELS).optional(),
  class: z.string().max(200).optional(),
  id: z.string().max(300).optional(),
  q: z.string().max(200).optional(),
  before: z
    .string()
    .refine((text) => CURSOR.test(text), { error: 'expected the cursor that a page of this log gave' })
    .optional(),
});
