import type { ErrorRecord } from '../spool/attempt.ts';
import { durationMs } from '../spool/duration.ts';
import type { End } from '../spool/job.ts';

/** What a line of a command of the protocol "lines" says. */
export type Said =
  /** How its job ended. `isSound`: it kept the protocol, and may be given the next job. */
  | { kind: 'answer'; end: End; isSound: boolean }
  | { kind: 'progress'; percent: number }
  /** It is not about the job, and goes to the log. */
  | { kind: 'printed' };

/** Reads a line of the command `program` that has the job `id` in hand. */
export function readAnswer(line: string, id: string, program: string): Said {
  const said = parsed(line);
  if (said === undefined || said.id !== id) return { kind: 'printed' };
  if ('outcome' in said) return answerOf(said, program);
  return typeof said.progress === 'number' ? { kind: 'progress', percent: said.progress } : { kind: 'printed' };
}

type Fields = Record<string, unknown>;

function parsed(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
  } catch {
    // A line that begins like an object and is none: somebody printed it.
    return undefined;
  }
}

function answerOf(said: Fields, program: string): Said {
  switch (said.outcome) {
    case 'completed':
      return sound({ kind: 'completed', ...(said.result === undefined || said.result === null ? {} : { result: said.result }) });
    case 'failed':
      return sound(failedEnd(said.error, said.permanent === true, program));
    case 'snoozed': {
      const delayMs = durationMs(said.delay);
      if (said.delay === undefined || said.delay === null || delayMs !== undefined) return sound({ kind: 'snoozed', delayMs });
      return unsound(program, `put its job off by ${shown(said.delay)}: expected a delay such as "500ms", "5s", "2m" or "1h"`);
    }
    default:
      return unsound(program, `answered with the outcome ${shown(said.outcome)}: expected "completed", "failed" or "snoozed"`);
  }
}

/** The end of a job whose command told of an error: `{ name, message, stack?, names? }`. */
export function failedEnd(told: unknown, permanent: boolean, program: string): End & { kind: 'failed' } {
  const error = errorOf(told, program);
  return { kind: 'failed', error, permanent, names: [...new Set([error.name, ...namesOf(told), 'CommandFailed'])] };
}

const sound = (end: End): Said => ({ kind: 'answer', end, isSound: true });

function unsound(program: string, what: string): Said {
  const error = { name: 'CommandFailed', message: `the command "${program}" ${what}` };
  return { kind: 'answer', end: { kind: 'failed', error, permanent: false, names: ['CommandFailed'] }, isSound: false };
}

// As much as is kept of a handler's own errors.
const MAX_TEXT = 16_384;
const MAX_NAME = 256;
const MAX_NAMES = 100;

function errorOf(value: unknown, program: string): ErrorRecord {
  const { name, message, stack } = typeof value === 'object' && value !== null ? (value as Fields) : {};
  return {
    name: typeof name === 'string' && name !== '' ? name.slice(0, MAX_NAME) : 'CommandFailed',
    message: typeof message === 'string' ? message.slice(0, MAX_TEXT) : `the command "${program}" said that its job failed, and not why`,
    ...(typeof stack === 'string' && stack !== '' ? { stack: stack.slice(0, MAX_TEXT) } : {}),
  };
}

// What else the error is, such as the classes that it extends: the policy's lists know it by these too.
function namesOf(value: unknown): string[] {
  const { names } = typeof value === 'object' && value !== null ? (value as Fields) : {};
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string').slice(0, MAX_NAMES) : [];
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 200);
