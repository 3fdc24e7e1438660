import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Spool } from './spool.ts';
import { type Call, draftOf, type Submission, submitCalls, submitDrafts } from './submit.ts';

/**
 * Puts one request into `incoming/` and returns its id, as `submit` does. Calls that are in flight at once share the work: what is asked for while others are being
 * written waits for them, and is then written together, as a batch whose lines stand for themselves (its jobs' ids are `<id>.1` and so on). Not a request with an id or
 * a run-at of its own.
 */
export async function submitCall(spool: Spool, submission: Submission): Promise<string> {
  const draft = draftOf(submission);
  if (!draft.isMade || draft.runAt !== 'now') return (await submitDrafts(spool, [draft]))[0] as string;
  return new Promise((resolve, reject) => enter(spool, { draft, resolve, reject }));
}

/** Whether somebody writes, and who waits to. */
type Traffic = { isWriting: boolean; waiting: Call[] };

const traffic = new WeakMap<Spool, Traffic>();

function enter(spool: Spool, call: Call): void {
  const here = traffic.get(spool) ?? { isWriting: false, waiting: [] };
  traffic.set(spool, here);
  here.waiting.push(call);
  if (!here.isWriting) void writeAll(spool, here);
}

async function writeAll(spool: Spool, here: Traffic): Promise<void> {
  here.isWriting = true;
  while (here.waiting.length > 0) {
    const calls = here.waiting.splice(0);
    await submitCalls(spool, calls).catch((error) => {
      for (const { reject } of calls) reject(error);
    });
    // Whoever was answered just now may have the next call ready: it goes with the others.
    await nextTurn();
  }
  here.isWriting = false;
}
