import TinyQueue from 'tinyqueue';
import { type BatchName, isPartName, parseBatchName, parseMemberId } from '../spool/batch-name.ts';
import { runAtOf } from '../spool/order.ts';
import { NameTable } from './name-table.ts';

/**
 * The waiting jobs as the dispatcher knows them, by name alone: those that are due in the order in which they run, the others by
 * their run-at. It is a memory, not the truth: a name whose file is gone is dropped when somebody reaches for it.
 */
export class Backlog {
  /** Every waiting or proposed job, and parts of batches likewise. In the heaps and sets below are their numbers. */
  readonly #names = new NameTable();
  readonly #ready = new TinyQueue<number>([], (a, b) => this.#names.compare(a, b));
  readonly #due = new TinyQueue<number>([], (a, b) => this.#names.compareDue(a, b));
  /** What is proposed or in a runner's hand: it is in no heap. All others are in one. */
  readonly #held = new Set<number>();
  /** What was removed while it waited: it stays in its heap until it comes up. */
  readonly #removed = new Set<number>();
  /** What was not there when it was reached for. */
  #gone: string[] = [];

  /** Parts of batches that wait or are in a runner's hand, by the id of their batch: a batch of ten thousand jobs is one entry. */
  readonly #parts = new Map<string, Map<string, BatchName>>();
  /** How many jobs those are more than they are parts. */
  #moreLines = 0;

  /** How many jobs wait or are proposed. */
  get size(): number {
    return this.#names.size + this.#moreLines;
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
    return this.#names.nameOf(id) ?? (this.#parts.size > 0 ? this.#partWith(id) : undefined);
  }

  /** The parts of a batch. */
  partsOf(batch: string): string[] {
    return [...(this.#parts.get(batch)?.keys() ?? [])];
  }

  /** Whether this very file is known to wait, or to be in a runner's hand. */
  knows(name: string): boolean {
    return this.#names.find(name) !== undefined;
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
    const known = this.#names.find(name);
    if (known !== undefined && !this.#held.delete(known)) return;
    (runAtOf(name) <= now ? this.#ready : this.#due).push(known ?? this.#note(name));
  }

  /** Notes what a runner has in its hand: it is known, and does not wait. */
  hold(name: string): void {
    if (!this.knows(name)) this.#held.add(this.#note(name));
  }

  #note(name: string): number {
    const part = isPartName(name) ? parseBatchName(name) : undefined;
    if (part) {
      const parts = this.#parts.get(part.id) ?? new Map<string, BatchName>();
      this.#parts.set(part.id, parts.set(name, part));
      this.#moreLines += part.to - part.from;
    }
    return this.#names.add(name);
  }

  /** Forgets a job, or a part of a batch, that is settled, cancelled or gone. */
  remove(name: string): void {
    const number = this.#names.find(name);
    if (number === undefined) return;
    this.#names.hide(number);
    if (this.#held.delete(number)) this.#names.free(number);
    else this.#removed.add(number);
    if (isPartName(name)) this.#removePart(name);
  }

  #removePart(name: string): void {
    const part = parseBatchName(name);
    const parts = part && this.#parts.get(part.id);
    if (!part || !parts?.delete(name)) return;
    this.#moreLines -= part.to - part.from;
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
      const number = this.#top(this.#ready);
      if (number === undefined) break;
      this.#ready.pop();
      this.#held.add(number);
      const name = this.#names.nameAt(number);
      (isThere(name) ? taken : this.#gone).push(name);
    }
    return taken;
  }

  /** Forgets the jobs that were gone when they were reached for, but for those that came back. */
  forgetGone(): void {
    for (const name of this.#gone) if (this.#isHeld(name)) this.remove(name);
    this.#gone = [];
  }

  #isHeld(name: string): boolean {
    const number = this.#names.find(name);
    return number !== undefined && this.#held.has(number);
  }

  /** Moves the jobs whose time has come to the due ones. Returns when the next comes, undefined when none waits for its time. */
  ripen(now: number): number | undefined {
    for (;;) {
      const number = this.#top(this.#due);
      if (number === undefined) return undefined;
      const runAt = runAtOf(this.#names.nameAt(number));
      if (runAt > now) return runAt;
      this.#due.pop();
      this.#ready.push(number);
    }
  }

  #top(heap: TinyQueue<number>): number | undefined {
    for (;;) {
      const number = heap.peek();
      if (number === undefined || !this.#removed.delete(number)) return number;
      heap.pop();
      this.#names.free(number);
    }
  }
}
