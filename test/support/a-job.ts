/** Builders of the values that tests are about; what a test does not name has a plain default. */
import fc from 'fast-check';
import { type JobName, jobFileName } from '../../spool/filename.ts';
import { type Job, jobOf } from '../../spool/job.ts';
import { DEFAULT_POLICY, type Policy } from '../../spool/policy.ts';
import type { Request } from '../../spool/request.ts';

export const aRequest = (over: Partial<Request> = {}): Request => ({ class: 'Example', method: 'handle', params: [], ...over });

/** A job that was to run at `runAt` (milliseconds since the epoch). */
export function aJob(over: Partial<JobName> & { request?: Partial<Request> } = {}): Job {
  const { request, ...name } = over;
  return jobOf(jobFileName({ priority: 5, runAt: Date.UTC(2026, 10, 22), id: 'a', ...name }), aRequest(request));
}

export const aPolicy = (over: Partial<Policy> = {}): Policy => ({ ...DEFAULT_POLICY, ...over });

const ID_START = 'ABCXYZabcxyz0129';

/** Ids of every form, short and equal ones among them, so that comparisons meet ties and prefixes. */
export const ids: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom(...ID_START),
    fc.string({ unit: fc.constantFrom(...`${ID_START}._-`), maxLength: 6 }),
    fc.constantFrom('', '.json', '-1', '.1'),
  )
  .map((parts) => parts.join(''));

/** Run-ats that a canonical name can hold: the years 0 to 9999. */
export const runAts: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2026, 0) + 5 }),
  fc.integer({ min: Date.parse('0000-01-01T00:00:00.000Z'), max: Date.parse('9999-12-31T23:59:59.999Z') }),
);

export const jobNames: fc.Arbitrary<JobName> = fc.record(
  { priority: fc.integer({ min: 1, max: 10 }), runAt: runAts, id: ids },
  { noNullPrototype: true },
);
