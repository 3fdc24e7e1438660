/** One sync for many: who asks while one is on its way shares the next, which covers all that was done before it begins. */
export class SharedSync {
  readonly #sync: () => Promise<void>;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(sync: () => Promise<void>) {
    this.#sync = sync;
  }

  /** Resolves when a sync is done that began after this call; rejects for all that share it. */
  ask(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      const sync = this.#sync();
      this.#running = sync.catch(() => undefined);
      return sync;
    });
    return this.#next;
  }
}
