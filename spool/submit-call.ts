import type { Spool } from './spool.ts';
import { type Call, checkedCall, type Submission, submit, submitCalls } from './submit.ts';

/**
 * Puts one request into `incoming/` and returns its id, as `submit` does. Calls that are in flight at once share the work: what is asked for while others are being
 * written waits for them, and is then written together, as a batch whose lines stand for themselves (its jobs' ids are `<id>.1` and so on). Not a request with an id or
 * a run-at of its own.
 */
export async function submitCall(spool: Spool, submission: Submission): Promise<string> {
  const { draft, mayShare } = checkedCall(submission, Date.now());
  if (!mayShare) return (await submit(spool, [submission]))[0] as string;
  return new Promise((resolve, reject) => enter(spool, { draft, resolve, reject }));
}

/** Who is writing, and who waits to be. */
type Traffic = { writing: number; waiting: Call[] };

const traffic = new WeakMap<Spool, Traffic>();

/** A call that finds so many writes under way waits for them, and is then written with all others that do. */
const MAX_WRITING = 1;

function enter(spool: Spool, call: Call): void {
  const here = traffic.get(spool) ?? { writing: 0, waiting: [] };
  traffic.set(spool, here);
  if (here.writing < MAX_WRITING) void write(spool, here, [call]);
  else here.waiting.push(call);
}

async function write(spool: Spool, here: Traffic, calls: Call[]): Promise<void> {
  here.writing += 1;
  try {
    await submitCalls(spool, calls);
  } catch (error) {
    for (const { reject } of calls) reject(error);
  } finally {
    here.writing -= 1;
  }
  const next = here.waiting.splice(0);
  if (next.length > 0) void write(spool, here, next);
}
