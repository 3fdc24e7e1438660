import TinyQueue from 'tinyqueue';
import { compareDue, compareJobs, idOf, runAtOf } from '../spool/order.ts';

/**
 * The waiting jobs as the dispatcher knows them, by name alone: those that are due in the order in which they run, the others by
 * their run-at. It is a memory, not the truth: a name whose file is gone is dropped when somebody reaches for it.
 */
export class Backlog {
  readonly #ready = new TinyQueue<string>([], compareJobs);
  readonly #due = new TinyQueue<string>([], compareDue);
  /** Every waiting or proposed job, by id. */
  readonly #names = new Map<string, string>();
  /** Names that are in one of the heaps. A name that was removed stays in its heap until it comes up. */
  readonly #queued = new Set<string>();
  #gone: string[] = [];

  /** How many jobs wait or are proposed. */
  get size(): number {
    return this.#names.size;
  }

  /** Whether any job is due. */
  get hasReady(): boolean {
    return this.#top(this.#ready) !== undefined;
  }

  /** How many jobs are due at most (removed ones may still count). */
  get readyCount(): number {
    return this.#ready.length;
  }

  nameOf(id: string): string | undefined {
    return this.#names.get(id);
  }

  /** Adds a waiting job; a name that is known already stays once. `now` in milliseconds since the epoch. */
  add(name: string, now: number): void {
    // Also of a name that is in a heap already: an earlier job of that id may have left it there, under which this one waits now.
    this.#names.set(idOf(name), name);
    if (this.#queued.has(name)) return;
    this.#queued.add(name);
    (runAtOf(name) <= now ? this.#ready : this.#due).push(name);
  }

  /** Forgets a job that is settled, cancelled or gone. */
  remove(name: string): void {
    this.#queued.delete(name);
    if (this.#names.get(idOf(name)) === name) this.#names.delete(idOf(name));
  }

  /**
   * The best `count` due jobs, which are then proposed: they stay known until they are removed or added again. Those that are not `isThere`
   * any more (another dispatcher's runner has them) are passed over, and stay known until `forgetGone`.
   */
  take(count: number, isThere: (name: string) => boolean = () => true): string[] {
    const taken: string[] = [];
    while (taken.length < count) {
      const name = this.#top(this.#ready);
      if (name === undefined) break;
      this.#ready.pop();
      this.#queued.delete(name);
      (isThere(name) ? taken : this.#gone).push(name);
    }
    return taken;
  }

  /** Forgets the jobs that were gone when they were reached for, but for those that came back. */
  forgetGone(): void {
    for (const name of this.#gone) if (!this.#queued.has(name)) this.remove(name);
    this.#gone = [];
  }

  /** Moves the jobs whose time has come to the due ones. Returns when the next comes, undefined when none waits for its time. */
  ripen(now: number): number | undefined {
    for (;;) {
      const name = this.#top(this.#due);
      if (name === undefined) return undefined;
      const runAt = runAtOf(name);
      if (runAt > now) return runAt;
      this.#due.pop();
      this.#ready.push(name);
    }
  }

  #top(heap: TinyQueue<string>): string | undefined {
    for (;;) {
      const name = heap.peek();
      if (name === undefined || this.#queued.has(name)) return name;
      heap.pop();
    }
  }
}
