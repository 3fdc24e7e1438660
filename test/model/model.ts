/**
 * What a spool must do, as DESIGN.md and spool/README.md say it, in memory and without files. Written from those pages, not from the code: where
 * the two differ, one of them is wrong.
 */
export type Where =
  | 'incoming'
  | 'pending'
  | 'retrying'
  | 'running'
  | 'claimed'
  | 'failed'
  | 'cancelled'
  | 'rejected'
  | 'held'
  | 'completed';

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
  /** The batch of which it is a line, while it has no file of its own, and which line. Those in a runner's hand behind the one that runs are `claimed`. */
  batch?: string | undefined;
  line?: number | undefined;
  /** A `claimed` one whose runner died in the middle of giving it back. */
  isLeaving?: boolean | undefined;
  /** It is a batch, or a part of one, that is not accepted: its jobs. */
  members?: ModelJob[] | undefined;
};

/** `isGone`: its process is dead for certain; others are taken for dead, and may wake up. `isPart`: its job is one of a part that it works through. */
export type ModelSlot = { slot: string; life: 'alive' | 'dead' | 'rescued'; job: ModelJob | undefined; isGone?: boolean; isPart?: boolean };

export type End = 'completed' | 'failed' | 'permanent' | 'timed-out' | 'snoozed' | 'released' | 'cancelled';

/** Time passes with each step. An eighth of a second is a fraction that file times hold exactly. */
export const TICK_MS = 125;

/** The service's policy here: no jitter, for the cap is the delay. */
export const POLICY = { retries: 1, retryDelayMs: 5_000, backoff: 'fixed', maxDelayMs: 5_000, timeoutMs: 3_600_000 } as const;
export const SNOOZE_MS = 60_000;
/** README: a crashed attempt is tried again after a second. */
const CRASH_DELAY_MS = 1_000;
const MAX_CRASHES = 3;

const LIVE = ['pending', 'retrying', 'running', 'claimed'] as const;
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
  /** Batches that the dispatcher found under a marker of their own id. */
  batches = new Set<string>();
  /** Ids, also of batches, for which parts in the slots stand. A part stands until all its jobs are over: some of them may be. */
  standing = new Set<string>();
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

  /** Whether a job, or any of a batch, of this id is live. */
  isLive(id: string): boolean {
    return this.standing.has(id) || this.jobs.some((job) => isOneOf(job.where, LIVE) && (job.id === id || job.batch === id));
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
    const requests = this.in('incoming').filter(({ name }) => !name.startsWith('.') && /\.(nd)?json$/.test(name));
    const rank = ({ id, priority }: ModelJob) => (id === undefined ? 0 : priority);
    for (const job of requests.sort((a, b) => rank(b) - rank(a) || (a.name < b.name ? -1 : 1))) {
      const accepted = job.members ? this.#acceptBatch(job) : this.#acceptOne(job);
      // They were meant for earlier jobs of those ids, or for none.
      for (const id of accepted.filter((one) => (before.get(one) ?? job.arrived) < job.arrived)) this.markers.delete(id);
    }
    for (const id of this.nowhere) if (!this.markers.has(id)) this.nowhere.delete(id);
    while (this.#carryOutAll());
  }

  /** The ids that are live by it. */
  #acceptOne(job: ModelJob): string[] {
    if (job.body === 'half' && job.id !== undefined) return [];
    if (job.id === undefined || job.body === 'mistaken' || this.isLive(job.id) || !this.isListed(job)) {
      this.reject(job);
      return [];
    }
    job.runAt = job.runAt === 'now' ? this.now : job.runAt;
    this.#takeFreeName(job, ['pending', 'retrying', 'failed', 'cancelled']);
    job.where = 'pending';
    return [job.id];
  }

  // All of it or nothing. A part that was held back may come back while others of its batch are live.
  #acceptBatch(file: ModelJob): string[] {
    const { id, members = [], priority, writtenAt } = file;
    if (file.body === 'half' && id !== undefined) return [];
    const isTwin =
      id !== undefined && ((!isPart(file.name) && this.isLive(id)) || members.some(({ line }) => this.isLive(`${id}.${line}`)));
    if (id === undefined || file.body === 'mistaken' || isTwin || !members.every((member) => this.isListed(member))) {
      this.reject(file);
      return [];
    }
    this.forget(file);
    const runAt = file.runAt === 'now' ? this.now : file.runAt;
    for (const member of members) {
      Object.assign(member, { id: `${id}.${member.line}`, batch: id, where: 'pending', priority, runAt, writtenAt });
      member.name = nameOf(member);
      this.jobs.push(member);
    }
    return [id, ...members.map((member) => member.id as string)];
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
    const ending = job.name.endsWith('.ndjson') ? '.ndjson' : '.json';
    const stem = job.name.slice(0, -ending.length);
    let name = job.name;
    for (let number = 2; this.isTaken('rejected', name); number++) name = `${stem}.${number}${ending}`;
    Object.assign(job, namedBy(name), { where: 'rejected', name, slot: undefined, finishedAt: this.now, spent: 0, crashes: 0 });
  }

  /** True where that is to be done once more: of a batch not all is done in one look. */
  #carryOutAll(): boolean {
    let more = false;
    for (const id of [...this.markers.keys()]) if (this.markers.has(id)) more = this.#carryOut(id) || more;
    return more;
  }

  #carryOut(id: string): boolean {
    const job = this.live(id);
    const isComing = this.in('incoming').some(
      ({ id: other, members }) => members && other !== undefined && (other === id || other === batchOf(id)),
    );
    if (job?.where === 'pending' || job?.where === 'retrying') {
      this.cancelWaiting(job);
      this.markers.delete(id);
    } else if (this.standing.has(id) && batchOf(id) !== undefined) this.nowhere.delete(id);
    else if (this.standing.has(id) || this.batches.has(id) || this.jobs.some(({ batch, where }) => batch === id && where === 'pending'))
      return this.#cancelBatch(id, isComing);
    else if (isComing) return false;
    else if (job?.where === 'running') this.nowhere.delete(id);
    else if (!this.jobs.some((other) => other.id === id && other.where === 'incoming')) {
      // For a job that is over or unknown nothing happens, and the marker goes at the second look.
      if (this.nowhere.delete(id)) this.markers.delete(id);
      else this.nowhere.add(id);
    }
    return false;
  }

  // What waits of it is cancelled, also what has a file of its own by now; what runs is asked to stop.
  #cancelBatch(id: string, isComing: boolean): boolean {
    this.batches.add(id);
    const waiting = this.in('pending', 'retrying').filter((job) => job.batch === id || batchOf(job.id as string) === id);
    for (const job of waiting) {
      this.cancelWaiting(job);
      this.markers.delete(job.id as string);
    }
    const running = this.in('running').filter((job) => !job.batch && batchOf(job.id as string) === id && job.bound?.hasOld !== false);
    for (const job of running) if (!this.markers.has(job.id as string)) this.mark(job.id as string);
    if (waiting.length > 0) return true;
    if (running.length > 0 || isComing) return false;
    this.nowhere.delete(id);
    if (this.standing.has(id)) return false;
    this.batches.delete(id);
    this.markers.delete(id);
    return false;
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
    job.batch = undefined;
    job.acceptedAt ??= job.writtenAt;
    job.writtenAt = this.now;
  }

  /** The waiting jobs that are due, in the order in which they start. */
  due(): ModelJob[] {
    return this.in('pending', 'retrying')
      .filter(({ runAt }) => (runAt as number) <= this.now)
      .sort(inOrder);
  }

  /** A line of a batch gets a file of its own. */
  singleOut(job: ModelJob): void {
    if (job.batch !== undefined) this.#write(job);
  }

  /** Lines of a batch that were claimed together, in their order. */
  claimedIn({ slot }: ModelSlot): ModelJob[] {
    return this.in('claimed')
      .filter((job) => job.slot === slot && !job.isLeaving)
      .sort(inOrder);
  }

  /** The runner of a slot reaches for a part, of which it takes so many lines; what becomes of them, in words. */
  claimPart(slot: ModelSlot, lines: ModelJob[], count: number): string {
    const [first] = lines as [ModelJob];
    if (first.class === 'Beside') {
      this.singleOut(first);
      return this.claim(slot, first) ?? 'running';
    }
    for (const job of lines.slice(0, count)) Object.assign(job, { where: 'claimed', slot: slot.slot });
    return this.goOn(slot, undefined, false).join(' ');
  }

  /** The runner goes on with the lines in its hand after `before`, until one runs; what became of them. */
  goOn(slot: ModelSlot, before: ModelJob | undefined, mustStop: boolean): string[] {
    const became: string[] = [];
    const lines = this.claimedIn(slot);
    for (const [index, job] of lines.entries()) {
      // Such a one is claimed alone.
      if (mustStop || (job.class === 'Beside' && (before || index > 0))) {
        this.giveBack(slot);
        break;
      }
      if (this.markers.has(job.id as string) || this.markers.has(job.batch as string)) {
        this.cancelWaiting(job);
        this.markers.delete(job.id as string);
      } else if (this.isListed(job)) {
        job.where = 'running';
        Object.assign(slot, { job, isPart: true });
        return [...became, 'running'];
      } else {
        this.singleOut(job);
        this.reject(job);
      }
      became.push(job.where);
    }
    return [...became, 'over'];
  }

  /** What has not begun waits again. */
  giveBack(slot: ModelSlot): void {
    for (const job of this.claimedIn(slot)) Object.assign(job, { where: 'pending', slot: undefined });
  }

  /** Of the lines that a dead runner holds the first counts as running: who looks can know no more. */
  beginFirst(slot: ModelSlot): void {
    const [first] = this.claimedIn(slot);
    const isBegun = this.in('running').some((job) => job.slot === slot.slot && job.batch !== undefined);
    if (first && !isBegun) first.where = 'running';
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
    Object.assign(slot, { job, isPart: false });
    return undefined;
  }

  /** The attempt in a slot ends, and its runner settles it; nothing happens when the slot was rescued. */
  settle(slot: ModelSlot, end: End): void {
    const job = slot.job as ModelJob;
    slot.job = undefined;
    if (slot.life === 'rescued') return;
    if (end === 'released') {
      this.singleOut(job);
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
    Object.assign(job, { where: 'completed', slot: undefined, finishedAt: this.now, batch: undefined });
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
    job.name = nameOf(job);
    Object.assign(job, { where, slot: undefined });
  }

  /** The slots of dead runners are taken over. */
  rescue(): void {
    for (const slot of this.slots.filter(({ life }) => life === 'dead')) {
      slot.life = 'rescued';
      for (const job of this.in('running').filter((other) => other.slot === slot.slot)) this.#rescueJob(job);
      for (const job of this.in('claimed').filter((other) => other.slot === slot.slot))
        Object.assign(job, { where: 'pending', slot: undefined, isLeaving: undefined });
    }
  }

  #rescueJob(job: ModelJob): void {
    if (job.recorded) {
      job.outcomes.push('completed');
      Object.assign(job, { where: 'completed', slot: undefined, recorded: false });
    } else if (job.bound)
      Object.assign(job, job.bound.after, { where: job.bound.to, name: job.bound.name, slot: undefined, bound: undefined });
    // Whoever is dead has stopped: what was to be cancelled is not run again.
    else if (this.isCancelAsked(job)) {
      this.markers.delete(job.id as string);
      job.outcomes.push('cancelled');
      this.#end(job, 'cancelled');
    } else this.#fail(job, 'crashed', false);
  }

  /** Whether a job that runs is to stop: of one that is still in its part, the batch's marker counts too. */
  isCancelAsked({ id, batch }: ModelJob): boolean {
    return this.markers.has(id as string) || (batch !== undefined && this.markers.has(batch));
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
  if (where === 'claimed') return 'pending';
  if (where !== 'incoming' && where !== 'pending') return where;
  return runAt !== 'now' && runAt > now ? 'scheduled' : 'pending';
}

/** Priority first, then run-at, then id. */
function inOrder(a: ModelJob, b: ModelJob): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.runAt !== b.runAt) return (a.runAt as number) - (b.runAt as number);
  const [one, other] = [a.batch ?? (a.id as string), b.batch ?? (b.id as string)];
  return one === other ? (a.line ?? 0) - (b.line ?? 0) : one < other ? -1 : 1;
}

/** The batch whose line has that id, or would have. */
export const batchOf = (id: string): string | undefined => /^(.+)\.[1-9]\d*$/.exec(id)?.[1];

const PART = /@(\d+)-(\d+)\.ndjson$/;
export const isPart = (name: string): boolean => PART.test(name);

// What ended in the same moment counts by its name.
const last = (jobs: ModelJob[]): ModelJob | undefined =>
  jobs.sort((a, b) => a.finishedAt - b.finishedAt || (a.name < b.name ? -1 : 1)).at(-1);

export const iso = (ms: number): string => new Date(ms).toISOString();

/** `20261122T101500.123Z` */
export const stamp = (ms: number): string => iso(ms).replace(/[-:]/g, '');

export function nameOf({ priority, runAt, id, members }: Pick<ModelJob, 'priority' | 'runAt' | 'id' | 'members'>, isPart = false): string {
  const stem = `p${priority}-${runAt === 'now' ? 'now' : stamp(runAt)}-${id}`;
  if (!members) return `${stem}.json`;
  return isPart ? `${stem}@${members[0]?.line}-${members.at(-1)?.line}.ndjson` : `${stem}.ndjson`;
}

/** What the grammar of names says of a name; here only of those that this test uses. */
export function namedBy(name: string): Pick<ModelJob, 'id' | 'priority' | 'runAt'> {
  const stem = name.replace(PART, '').replace(/\.(nd)?json$/, '');
  const match = /^p(\d+)-([^-]*)-([A-Za-z0-9][\w.-]*)$/.exec(stem);
  if (!match) return /^p\d+-/.test(name) ? { id: undefined, priority: 0, runAt: 'now' } : { id: stem, priority: 5, runAt: 'now' };
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
