import { z } from 'zod';

/** How one attempt ended. `crashed`: its runner died; `lost`: its runner's host went silent for the stale time. */
export const OUTCOMES = ['completed', 'failed', 'timed-out', 'crashed', 'cancelled', 'lost'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const ErrorRecord = z.strictObject({
  name: z.string(),
  message: z.string(),
  stack: z.string().optional(),
});

/** What is kept of an error: its class, its sentence and, where it has one, its stack. */
export type ErrorRecord = z.infer<typeof ErrorRecord>;

export const Attempt = z.strictObject({
  number: z.int().positive(),
  outcome: z.enum(OUTCOMES),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  runner: z.string(),
  error: ErrorRecord.optional(),
});

/** One run of a job, as it stands in the job's file and in the ledger. Numbers go on counting after a manual retry. */
export type Attempt = z.infer<typeof Attempt>;

const MAX_STACK = 16_384;
const MAX_MESSAGE = 16_384;

/** What is kept of anything a handler threw, an error or not. Its causes go into the stack. */
export function errorRecord(thrown: unknown): ErrorRecord {
  if (!(thrown instanceof Error)) return { name: 'Error', message: `threw ${describe(thrown)}` };
  const record: ErrorRecord = { name: nameOf(thrown), message: String(thrown.message).slice(0, MAX_MESSAGE) };
  const stack = stackOf(thrown);
  if (stack) record.stack = stack.slice(0, MAX_STACK);
  return record;
}

// A class that extends Error without setting `name` still says "Error" there; its constructor knows better.
function nameOf(error: Error): string {
  return error.name !== 'Error' ? String(error.name) : (error.constructor?.name ?? 'Error');
}

function stackOf(error: Error): string {
  const own = typeof error.stack === 'string' ? error.stack : '';
  return error.cause instanceof Error && error.cause !== error ? `${own}\nCaused by: ${stackOf(error.cause)}` : own;
}

function describe(value: unknown): string {
  try {
    return (JSON.stringify(value) ?? String(value)).slice(0, MAX_MESSAGE);
  } catch {
    return String(value);
  }
}
