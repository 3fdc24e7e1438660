/** Whether a spool is as a case says. Pure but for its reading of the spool. */
import fs from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { find, ledger, parsed, text } from './spool-view.ts';

/** What is expected of a job or a file. */
export type Expectation =
  | ExpectedJob
  | ExpectedRejection
  /** A completed job of these params, whatever its id. */
  | { params: unknown; state: 'completed' }
  /** Completed jobs, in the order in which they began. */
  | { order: string[] }
  | { file: string }
  | { noFile: string };

/** `state` may be `nowhere`. */
type ExpectedJob = {
  id: string;
  state: string;
  /** An expression for its file's name. */
  name?: string;
  /** What its line of the ledger has, beside other things. */
  line?: Record<string, unknown>;
  /** Those of its attempts. */
  outcomes?: string[];
  /** An expression for its last error. */
  error?: string;
};

/** A rejected file, an expression for the reason, and for how long it had not changed at least. */
type ExpectedRejection = { rejected: string; reason: string; settledMs?: number };

/** What is not yet as expected, as a sentence; undefined when it is. */
export function unmet(expected: Expectation, spool: string): string | undefined {
  if ('id' in expected) return unmetJob(expected, spool);
  if ('rejected' in expected) return unmetRejection(expected, spool);
  if ('order' in expected) return unmetOrder(expected.order, spool);
  if ('file' in expected) return fs.existsSync(path.join(spool, expected.file)) ? undefined : `expected ${expected.file} to be there`;
  if ('noFile' in expected) return fs.existsSync(path.join(spool, expected.noFile)) ? `expected ${expected.noFile} to be gone` : undefined;
  const isThere = ledger(spool).some(({ params }) => isDeepStrictEqual(params, expected.params));
  return isThere ? undefined : `expected a completed job with the params ${JSON.stringify(expected.params)}`;
}

function unmetJob(expected: ExpectedJob, spool: string): string | undefined {
  const found = find(spool, expected.id);
  const states = found.map(({ state }) => state);
  if (expected.state === 'nowhere')
    return found.length === 0 ? undefined : `expected no job ${expected.id}, found it in ${states.join(' and ')}`;
  const [job] = found;
  if (found.length !== 1 || job?.state !== expected.state)
    return `expected ${expected.id} to be ${expected.state}, found it ${states.join(' and ') || 'nowhere'}`;
  return unlike(expected, job.name, job.record);
}

function unlike(expected: ExpectedJob, name: string, record: Record<string, unknown>): string | undefined {
  const attempts = (record.attempts ?? []) as { outcome: string; error?: object }[];
  const outcomes = attempts.map(({ outcome }) => outcome);
  const error = JSON.stringify(attempts.at(-1)?.error ?? {});
  if (expected.name !== undefined && !new RegExp(expected.name).test(name)) return `expected a name like ${expected.name}, got ${name}`;
  if (expected.outcomes && !isDeepStrictEqual(outcomes, expected.outcomes))
    return `expected ${expected.id} to have had the attempts ${expected.outcomes.join(', ')}, got ${outcomes.join(', ') || 'none'}`;
  if (expected.error !== undefined && !new RegExp(expected.error).test(error))
    return `expected an error like ${expected.error} of ${expected.id}, got ${error}`;
  const wrong = Object.entries(expected.line ?? {}).find(([key, value]) => !isDeepStrictEqual(record[key], value));
  return wrong && `expected "${wrong[0]}" of ${expected.id} to be ${JSON.stringify(wrong[1])}, got ${JSON.stringify(record[wrong[0]])}`;
}

function unmetRejection({ rejected, reason, settledMs = 0 }: ExpectedRejection, spool: string): string | undefined {
  const stat = fs.lstatSync(path.join(spool, 'rejected', rejected), { throwIfNoEntry: false });
  const why = parsed(text(spool, `rejected/${rejected}.reason.json`) ?? '');
  if (!stat || !why) return `expected ${rejected} and ${rejected}.reason.json in rejected/`;
  if (!new RegExp(reason, 'is').test(String(why.reason)))
    return `expected a reason like ${reason} of ${rejected}, got ${JSON.stringify(why.reason)}`;
  const stood = Date.parse(String(why.rejectedAt)) - stat.mtimeMs;
  // Clocks of file systems are coarser than others.
  return stood < settledMs - COARSE_MS
    ? `expected ${rejected} to be left alone for ${settledMs} ms, it was rejected after ${Math.round(stood)}`
    : undefined;
}

const COARSE_MS = 20;

function unmetOrder(order: string[], spool: string): string | undefined {
  const lines = ledger(spool).filter(({ id }) => order.includes(String(id)));
  const began = lines.sort((a, b) => Date.parse(String(a.startedAt)) - Date.parse(String(b.startedAt))).map(({ id }) => String(id));
  return isDeepStrictEqual(began, order) ? undefined : `expected the order ${order.join(', ')}, got ${began.join(', ') || 'none of them'}`;
}
