import { batchFileName } from '../batch-name.ts';
import { formatRunAt } from '../filename.ts';
import { compareDue, compareJobs } from '../order.ts';
import { type JobStatus, placeOf } from '../query.ts';
import type { SlotLines } from '../slot-lines.ts';
import type { Spool } from '../spool.ts';
import { type Entry, JobFolder } from './job-folder.ts';
import type { Handler } from './ledger-rows.ts';
import { jobsIn, linesOf, orderOf } from './lines.ts';
import { firstThat, merged, Sorted } from './sorted.ts';

export type WaitingState = 'scheduled' | 'pending' | 'retrying';

/** Jobs that wait in a state, in the order in which they are listed: accepted ones, then those that are not accepted yet. */
export type WaitingItems = { accepted: readonly Entry[]; incoming: readonly Entry[] };

/** The names of the jobs that wait, in the order in which they will run. */
export class Waiting {
  readonly folders: Record<'incoming' | 'pending' | 'retrying', JobFolder>;
  readonly versions: Record<WaitingState, number> = { scheduled: 0, pending: 0, retrying: 0 };
  readonly #spool: Spool;
  readonly #due = new Sorted(byName(compareJobs));
  readonly #later = new Sorted(byName(compareDue));
  readonly #retrying = new Sorted(byName(compareDue));
  readonly #incoming = new Sorted(byName((a, b) => (a < b ? -1 : 1)));
  /** Up to which moment those in `pending/` count as due. */
  #dueUntil = Number.NEGATIVE_INFINITY;
  /** Lines that were claimed with one that runs: they are due, and in no folder of those that wait. */
  #claimed: readonly Entry[] = [];
  #all: { due: readonly Entry[]; claimed: readonly Entry[]; items: readonly Entry[] } = { due: [], claimed: [], items: [] };
  /** When each batch was seen first, in milliseconds since the epoch. */
  readonly #since = new Map<string, number>();
  readonly #handlers = new Map<string, Handler>();

  constructor(spool: Spool) {
    this.#spool = spool;
    const folder = (name: 'incoming' | 'pending' | 'retrying') => new JobFolder(spool, name);
    this.folders = { incoming: folder('incoming'), pending: folder('pending'), retrying: folder('retrying') };
  }

  async look(): Promise<void> {
    await this.#lookAt('incoming', this.#incoming);
    const pending = await this.folders.pending.look();
    if (pending) {
      this.#addPending(pending.added, pending.isAnyGone);
      this.#noteBatches(pending.added);
      this.#changed('scheduled', 'pending');
    }
    await this.#lookAt('retrying', this.#retrying);
    this.#divide(Date.now());
  }

  /** Learns which lines were claimed and have not begun. */
  claim(lines: readonly SlotLines[]): void {
    const claimed = lines.flatMap((one) => entryOf(this.#spool, one) ?? []).sort(compareEntries);
    if (looksOf(claimed) === looksOf(this.#claimed)) return;
    this.#claimed = claimed;
    this.#changed('pending');
    this.#noteBatches(claimed);
    this.#forgetBatches();
  }

  /** When a batch came, as far as we know: its files have the time of their last claim. */
  sinceOf(batch: string): number | undefined {
    return this.#since.get(batch);
  }

  /** The handlers of the lines that were read so far. */
  get handlers(): Iterable<Handler> {
    return this.#handlers.values();
  }

  noteLine({ class: className = '', method = '' }: JobStatus): void {
    const key = `${className}\n${method}`;
    if (this.#handlers.size < MAX_HANDLERS && !this.#handlers.has(key)) this.#handlers.set(key, { class: className, method });
  }

  /** The jobs of a state at `now` (milliseconds since the epoch). */
  items(state: WaitingState, now: number): WaitingItems {
    this.#divide(now);
    if (state === 'retrying') return { accepted: this.#retrying.items, incoming: [] };
    const isIn = ({ folder, name }: Entry) => placeOf(this.#spool, folder, name, now).state === state;
    const incoming = this.#incoming.items.filter(isIn);
    return { accepted: state === 'pending' ? this.#dueItems() : this.#later.items, incoming };
  }

  count(state: WaitingState, now: number): number {
    const { accepted, incoming } = this.items(state, now);
    return jobsIn(accepted) + incoming.length;
  }

  // Both lists are replaced when they change: until then one is made of them but once.
  #dueItems(): readonly Entry[] {
    const [due, claimed] = [this.#due.items, this.#claimed];
    if (claimed.length === 0) return due;
    if (this.#all.due !== due || this.#all.claimed !== claimed) this.#all = { due, claimed, items: merged(due, claimed, compareEntries) };
    return this.#all.items;
  }

  #noteBatches(entries: readonly Entry[]): void {
    for (const { lines } of entries) {
      if (!lines || this.#since.has(lines.id)) continue;
      this.#since.set(lines.id, this.#spool.disk.facts(lines.file)?.ctimeMs ?? Date.now());
    }
  }

  #forgetBatches(): void {
    if (this.#since.size < MAX_BATCHES) return;
    const live = new Set([...this.folders.pending.entries(), ...this.#claimed].map(({ lines }) => lines?.id));
    for (const id of this.#since.keys()) if (!live.has(id)) this.#since.delete(id);
  }

  /** Forgets what is remembered of files that were changed under their names. */
  async forgetChanges(): Promise<void> {
    for (const folder of Object.values(this.folders)) for (const entry of await folder.changed()) entry.fact = undefined;
  }

  async #lookAt(folder: 'incoming' | 'retrying', sorted: Sorted<Entry>): Promise<void> {
    const change = await this.folders[folder].look();
    if (!change) return;
    sorted.change(change.added, change.isAnyGone ? isGone : undefined);
    if (folder === 'incoming') this.#changed('scheduled', 'pending');
    else this.#changed('retrying');
  }

  #addPending(added: Entry[], isAnyGone: boolean): void {
    const stamp = formatRunAt(this.#dueUntil);
    const isDue = ({ name }: Entry) => stampOf(name) <= stamp;
    this.#due.change(added.filter(isDue), isAnyGone ? isGone : undefined);
    this.#later.change(
      added.filter((entry) => !isDue(entry)),
      isAnyGone ? isGone : undefined,
    );
  }

  // Scheduled jobs become due as time goes by; only a clock that was set back makes due ones scheduled again.
  #divide(now: number): void {
    if (now < this.#dueUntil - CLOCK_SLACK_MS) this.#putBack(formatRunAt(now));
    else if (now < this.#dueUntil) return;
    this.#dueUntil = now;
    const stamp = formatRunAt(now);
    const count = firstThat(this.#later.items, ({ name }) => stampOf(name) > stamp);
    if (count === 0) return;
    this.#due.change(this.#later.items.slice(0, count));
    this.#later.change([], ({ name }) => stampOf(name) <= stamp);
    this.#changed('scheduled', 'pending');
  }

  #putBack(stamp: string): void {
    const isLater = ({ name }: Entry) => stampOf(name) > stamp;
    this.#later.change(this.#due.items.filter(isLater));
    this.#due.change([], isLater);
    this.#changed('scheduled', 'pending');
  }

  #changed(...states: WaitingState[]): void {
    for (const state of states) this.versions[state] += 1;
  }
}

/** Whoever asks may have looked at the clock before we did. */
const CLOCK_SLACK_MS = 10_000;

/** More are not remembered that are gone. */
const MAX_BATCHES = 1_000;
const MAX_HANDLERS = 1_000;

const isGone = (entry: Entry): boolean => entry.isGone;

function entryOf(spool: Spool, { slot, file, ...part }: SlotLines): Entry | undefined {
  const lines = linesOf(batchFileName(part), spool.claimed(slot, file), slot);
  return lines && { folder: 'pending', name: file, lines, fact: undefined, isListed: false, isGone: false, seen: 0 };
}

const looksOf = (entries: readonly Entry[]): string => entries.map(({ lines }) => `${lines?.file} ${lines?.order}`).join('\n');

// The run-at of a canonical name, as text.
const stampOf = (name: string): string => name.slice(name.indexOf('-') + 1, name.indexOf('Z') + 1);

function byName(compare: (a: string, b: string) => number): (a: Entry, b: Entry) => number {
  return (a, b) => compare(orderOf(a), orderOf(b));
}

const compareEntries = byName(compareJobs);
