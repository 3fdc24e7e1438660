import TinyQueue from 'tinyqueue';
import { type BatchName, isPartName, parseBatchName, parseMemberId } from '../spool/batch-name.ts';
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

  /** Parts of batches that wait or are in a runner's hand, by the id of their batch: a batch of ten thousand jobs is one entry. */
  readonly #parts = new Map<string, Map<string, BatchName>>();
  #lines = 0;

  /** How many jobs wait or are proposed. */
  get size(): number {
    return this.#names.size + this.#lines;
  }

  /** Whether any job is due. */
  get hasReady(): boolean {
    return this.#top(this.#ready) !== undefined;
  }

  /** How many jobs are due at most (removed ones may still count). */
  get readyCount(): number {
    return this.#ready.length;
  }

  /** The file of a job: its own, or the part of a batch that has it. For the id of a batch, some part of it. */
  nameOf(id: string): string | undefined {
    return this.#names.get(id) ?? (this.#parts.size > 0 ? this.#partWith(id) : undefined);
  }

  /** The parts of a batch. */
  partsOf(batch: string): string[] {
    return [...(this.#parts.get(batch)?.keys() ?? [])];
  }

  /** Whether this very file is known to wait, or to be in a runner's hand. */
  knows(name: string): boolean {
    if (!isPartName(name)) return this.#names.get(idOf(name)) === name;
    const part = parseBatchName(name);
    return part !== undefined && this.#parts.get(part.id)?.has(name) === true;
  }

  #partWith(id: string): string | undefined {
    const [own] = this.#parts.get(id)?.keys() ?? [];
    if (own !== undefined) return own;
    const member = parseMemberId(id);
    for (const [name, { from, to }] of (member && this.#parts.get(member.id)) ?? [])
      if (member && member.line >= from && member.line <= to) return name;
    return undefined;
  }

  /** Adds a waiting job, or part of a batch; a name that is known already stays once. `now` in milliseconds since the epoch. */
  add(name: string, now: number): void {
    // Also of a name that is in a heap already: an earlier job of that id may have left it there, under which this one waits now.
    this.hold(name);
    if (this.#queued.has(name)) return;
    this.#queued.add(name);
    (runAtOf(name) <= now ? this.#ready : this.#due).push(name);
  }

  /** Notes what a runner has in its hand: it is known, and does not wait. */
  hold(name: string): void {
    const part = isPartName(name) ? parseBatchName(name) : undefined;
    if (!part) {
      this.#names.set(idOf(name), name);
      return;
    }
    const parts = this.#parts.get(part.id) ?? new Map<string, BatchName>();
    this.#parts.set(part.id, parts);
    if (!parts.has(name)) this.#lines += part.to - part.from + 1;
    parts.set(name, part);
  }

  /** Forgets a job, or a part of a batch, that is settled, cancelled or gone. */
  remove(name: string): void {
    this.#queued.delete(name);
    if (isPartName(name)) return this.#removePart(name);
    if (this.#names.get(idOf(name)) === name) this.#names.delete(idOf(name));
  }

  #removePart(name: string): void {
    const part = parseBatchName(name);
    const parts = part && this.#parts.get(part.id);
    if (!part || !parts?.delete(name)) return;
    this.#lines -= part.to - part.from + 1;
    if (parts.size === 0) this.#parts.delete(part.id);
  }

  /**
   * The best `count` due jobs, which are then proposed: they stay known until they are removed or added again. Those that are not `isThere`
   * any more (another dispatcher's runner has them) are passed over, and stay known until `forgetGone`. A part of a batch is the last that is taken: who
   * gets it leaves some of it, and nothing worse may pass that.
   */
  take(count: number, isThere: (name: string) => boolean = () => true): string[] {
    const taken: string[] = [];
    while (taken.length < count && !isPartName(taken.at(-1) ?? '')) {
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
