/** The handler of the model-based run: each attempt waits until the test says how it ends. */
import { jobContext } from '../../jobs/handler.ts';

/** An attempt that has begun and waits for its end. */
export type Attempting = { complete(result: unknown): void; throw(error: unknown): void };

let onBegin: (attempting: Attempting) => void = () => undefined;

/** Resolves when the next attempt begins. */
export const nextAttempt = (): Promise<Attempting> =>
  new Promise((resolve) => {
    onBegin = resolve;
  });

export class Example {
  handle(): Promise<unknown> {
    // Who has looked at its signal is released at a shutdown.
    void jobContext().signal;
    return new Promise((complete, reject) => onBegin({ complete, throw: reject }));
  }
}

/** A class that a deployment takes off the allow-list and puts back. */
export class Sometimes extends Example {
  override handle(): Promise<unknown> {
    return super.handle();
  }
}

/** A class whose jobs share their runner. */
export class Beside extends Example {
  override handle(): Promise<unknown> {
    return super.handle();
  }
}
