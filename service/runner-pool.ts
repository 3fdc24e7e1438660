import type { EventLog } from '../jobs/event-log.ts';
import type { Sharing } from '../jobs/load-allowlist.ts';
import type { FromRunner, RunnerSettings, Settlement } from '../jobs/messages.ts';
import { isPartName } from '../spool/batch-name.ts';
import { messageOf } from '../spool/errors.ts';
import type { Spool } from '../spool/spool.ts';
import {
  AHEAD_MS,
  countAhead,
  deal,
  EARLY_MS,
  isStuck,
  isStuckShared,
  MAX_CHUNK,
  paceOf,
  type RunnerView,
  roomShared,
  type Seat,
  seatFor,
  shares,
} from './propose.ts';
import { type RunnerExit, RunnerProcess } from './runner-process.ts';

export type PoolEvents = {
  /** A proposed job was settled, or was not there to be claimed. */
  onSettled(settlement: Settlement): void;
  /** Of the proposed part of a batch, a runner has `own` in its hand, and `rest` waits. */
  onTook(name: string, own: string | undefined, rest: string | undefined): void;
  /** Proposed jobs that were not begun wait again. */
  onReturned(names: string[]): void;
  /** Log lines of a runner, as NDJSON. */
  onLines(lines: string): void;
  /** A runner ended; what it left must be rescued if it had a slot. */
  onExit(slot: string | undefined, exit: RunnerExit): void;
  /** A runner is ready or has room. */
  onRoom(): void;
  /** Whether the runner of this slot has claimed a proposed job. */
  isClaimed(slot: string, name: string): boolean;
};

/**
 * The due jobs as the pool reaches for them: `take` gives the best, `putBack` is for the one that found no room. `singleOut` makes jobs with files of their own of the first lines of
 * a part whose method is shared, `most` at most, in their order; none when that is not possible now.
 */
export type DueJobs = {
  take(): string | undefined;
  putBack(name: string): void;
  sharingOf(name: string): Sharing | undefined;
  singleOut(part: string, most: number): string[];
};

type Member = {
  process: RunnerProcess;
  slot: string | undefined;
  proposed: Set<string>;
  /** The job that it is busy with, or one of those that share it, as its last report says. */
  running: string | undefined;
  averageMs: number | undefined;
  lastReport: number;
  retiring: boolean;
  /** The part of a batch that it has in its hand: it is proposed nothing beside it. */
  part: string | undefined;
  /** That part, once the runner has said how much of it that is. */
  held: string | undefined;
  /** Runs while nobody knows yet how much of that part it takes. */
  taking: NodeJS.Timeout | undefined;
  /** It did not claim what it was proposed: nothing more is, until it is heard of. */
  deaf: boolean;
  /** Wakes the pool before its one job should end. */
  ending: NodeJS.Timeout | undefined;
  /** The shared method of all that it was proposed, if it is one. */
  sharing: Sharing | undefined;
};

/** A runner claims what it is proposed within milliseconds. */
const DEAF_MS = 1_000;
/** Nothing passes a part of a batch while it is being claimed, unless that takes so long. */
const TAKING_MS = 250;

/** The runners of one dispatcher: starts them, replaces those that end, and proposes jobs to them. */
export class RunnerPool {
  readonly #spool: Spool;
  readonly #settings: Omit<RunnerSettings, 'output'>;
  readonly #log: EventLog;
  readonly #events: PoolEvents;
  readonly #members = new Set<Member>();
  #target = 0;
  #failures = 0;
  #startFailure: string | undefined;
  #restart: NodeJS.Timeout | undefined;
  #stuckCheck: NodeJS.Timeout | undefined;

  constructor(spool: Spool, settings: Omit<RunnerSettings, 'output'>, log: EventLog, events: PoolEvents) {
    this.#spool = spool;
    this.#settings = settings;
    this.#log = log;
    this.#events = events;
  }

  /** Keeps `target` runners running from now on. More than that finish what they run and end. */
  keep(target: number): void {
    this.#target = target;
    if (this.#restart) return;
    const serving = [...this.#members].filter(({ retiring }) => !retiring);
    for (let missing = target - serving.length; missing > 0 && !this.#restart; missing--) this.#startSafely();
    for (const member of serving.slice(Math.max(0, target))) this.#finish(member);
  }

  /** Tries again now what was to be tried again later. */
  startNow(): void {
    if (!this.#restart) return;
    clearTimeout(this.#restart);
    this.#restart = undefined;
    this.#failures = 0;
    this.keep(this.#target);
  }

  get size(): number {
    return this.#members.size;
  }

  /** How many runners are there to be proposed to. */
  get readyCount(): number {
    return this.#serving().length;
  }

  /** Why the last runner that was started did not get ready; undefined once one has. */
  get startFailure(): string | undefined {
    return this.#startFailure;
  }

  /** How many proposed jobs have not been reported on. */
  get proposedCount(): number {
    return [...this.#members].reduce((sum, { proposed }) => sum + proposed.size, 0);
  }

  owns(slot: string): boolean {
    return [...this.#members].some((member) => member.slot === slot);
  }

  /** Proposes due jobs to the runners that have room: `take` gives the best so many. */
  propose(ready: number, due: Pick<DueJobs, 'putBack'> & { take(count: number): string[] }): void {
    if (this.#isTaking) return;
    const serving = this.#serving();
    const hearing = serving.filter(({ deaf, part }) => !deaf && part === undefined);
    const dealt = shares(hearing.map(view), ready, performance.now());
    const total = [...dealt.values()].reduce((sum, count) => sum + count, 0);
    if (total === 0) return;
    const names = due.take(total);
    const part = isPartName(names.at(-1) ?? '') ? names.pop() : undefined;
    const hands = deal(names, dealt);
    for (const member of serving) {
      const names = hands.get(member.slot as string) ?? [];
      if (names.length > 0) this.#hand(member, names);
    }
    const free = part === undefined ? undefined : serving.find((member) => !member.deaf && isFree(member));
    if (part !== undefined && free) this.#handPart(free, part, countAhead(free.averageMs, MAX_CHUNK));
    else if (part !== undefined) due.putBack(part);
    this.#watchForStuck();
  }

  // What is left of a part comes back when its first lines are claimed; it is better than all that waits behind it.
  get #isTaking(): boolean {
    return [...this.#members].some(({ taking }) => taking !== undefined);
  }

  #handPart(member: Member, name: string, lines: number): void {
    member.part = name;
    member.taking = setTimeout(() => {
      member.taking = undefined;
      this.#events.onRoom();
    }, TAKING_MS);
    this.#hand(member, [name], lines);
  }

  #noteTook(member: Member, { name, own, rest }: FromRunner & { kind: 'took' }): void {
    if (member.part === name) {
      hasTaken(member);
      member.part = own !== undefined && isPartName(own) ? own : undefined;
      member.held = member.part;
    }
    if (own !== undefined && member.proposed.delete(name)) member.proposed.add(own);
    this.#events.onTook(name, own, rest);
    this.#events.onRoom();
  }

  /** Proposes due jobs, one by one in their order, where some may share a runner. Nothing passes a better job that finds no room. */
  proposeShared(ready: number, due: DueJobs): void {
    if (this.#isTaking) return;
    const members = new Map(
      this.#serving().flatMap((member) => (member.deaf || member.part !== undefined ? [] : [[member.slot as string, member]])),
    );
    const own = [...members.values()].filter(({ sharing }) => sharing === undefined);
    const dealt = shares(own.map(view), ready, performance.now());
    const seats = [...members.values()].map((member) => seatOf(member, dealt));
    const hands = new Map<string, string[]>();
    let placed: Placed | undefined;
    while (seats.some(({ room, share }) => room > 0 || share > 0)) {
      placed = this.#place(seats, members, due);
      // What is left of a part comes before all that is behind it.
      if (!placed || placed.part !== undefined) break;
      hands.set(placed.slot, [...(hands.get(placed.slot) ?? []), ...placed.names]);
    }
    for (const [slot, names] of hands) this.#hand(members.get(slot) as Member, names);
    if (placed?.part !== undefined) this.#handPart(members.get(placed.slot) as Member, placed.part, placed.lines);
    if (hands.size > 0) this.#watchForStuck();
  }

  /** Finds a seat for the best job, or part of a batch; undefined when there is none now. */
  #place(seats: Seat[], members: ReadonlyMap<string, Member>, due: DueJobs): Placed | undefined {
    const name = due.take();
    if (name === undefined) return undefined;
    const sharing = due.sharingOf(name);
    const isPart = isPartName(name);
    const seat = seatFor(isPart && !sharing ? seats.filter((one) => one.isFree) : seats, sharing);
    if (!seat) {
      due.putBack(name);
      return undefined;
    }
    const member = members.get(seat.slot) as Member;
    sit(seat, member, sharing);
    // The next free runner is dealt to next, as where nothing is shared.
    if (!sharing) seats.push(...seats.splice(seats.indexOf(seat), 1));
    if (!isPart) return { slot: seat.slot, names: [name] };
    const singles = sharing ? due.singleOut(name, seat.room + 1) : [];
    seat.room -= Math.max(0, singles.length - 1);
    if (singles.length > 0) return { slot: seat.slot, names: singles };
    return { slot: seat.slot, part: name, lines: sharing ? 1 : countAhead(member.averageMs, MAX_CHUNK) };
  }

  #hand(member: Member, names: string[], lines = 1): void {
    if (member.proposed.size === 0 || member.sharing) member.lastReport = performance.now();
    for (const name of names) member.proposed.add(name);
    member.process.send({ kind: 'propose', names, lines });
    this.#expectEnd(member);
  }

  // Shortly before the end of a job that takes long, so that its runner goes on without a pause.
  #expectEnd(member: Member): void {
    clearTimeout(member.ending);
    const { endsAt } = view(member);
    if (endsAt === undefined) return;
    const waitMs = endsAt - EARLY_MS - performance.now();
    if (waitMs > 0) member.ending = setTimeout(() => this.#events.onRoom(), waitMs);
  }

  /** Takes back what runners have not begun. */
  takeBackAll(): void {
    for (const member of this.#members) this.#takeBack(member);
  }

  /**
   * Takes back from runners that have reported nothing for a while what they have not even claimed: a process that stands still, or that
   * an earlier job left with a blocked loop, must not sit on a job while others are free.
   */
  takeBackFromDeaf(): void {
    const now = performance.now();
    for (const member of this.#serving()) {
      if (member.proposed.size === 0 || now - member.lastReport < DEAF_MS) continue;
      const names = this.#unclaimed(member);
      // Of a runner that several jobs share, some may have begun before it stood still.
      if (names.length === 0 || (!member.sharing && names.length < member.proposed.size)) continue;
      member.deaf = true;
      this.#return(member, names);
    }
  }

  /** The runner of this slot finishes what it runs and ends, and another takes its place at once. False when it is on its way already. */
  drain(slot: string): boolean {
    const member = this.#serving().find((one) => one.slot === slot);
    if (!member) return false;
    // A handler that blocks its process does not hear of it before it is done: what it was proposed must not wait for that.
    this.#takeBack(member);
    this.#finish(member);
    this.keep(this.#target);
    return true;
  }

  /** Every runner finishes what it runs and ends; none is replaced. */
  finishAll(): void {
    clearTimeout(this.#restart);
    this.#restart = undefined;
    this.#target = 0;
    for (const member of this.#members) this.#finish(member);
  }

  signalAll(signal: 'SIGTERM' | 'SIGKILL'): void {
    for (const { process } of this.#members) process.signal(signal);
  }

  #serving(): Member[] {
    return [...this.#members].filter(({ slot, retiring }) => slot !== undefined && !retiring);
  }

  #start(): void {
    const member: Member = {
      process: new RunnerProcess(this.#spool, this.#settings, {
        onMessage: (message) => this.#hear(member, message),
        onExit: (exit) => this.#leave(member, exit),
      }),
      slot: undefined,
      proposed: new Set(),
      running: undefined,
      part: undefined,
      held: undefined,
      taking: undefined,
      averageMs: undefined,
      lastReport: performance.now(),
      retiring: false,
      deaf: false,
      sharing: undefined,
      ending: undefined,
    };
    this.#members.add(member);
  }

  // No descriptor, no space, no memory: that may pass.
  #startSafely(): void {
    try {
      this.#start();
    } catch (error) {
      this.#retryLater(`start a runner: ${messageOf(error)}`, {});
    }
  }

  #hear(member: Member, message: FromRunner): void {
    member.deaf = false;
    switch (message.kind) {
      case 'ready':
        member.slot = message.slot;
        this.#failures = 0;
        this.#startFailure = undefined;
        return this.#events.onRoom();
      case 'retiring':
        member.retiring = true;
        this.#takeBack(member);
        return this.keep(this.#target);
      case 'took':
        return this.#noteTook(member, message);
      case 'report':
        this.#noteReport(member, message);
        if (message.lines !== '') this.#events.onLines(message.lines);
        for (const settlement of message.settled) this.#events.onSettled(settlement);
        return this.#events.onRoom();
    }
  }

  #noteReport(member: Member, { settled, running, busyMs }: FromRunner & { kind: 'report' }): void {
    member.running = running;
    if (settled.length > 0) {
      member.lastReport = performance.now();
      member.averageMs = paceOf(member.averageMs, busyMs, settled);
      for (const { name } of settled) {
        member.proposed.delete(name);
        if (member.part === name) letGo(member);
      }
      this.#expectEnd(member);
    }
    forgetSharing(member);
  }

  #watchForStuck(): void {
    if (!this.#serving().some((member) => view(member).proposed > (member.sharing?.concurrency ?? 1))) return;
    this.#stuckCheck ??= setTimeout(() => {
      this.#stuckCheck = undefined;
      this.#unstick();
      this.#watchForStuck();
    }, 2 * AHEAD_MS);
  }

  // A runner that is stuck on one job must not sit on others. It need not answer: should it reach for one of them all the
  // same, the claim decides who has it.
  #unstick(): void {
    const now = performance.now();
    for (const member of this.#serving()) {
      const seen = view(member);
      const { sharing } = member;
      if (sharing ? isStuckShared(seen, sharing.concurrency, now) : isStuck(seen, now)) this.#takeBack(member);
    }
  }

  // All but the job that it is busy with: the one it named last or, before it could say so, the first that it was proposed.
  #takeBack(member: Member): void {
    if (member.sharing) {
      const unclaimed = this.#unclaimed(member);
      return unclaimed.length > 0 ? this.#return(member, unclaimed) : undefined;
    }
    const busyWith = member.running ?? member.proposed.values().next().value;
    const names = [...member.proposed].filter((name) => name !== busyWith);
    if (names.length > 0) this.#return(member, names);
    // Of a part, what has not begun comes back by itself.
    else if (member.part !== undefined) member.process.send({ kind: 'take-back' });
  }

  // Not what still waits: it drops all that it has not claimed, also what somebody else has meanwhile, and reports on none of it.
  #unclaimed({ slot, proposed, held }: Member): string[] {
    // A part that it told of is in its hand, whatever name its file has by now.
    return [...proposed].filter((name) => name !== held && !this.#events.isClaimed(slot as string, name));
  }

  #return(member: Member, names: string[]): void {
    for (const name of names) member.proposed.delete(name);
    if (member.part !== undefined && names.includes(member.part)) letGo(member);
    // What it runs now is not over: the average of its reports says nothing of it.
    member.averageMs = undefined;
    // Its answer tells whether one of them had begun all the same: until then it is as it was.
    member.process.send({ kind: 'take-back' });
    this.#events.onReturned(names);
  }

  #finish(member: Member): void {
    member.retiring = true;
    member.process.send({ kind: 'finish' });
  }

  #leave(member: Member, exit: RunnerExit): void {
    this.#members.delete(member);
    clearTimeout(member.ending);
    letGo(member);
    if (member.proposed.size > 0) this.#events.onReturned([...member.proposed]);
    this.#events.onExit(member.slot, exit);
    if (member.slot === undefined && !member.retiring) this.#noteFailure(exit);
    this.keep(this.#target);
    this.#events.onRoom();
  }

  // A runner that never gets ready (a broken allow-list, no memory) is not started in a tight loop.
  #noteFailure({ code, signal, lastWords }: RunnerExit): void {
    const how = signal ? `was killed by ${signal}` : `exited with code ${code}`;
    // The sentence of the error, without its stack.
    this.#startFailure = /^\w*Error\b.*$/m.exec(lastWords)?.[0] ?? `it ${how}`;
    this.#retryLater(`start a runner: it ${how} before it was ready`, { output: lastWords.slice(-4_096) });
  }

  #retryLater(what: string, fields: object): void {
    this.#failures += 1;
    const waitMs = Math.min(30_000, 500 * 2 ** this.#failures);
    this.#log.error(`${what}; the next try is in ${waitMs} ms`, fields);
    this.#restart ??= setTimeout(() => {
      this.#restart = undefined;
      this.keep(this.#target);
    }, waitMs);
  }
}

/** Jobs, or so many lines of a part of a batch, for the runner of a slot. */
type Placed = { slot: string; names: string[]; part?: undefined } | { slot: string; part: string; lines: number };

function letGo(member: Member): void {
  hasTaken(member);
  member.part = undefined;
  member.held = undefined;
}

function hasTaken(member: Member): void {
  clearTimeout(member.taking);
  member.taking = undefined;
}

const isFree = ({ proposed, running }: Member): boolean => proposed.size === 0 && running === undefined;

// Another method's jobs take another time. A job that was taken back and had begun all the same still shares the runner.
function forgetSharing(member: Member): void {
  if (!member.sharing || member.proposed.size > 0 || member.running !== undefined) return;
  member.sharing = undefined;
  member.averageMs = undefined;
}

function seatOf(member: Member, dealt: ReadonlyMap<string, number>): Seat {
  const { sharing, proposed, averageMs } = member;
  const slot = member.slot as string;
  if (!sharing) return { slot, isFree: isFree(member), share: dealt.get(slot) ?? 0, room: 0 };
  const room = roomShared(sharing.concurrency, averageMs, proposed.size);
  return { slot, isFree: false, share: 0, sharing: sharing.key, room };
}

// A runner that is free begins to share with its first shared job; what it is to run alone leaves it free no longer.
function sit(seat: Seat, member: Member, sharing: Sharing | undefined): void {
  if (sharing && seat.isFree) {
    member.sharing = sharing;
    member.averageMs = undefined;
    seat.sharing = sharing.key;
    seat.room = sharing.concurrency;
  }
  seat.isFree = false;
  if (sharing) {
    seat.share = 0;
    seat.room -= 1;
  } else seat.share -= 1;
}

const view = ({ slot, proposed, running, averageMs, lastReport, sharing }: Member): RunnerView => ({
  slot: slot as string,
  // A job that was taken back and had begun all the same still fills its place.
  proposed: proposed.size + (running !== undefined && !proposed.has(running) ? 1 : 0),
  averageMs: averageMs ?? AHEAD_MS,
  lastReport,
  endsAt: averageMs !== undefined && averageMs >= AHEAD_MS && proposed.size === 1 && !sharing ? lastReport + averageMs : undefined,
});
