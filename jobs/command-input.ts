import { attemptNumber, type Job } from '../spool/job.ts';
import type { Request } from '../spool/request.ts';

/** What a command is told of its job, as JSON. `params` as the allow-list's schema left them. */
export const commandInput = (job: Job, params: Request['params']) => ({
  id: job.id,
  class: job.request.class,
  method: job.request.method,
  params,
  attempt: attemptNumber(job),
});
