/**
 * What a spool must do, as DESIGN.md and spool/README.md say it, in memory and without files. Written from those pages, not from the code: where
 * the two differ, one of them is wrong.
 */
export type Where = 'incoming' | 'pending' | 'retrying' | 'running' | 'failed' | 'cancelled' | 'rejected' | 'held' | 'completed';

/** What a file's text is. `half`: not JSON yet. `mistaken`: JSON that is no request. */
export type Body = 'good' | 'half' | 'mistaken';

export type ModelJob = {
  /** Tells jobs of one id apart: it is their parameter. */
  serial: number;
  /** Undefined where its name breaks the grammar. */
  id: string | undefined;
  where: Where;
  /** The name of its file there; in the ledger, the last that it had. */
  name: string;
  slot?: string | undefined;
  priority: number;
  runAt: number | 'now';
  body: Body;
  class: string;
  retries: number | undefined;
  outcomes: string[];
  spent: number;
  crashes: number;
  snoozes: number;
  /** The time of its file, which says when it was accepted until it is written down. */
  writtenAt: number;
  acceptedAt: number | undefined;
  finishedAt: number;
  /** Counts arrivals in `incoming/` and markers: which came first. */
  arrived: number;
  /** Its line is in the ledger while its file is still in the slot: the runner died in between. */
  recorded: boolean;
  /** Its runner died in the middle of settling, when the new text stood beside the old one's place: where it is bound, and how it will be there. */
  bound?: { to: Where; name: string; after: Partial<ModelJob>; hasOld: boolean } | undefined;
};

/** `isGone`: its process is dead for certain; others are taken for dead, and may wake up. */
export type ModelSlot = { slot: string; life: 'alive' | 'dead' | 'rescued'; job: ModelJob | undefined; isGone?: boolean };

export type End = 'completed' | 'failed' | 'permanent' | 'timed-out' | 'snoozed' | 'released' | 'cancelled';

/** Time passes with each step. An eighth of a second is a fraction that file times hold exactly. */
export const TICK_MS = 125;

/** The service's policy here: no jitter, for the cap is the delay. */
export const POLICY = { retries: 1, retryDelayMs: 5_000, backoff: 'fixed', maxDelayMs: 5_000, timeoutMs: 3_600_000 } as const;
export const SNOOZE_MS = 60_000;
/** README: a crashed attempt is tried again after a second. */
const CRASH_DELAY_MS = 1_000;
const MAX_CRASHES = 3;

const LIVE = ['pending', 'retrying', 'running'] as const;
const isOneOf = (where: Where, list: readonly Where[]): boolean => list.includes(where);

export class Model {
  now = 0;
  sequence = 0;
  paused = false;
  /** Whether the class `Sometimes` is on the allow-list. */
  listed = true;
  jobs: ModelJob[] = [];
  slots: ModelSlot[] = [];
  /** Ids whose cancellation is asked for, with when. */
  markers = new Map<string, number>();
  /** Of which the dispatcher saw a marker, and no job, when it looked last. */
  nowhere = new Set<string>();
  #serial = 0;

  /** How often each kind of step was taken. */
  readonly steps = new Map<string, number>();

  count(step: string): void {
    const kind = step.replace(/\(.*$/, '').trim();
    this.steps.set(kind, (this.steps.get(kind) ?? 0) + 1);
  }

  get nextSerial(): number {
    this.#serial += 1;
    return this.#serial;
  }

  in(...places: Where[]): ModelJob[] {
    return this.jobs.filter(({ where }) => places.includes(where));
  }

  isTaken(where: Where, name: string): boolean {
    return this.jobs.some((job) => job.where === where && job.name === name);
  }

  live(id: string): ModelJob | undefined {
    return this.jobs.find((job) => job.id === id && isOneOf(job.where, LIVE));
  }

  /** A file that came to `incoming/`. */
  arrive(job: Omit<Partial<ModelJob>, 'where'> & Pick<ModelJob, 'name' | 'serial'>): ModelJob {
    const arrived: ModelJob = {
      id: undefined,
      priority: 0,
      runAt: 'now',
      body: 'good',
      class: 'Example',
      retries: undefined,
      outcomes: [],
      spent: 0,
      crashes: 0,
      snoozes: 0,
      writtenAt: this.now,
      acceptedAt: undefined,
      finishedAt: 0,
      recorded: false,
      ...job,
      where: 'incoming',
      arrived: this.tick(),
    };
    this.jobs.push(arrived);
    return arrived;
  }

  /** The same file, moved to `incoming/` from where it was. */
  moveIn(job: ModelJob): void {
    job.where = 'incoming';
    job.arrived = this.tick();
    Object.assign(job, namedBy(job.name));
  }

  tick(): number {
    this.sequence += 1;
    return this.sequence;
  }

  mark(id: string): void {
    // Touching a marker again changes its time.
    this.markers.set(id, this.tick());
  }

  /** The dispatcher looks: it accepts what is in `incoming/`, best first, then carries out the markers. */
  look(): void {
    const before = new Map(this.markers);
    const requests = this.in('incoming').filter(({ name }) => !name.startsWith('.') && name.endsWith('.json'));
    const rank = ({ id, priority }: ModelJob) => (id === undefined ? 0 : priority);
    for (const job of requests.sort((a, b) => rank(b) - rank(a) || (a.name < b.name ? -1 : 1))) {
      this.#acceptOne(job);
      const marker = job.id !== undefined && job.where === 'pending' ? before.get(job.id) : undefined;
      // It was meant for an earlier job of that id, or for none.
      if (marker !== undefined && marker < job.arrived) this.markers.delete(job.id as string);
    }
    for (const id of this.nowhere) if (!this.markers.has(id)) this.nowhere.delete(id);
    for (const id of [...this.markers.keys()]) this.#carryOut(id);
  }

  #acceptOne(job: ModelJob): void {
    if (job.id === undefined) return this.reject(job);
    if (job.body === 'half') return;
    if (job.body === 'mistaken' || this.live(job.id) || !this.isListed(job)) return this.reject(job);
    job.runAt = job.runAt === 'now' ? this.now : job.runAt;
    this.#takeFreeName(job, ['pending', 'retrying', 'failed', 'cancelled']);
    job.where = 'pending';
  }

  isListed({ class: name }: ModelJob): boolean {
    return name === 'Example' || name === 'Beside' || (name === 'Sometimes' && this.listed);
  }

  // A job never takes the place of another's file: its run-at moves on by a millisecond.
  #takeFreeName(job: ModelJob, folders: Where[]): void {
    for (;;) {
      job.name = nameOf(job);
      if (!this.jobs.some((other) => other !== job && folders.includes(other.where) && other.name === job.name)) return;
      job.runAt = (job.runAt as number) + 1;
    }
  }

  reject(job: ModelJob): void {
    const stem = job.name.replace(/\.json$/, '');
    let name = `${stem}.json`;
    for (let number = 2; this.isTaken('rejected', name); number++) name = `${stem}.${number}.json`;
    Object.assign(job, namedBy(name), { where: 'rejected', name, slot: undefined, finishedAt: this.now, spent: 0, crashes: 0 });
  }

  #carryOut(id: string): void {
    const job = this.live(id);
    if (job?.where === 'running') this.nowhere.delete(id);
    else if (job) {
      this.cancelWaiting(job);
      this.markers.delete(id);
    } else if (!this.jobs.some((other) => other.id === id && other.where === 'incoming')) {
      // For a job that is over or unknown nothing happens, and the marker goes at the second look.
      if (this.nowhere.delete(id)) this.markers.delete(id);
      else this.nowhere.add(id);
    }
  }

  cancelWaiting(job: ModelJob): void {
    this.#end(job, 'cancelled');
  }

  #end(job: ModelJob, where: 'failed' | 'cancelled'): void {
    const readable = job.body === 'good';
    job.slot = undefined;
    this.#takeFreeName(job, [where]);
    job.where = where;
    job.finishedAt = this.now;
    // What cannot be read is moved as it is.
    if (!readable) {
      job.finishedAt = job.writtenAt;
      return;
    }
    this.#write(job);
    job.spent = 0;
    job.crashes = 0;
  }

  // Whoever writes a job's file anew writes down when it was accepted: from then on the file's time does not matter.
  #write(job: ModelJob): void {
    job.acceptedAt ??= job.writtenAt;
    job.writtenAt = this.now;
  }

  /** The waiting jobs that are due, in the order in which they start. */
  due(): ModelJob[] {
    return this.in('pending', 'retrying')
      .filter(({ runAt }) => (runAt as number) <= this.now)
      .sort(inOrder);
  }

  /** The runner of a slot reaches for a job; what becomes of it, undefined when it runs. */
  claim(slot: ModelSlot, job: ModelJob): 'cancelled' | 'rejected' | undefined {
    if (job.body === 'good' && this.markers.delete(job.id as string)) {
      this.cancelWaiting(job);
      return 'cancelled';
    }
    if (job.body !== 'good' || !this.isListed(job)) {
      this.reject(job);
      return 'rejected';
    }
    job.where = 'running';
    job.slot = slot.slot;
    slot.job = job;
    return undefined;
  }

  /** The attempt in a slot ends, and its runner settles it; nothing happens when the slot was rescued. */
  settle(slot: ModelSlot, end: End): void {
    const job = slot.job as ModelJob;
    slot.job = undefined;
    if (slot.life === 'rescued') return;
    if (end === 'released') {
      Object.assign(job, { where: 'pending', slot: undefined });
    } else if (end === 'snoozed') {
      job.snoozes += 1;
      this.#wait(job, 'pending', SNOOZE_MS);
    } else if (end === 'completed') {
      this.complete(job);
    } else if (end === 'cancelled') {
      job.outcomes.push('cancelled');
      this.#end(job, 'cancelled');
      this.markers.delete(job.id as string);
    } else this.#fail(job, end === 'permanent' ? 'failed' : end, end === 'permanent');
  }

  complete(job: ModelJob): void {
    job.outcomes.push('completed');
    Object.assign(job, { where: 'completed', slot: undefined, finishedAt: this.now });
  }

  #fail(job: ModelJob, outcome: string, isFinal: boolean): void {
    job.outcomes.push(outcome);
    const crashes = outcome === 'crashed' ? job.crashes + 1 : job.crashes;
    if (isFinal || job.spent >= (job.retries ?? POLICY.retries) || (outcome === 'crashed' && crashes >= MAX_CRASHES)) {
      this.#end(job, 'failed');
      return;
    }
    job.spent += 1;
    job.crashes = crashes;
    this.#wait(job, 'retrying', outcome === 'crashed' ? CRASH_DELAY_MS : POLICY.retryDelayMs);
  }

  #wait(job: ModelJob, where: 'pending' | 'retrying', delayMs: number): void {
    this.#write(job);
    job.runAt = this.now + delayMs;
    Object.assign(job, { where, slot: undefined, name: nameOf(job) });
  }

  /** The slots of dead runners are taken over. */
  rescue(): void {
    for (const slot of this.slots.filter(({ life }) => life === 'dead')) {
      slot.life = 'rescued';
      const job = this.jobs.find((other) => other.where === 'running' && other.slot === slot.slot);
      if (!job) continue;
      if (job.recorded) {
        job.outcomes.push('completed');
        Object.assign(job, { where: 'completed', slot: undefined, recorded: false });
      } else if (job.bound)
        Object.assign(job, job.bound.after, { where: job.bound.to, name: job.bound.name, slot: undefined, bound: undefined });
      // Whoever is dead has stopped: what was to be cancelled is not run again.
      else if (this.markers.delete(job.id as string)) {
        job.outcomes.push('cancelled');
        this.#end(job, 'cancelled');
      } else this.#fail(job, 'crashed', false);
    }
  }

  /** The job that an id means to whoever steers: a live one, then one of `failed/` or `cancelled/`, then a rejected one, each the last to end. */
  located(id: string): ModelJob | undefined {
    const waits = this.jobs.find((job) => job.id === id && job.where === 'incoming');
    return this.live(id) ?? waits ?? last(this.#of(id, 'failed', 'cancelled')) ?? last(this.#of(id, 'rejected'));
  }

  /** The job that an id means to whoever asks: as above, but one in the ledger counts by its end like the others that are over. */
  known(id: string): ModelJob | undefined {
    const waits = this.jobs.find((job) => job.id === id && job.where === 'incoming');
    return this.live(id) ?? waits ?? last(this.#of(id, 'failed', 'cancelled', 'completed')) ?? last(this.#of(id, 'rejected'));
  }

  #of(id: string, ...places: Where[]): ModelJob[] {
    return this.in(...places).filter((job) => job.id === id);
  }

  forget(job: ModelJob): void {
    this.jobs = this.jobs.filter((other) => other !== job);
  }

  /** What is finished and older than its retention goes. */
  prune(keepCompletedMs: number, keepFailedMs: number): void {
    const lastDay = iso(this.now - keepCompletedMs).slice(0, 10);
    this.jobs = this.jobs.filter((job) => {
      if (job.where === 'completed') return iso(job.finishedAt).slice(0, 10) >= lastDay;
      if (job.where === 'failed' || job.where === 'cancelled') return job.writtenAt >= this.now - keepFailedMs;
      return job.where !== 'rejected' || job.finishedAt >= this.now - keepFailedMs;
    });
  }
}

/** The state that people are told. */
export function stateOf({ where, runAt }: ModelJob, now: number): string {
  if (where !== 'incoming' && where !== 'pending') return where;
  return runAt !== 'now' && runAt > now ? 'scheduled' : 'pending';
}

/** Priority first, then run-at, then id. */
function inOrder(a: ModelJob, b: ModelJob): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.runAt !== b.runAt) return (a.runAt as number) - (b.runAt as number);
  return (a.id as string) < (b.id as string) ? -1 : 1;
}

// What ended in the same moment counts by its name.
const last = (jobs: ModelJob[]): ModelJob | undefined =>
  jobs.sort((a, b) => a.finishedAt - b.finishedAt || (a.name < b.name ? -1 : 1)).at(-1);

export const iso = (ms: number): string => new Date(ms).toISOString();

/** `20261122T101500.123Z` */
export const stamp = (ms: number): string => iso(ms).replace(/[-:]/g, '');

export function nameOf({ priority, runAt, id }: Pick<ModelJob, 'priority' | 'runAt' | 'id'>): string {
  return `p${priority}-${runAt === 'now' ? 'now' : stamp(runAt)}-${id}.json`;
}

/** What the grammar of names says of a name; here only of those that this test uses. */
export function namedBy(name: string): Pick<ModelJob, 'id' | 'priority' | 'runAt'> {
  const match = /^p(\d+)-([^-]*)-([A-Za-z0-9][\w.-]*)\.json$/.exec(name);
  if (!match)
    return /^p\d+-/.test(name)
      ? { id: undefined, priority: 0, runAt: 'now' }
      : { id: name.replace(/\.json$/, ''), priority: 5, runAt: 'now' };
  const [, priority = '', when = '', id = ''] = match;
  if (Number(priority) > 10) return { id: undefined, priority: 0, runAt: 'now' };
  return { id, priority: Number(priority), runAt: timeOf(when) };
}

function timeOf(when: string): number | 'now' {
  if (when === 'now') return 'now';
  if (/^\d{10}$/.test(when)) return Number(when) * 1_000;
  if (/^\d{13}$/.test(when)) return Number(when);
  const text = when.includes('.') ? when : when.replace('Z', '.000Z');
  return Date.parse(text.replace(/^(....)(..)(..)T(..)(..)(.*)$/, '$1-$2-$3T$4:$5:$6'));
}
