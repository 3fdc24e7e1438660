/** A job as the API shows it: its status, without its secrets. */
import { z } from 'zod';
import { Attempt, ErrorRecord } from '../../spool/attempt.ts';
import { maskJob } from '../../spool/mask.ts';
import type { JobStatus } from '../../spool/query.ts';
import { RequestPolicy } from '../../spool/request.ts';
import { STATES } from '../../spool/state.ts';
import { TraceContext } from '../../spool/trace-context.ts';

export const State = z.enum(STATES).meta({
  id: 'State',
  description:
    'scheduled: waits for its time. pending: due, waits for a runner. running. retrying: failed, waits for its next attempt. completed, failed, cancelled: over. rejected: never became a job.',
});

const moment = (description: string) => z.iso.datetime().describe(description);

const JobError = z
  .object(ErrorRecord.shape)
  .meta({ id: 'JobError', description: "An error's class, its sentence and, where it has one, its stack." });

const JobAttempt = z
  .object({ ...Attempt.shape, error: JobError.optional() })
  .meta({ id: 'Attempt', description: 'One run of a job. Numbers go on counting after a retry by hand.' });

/** Every field of a job's status has its schema here, and the other way round: else this does not compile. */
type Fields = { [Field in keyof Required<JobStatus>]: z.ZodType<JobStatus[Field]> };

const fields = {
  id: z.string().describe('Of a rejected file without an id: its name.'),
  state: State,
  class: z.string().optional(),
  method: z.string().optional(),
  params: z.unknown().optional().describe('What stands under a key that looks secret is masked.'),
  priority: z.number().describe('1 to 10, higher runs first.'),
  runAt: moment('When it was to run; while it waits, when it runs next.'),
  acceptedAt: moment('When it was first accepted.').optional(),
  startedAt: moment('When the attempt that runs now, or the last one, began.').optional(),
  finishedAt: moment('When it was over.').optional(),
  attempts: z.array(JobAttempt).describe('Every attempt that ended, oldest first.'),
  retries: RequestPolicy.shape.retries,
  retryDelay: RequestPolicy.shape.retryDelay,
  backoff: RequestPolicy.shape.backoff,
  timeout: RequestPolicy.shape.timeout,
  traceparent: TraceContext.shape.traceparent,
  tracestate: TraceContext.shape.tracestate,
  submittedBy: z
    .number()
    .optional()
    .describe('The uid of who submitted it: the owner of the file that was dropped. Of what came by this API, the uid of the service.'),
  spent: z.number().optional().describe('Attempts that count against the retries: since it was last retried by hand.'),
  crashes: z.number().optional().describe('How many of those ended with the death of their runner.'),
  snoozes: z.number().optional().describe('How often it put itself off.'),
  result: z.unknown().optional().describe('What the handler returned, masked likewise.'),
  error: JobError.optional().describe('Of the last attempt, while it has not been followed by a better one.'),
  reason: z.string().optional().describe('Why it was rejected.'),
  progress: z.number().optional().describe('0 to 100, as the running job reports it.'),
  runner: z.string().optional().describe('The slot it runs in, or ran in last.'),
  cancelling: z.literal(true).optional().describe('Its cancellation is asked for, and it still runs.'),
  cancelRequestedAt: moment('When that was.').optional(),
} satisfies Fields;

export const Job = z
  .object({ ...fields, durationMs: z.number().optional().describe('How long the attempt that completed it took.') })
  .meta({ id: 'Job', description: 'A job and its whole history.' });

/** A job as it goes out. */
export const jobBody = (job: JobStatus): z.infer<typeof Job> => maskJob(job);
