import { Session } from 'node:inspector';

/** A process that is in a call of the system cannot be asked before that returns. */
const WITHIN_MS = 2_000;

/**
 * Asks the main thread, from another thread and while it is blocked, whose code it is that blocks it: a debugger may look into a loop that
 * never ends. Resolves with the place of the job; undefined where that code is no job's, or the answer does not come in time.
 */
export function findCulprit(): Promise<number | undefined> {
  return new Promise((resolve) => {
    const session = new Session();
    const giveUp = setTimeout(() => resolve(undefined), WITHIN_MS);
    const leave = (place: unknown) => {
      session.post('Debugger.resume');
      session.disconnect();
      clearTimeout(giveUp);
      resolve(typeof place === 'number' ? place : undefined);
    };
    session.on('Debugger.paused', ({ params: { callFrames } }) => {
      const callFrameId = callFrames[0]?.callFrameId;
      if (callFrameId === undefined) return leave(undefined);
      // The code that stands there has its job's context, and so has what is evaluated in it.
      const question = { callFrameId, expression: `globalThis[Symbol.for('${WHOSE}')]?.()`, returnByValue: true };
      session.post('Debugger.evaluateOnCallFrame', question, (error, answer) => leave(error ? undefined : placeIn(answer)));
    });
    session.connectToMainThread();
    session.post('Debugger.enable');
    session.post('Debugger.pause');
  });
}

const placeIn = (answer: { result?: { value?: unknown } } | undefined): unknown => answer?.result?.value;

/** Lets `findCulprit` ask this thread. */
export function answerCulprit(placeOfNow: () => number | undefined): void {
  (globalThis as Record<symbol, unknown>)[Symbol.for(WHOSE)] = placeOfNow;
}

const WHOSE = 'jobspool.whose';
