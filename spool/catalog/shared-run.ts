/** Work that is done once at a time: who asks for it while it is done gets the same promise. */
export class SharedRun {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  run(): Promise<void> {
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** As `run`, yet the work begins after this call: what was there before it is not missed. */
  runAnew(): Promise<void> {
    if (!this.#running) return this.run();
    this.#next ??= this.#running
      .catch(() => {
        // Told to those who asked for that run.
      })
      .then(() => {
        this.#next = undefined;
        return this.run();
      });
    return this.#next;
  }
}
