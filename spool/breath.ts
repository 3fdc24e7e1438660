import { setImmediate as nextTurn } from 'node:timers/promises';

/** So many milliseconds at a stretch; then others have their turn. */
const STRETCH_MS = 4;

/** For long work in a process that must go on answering: `if (breath.isDue) await breath.take()`. */
export class Breath {
  #since = performance.now();

  get isDue(): boolean {
    return performance.now() - this.#since >= STRETCH_MS;
  }

  async take(): Promise<void> {
    await nextTurn();
    this.#since = performance.now();
  }
}
