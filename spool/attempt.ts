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

/** What is kept of anything a handler threw, an error or not. Its causes go into the stack. Never throws. */
export function errorRecord(thrown: unknown): ErrorRecord {
  if (!(thrown instanceof Error)) return { name: 'Error', message: `threw ${describe(thrown)}`.slice(0, MAX_MESSAGE) };
  const record: ErrorRecord = { name: nameOf(thrown), message: textOf(thrown.message).slice(0, MAX_MESSAGE) };
  const stack = stackOf(thrown, MAX_CAUSES);
  if (stack) record.stack = stack.slice(0, MAX_STACK);
  return record;
}

const MAX_CAUSES = 5;

// A class that extends Error without setting `name` still says "Error" there; its constructor knows better.
function nameOf(error: Error): string {
  const name: unknown = error.name !== 'Error' ? error.name : error.constructor?.name;
  return textOf(name ?? 'Error') || 'Error';
}

function stackOf(error: Error, causes: number): string {
  const own = ownStack(error);
  return error.cause instanceof Error && causes > 0 ? `${own}\nCaused by: ${stackOf(error.cause, causes - 1)}` : own;
}

// The stack's text is made when it is asked for, from whatever the error says then; that may throw.
function ownStack(error: Error): string {
  try {
    return typeof error.stack === 'string' ? error.stack.slice(0, MAX_STACK) : '';
  } catch {
    return '';
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : describe(value);
}

// A handler may throw anything, and an error's fields may hold anything: what has no text of its own is named by its type.
function describe(value: unknown): string {
  for (const write of [JSON.stringify, String]) {
    try {
      const text = write(value) as string | undefined;
      if (text !== undefined) return text;
    } catch {
      // Not in this form: the next.
    }
  }
  return `a value of type ${typeof value}`;
}
