import { formatRunAt } from '../filename.ts';
import { compareDue, compareJobs } from '../order.ts';
import { placeOf } from '../query.ts';
import type { Spool } from '../spool.ts';
import { type Entry, JobFolder } from './job-folder.ts';
import { firstThat, Sorted } from './sorted.ts';

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
      this.#changed('scheduled', 'pending');
    }
    await this.#lookAt('retrying', this.#retrying);
    this.#divide(Date.now());
  }

  /** The jobs of a state at `now` (milliseconds since the epoch). */
  items(state: WaitingState, now: number): WaitingItems {
    this.#divide(now);
    if (state === 'retrying') return { accepted: this.#retrying.items, incoming: [] };
    const isIn = ({ folder, name }: Entry) => placeOf(this.#spool, folder, name, now).state === state;
    const incoming = this.#incoming.items.filter(isIn);
    return { accepted: state === 'pending' ? this.#due.items : this.#later.items, incoming };
  }

  count(state: WaitingState, now: number): number {
    const { accepted, incoming } = this.items(state, now);
    return accepted.length + incoming.length;
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

const isGone = (entry: Entry): boolean => entry.isGone;

// The run-at of a canonical name, as text.
const stampOf = (name: string): string => name.slice(name.indexOf('-') + 1, name.indexOf('Z') + 1);

function byName(compare: (a: string, b: string) => number): (a: Entry, b: Entry) => number {
  return (a, b) => compare(a.name, b.name);
}
