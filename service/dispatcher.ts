/**
 * The dispatcher: accepts requests, knows what waits, proposes it to runners at its time, carries out cancel markers and rescues
 * what dead runners left. All it decides from is in the spool: it may be killed at any moment, and another goes on.
 */
import { EventLog } from '../jobs/event-log.ts';
import type { Allowlist } from '../jobs/load-allowlist.ts';
import type { RunnerSettings, Settlement } from '../jobs/messages.ts';
import { whyUnusable } from '../spool/access.ts';
import { mayPass, messageOf } from '../spool/errors.ts';
import { acquireSlot, type Lease, type LeaseOptions, slots } from '../spool/lease.ts';
import { Liveness } from '../spool/liveness.ts';
import { clearDrain, drainRequests, isPaused } from '../spool/marker.ts';
import { prune } from '../spool/prune.ts';
import { reconcile, wasCutOff } from '../spool/reconcile.ts';
import type { Rescued } from '../spool/rescue.ts';
import { shortageOf } from '../spool/room.ts';
import type { Spool } from '../spool/spool.ts';
import { Doorbell } from '../spool/watch.ts';
import { Acceptor } from './acceptor.ts';
import { Backlog } from './backlog.ts';
import { Canceller } from './canceller.ts';
import type { Config } from './config.ts';
import { hasPeers, leaderOf, orphansFor } from './leader.ts';
import { pruneEvery } from './prune-every.ts';
import { endOfExit, Rescuer } from './rescuer.ts';
import { type DueJobs, RunnerPool } from './runner-pool.ts';
import type { RunnerExit } from './runner-process.ts';
import { isAnythingRunning } from './running-jobs.ts';
import { runsOf } from './runs-of.ts';
import { SharedMethods } from './shared-methods.ts';
import { singleLines } from './single-lines.ts';
import { SteadyClock } from './steady-clock.ts';
import { WaitingScan } from './waiting-scan.ts';

export type DispatcherOptions = {
  spool: Spool;
  config: Config;
  allowlist: Allowlist;
  /** Gets every log line, this process's and its runners', as NDJSON: one or several, each with its newline. */
  onLines(lines: string): void;
};

/** Why nothing new is claimed, if nothing is. `unusable`: the spool's folders are gone or cannot be written to. */
export type Obstacle = 'paused' | 'disk-low' | 'disk-full' | 'unusable' | 'stopping' | 'lost';

/** The longest a timer may sleep; a clock that is set meanwhile is noticed at the next scan anyway. */
const MAX_SLEEP_MS = 60_000;

/** A busy service looks hundreds of times a second, and a folder that may not be written to says so itself: each is asked about a few times. */
const ASK_ACCESS_MS = 250;

export class Dispatcher {
  readonly log: EventLog;
  readonly #options: DispatcherOptions;
  readonly #spool: Spool;
  readonly #config: Config;
  readonly #liveness: Liveness;
  readonly #backlog = new Backlog();
  readonly #acceptor: Acceptor;
  readonly #scan: WaitingScan;
  /** Resolves when this dispatcher has lost its slot and must not go on. */
  readonly lost: Promise<void>;
  #noteLost!: () => void;
  readonly #canceller: Canceller;
  /** Undefined where none is: then no job's file is looked at before it is proposed. */
  readonly #sharedMethods: SharedMethods | undefined;
  #pool: RunnerPool;
  #rescuer!: Rescuer;
  #lease!: Lease;
  #doorbell: Doorbell | undefined;
  #isLeader = false;
  #hasPeers = false;
  #obstacle: Obstacle | undefined;
  #unusable: string | undefined;
  #askAccessAt = Number.NEGATIVE_INFINITY;
  /** What was in the way of the last look. */
  #trouble: string | undefined;
  #looking: Promise<void> | undefined;
  #again: 'no' | 'look' | 'scan' = 'no';
  #scanTimer: NodeJS.Timeout | undefined;
  #dueTimer: NodeJS.Timeout | undefined;
  #prunedAt = Number.NEGATIVE_INFINITY;
  readonly #clock = new SteadyClock();
  #lookedAfterAt = Number.NEGATIVE_INFINITY;
  #stopping = false;
  #isLost = false;

  constructor(options: DispatcherOptions) {
    const { spool, config, allowlist, onLines } = options;
    this.#options = options;
    this.lost = new Promise((resolve) => {
      this.#noteLost = resolve;
    });
    this.#spool = spool;
    this.#config = config;
    this.log = new EventLog(spool, { level: config.logLevel, onLines });
    this.#liveness = new Liveness(spool, config.staleMs);
    this.#acceptor = new Acceptor(spool, allowlist, this.#backlog, this.log);
    this.#scan = new WaitingScan(spool, config.scanMs);
    this.#canceller = new Canceller(spool, this.#backlog, this.log, {
      slot: () => this.#lease.slot,
      // Not at once: what is in the way may be a runner's.
      lookAgain: () => setTimeout(() => this.#ring('look'), 10),
    });
    this.#sharedMethods = allowlist.hasShared ? new SharedMethods(spool, allowlist) : undefined;
    this.#pool = this.#makePool('');
  }

  /** Begins to work. Resolves when what an earlier dispatcher left behind is taken care of and the runners are starting. */
  async start(): Promise<void> {
    const { allowlist } = this.#options;
    this.#lease = await this.#acquireSlot({
      kind: 'dispatcher',
      runs: runsOf(this.#config, allowlist),
      staleMs: this.#config.staleMs,
      onLost: (error) => {
        this.log.error('another host took this dispatcher for dead: its slot is gone, and it stops', { err: error });
        this.#isLost = true;
        this.#noteLost();
      },
    });
    const own = this.#lease.slot;
    this.#pool = this.#makePool(own);
    this.#rescuer = new Rescuer({
      spool: this.#spool,
      own,
      allowlist,
      policy: this.#config.policy,
      log: this.log,
      liveness: this.#liveness,
      onReleased: (name) => this.#backlog.add(name, Date.now()),
    });
    this.#reconcile();
    this.#scanTimer = setInterval(() => this.#ring('scan'), this.#config.scanMs);
    await this.look();
    // After the first look, which empties incoming/: a watcher pays for every file that is there when it begins.
    if (this.#config.watch === 'events') {
      this.#doorbell = new Doorbell(this.#spool, {
        onRing: () => this.#ring('look'),
        onNote: (message) => this.log.warn(message),
      });
    }
  }

  // Before anything is accepted or run: what a power cut brought back must not run again.
  #reconcile(): void {
    try {
      if (!wasCutOff(this.#spool, this.#liveness, this.#lease.slot, performance.now())) return;
      const clock = performance.now();
      const isHeld = (slot: string) => this.#liveness.of(slot, clock) === 'alive';
      for (const { id, file, by } of reconcile(this.#spool, isHeld)) {
        this.log.warn(`removed ${file}: a power cut had brought it back, and its job is in ${by} by now`, { id });
      }
    } catch (error) {
      this.log.error(`look for what a power cut brought back: ${messageOf(error)}; the service goes on without`, { err: error });
    }
  }

  // On a full disk nobody can say who he is: the service waits for room, and its dashboard says why.
  async #acquireSlot(options: LeaseOptions): Promise<Lease> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await acquireSlot(this.#spool, options);
      } catch (error) {
        if (!mayPass(error) || this.#stopping) throw error;
        this.#obstacle = 'disk-full';
        if (isFirst)
          this.log.error(`take a slot in ${this.#spool.running}: ${messageOf(error)}; it is tried again until it can be written`);
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
  }

  /** Looks at everything now, and resolves when that is done. */
  async look(): Promise<void> {
    this.#ring('scan');
    while (this.#looking) await this.#looking;
  }

  /** What keeps new jobs from being claimed; undefined when they are. */
  get obstacle(): Obstacle | undefined {
    if (this.#isLost) return 'lost';
    return this.#stopping ? 'stopping' : this.#obstacle;
  }

  get readyRunners(): number {
    return this.#pool.readyCount;
  }

  /** Why the last runner that was started did not get ready; undefined once one has. */
  get startFailure(): string | undefined {
    return this.#pool.startFailure;
  }

  /** Whether nothing is due, being accepted, or running here: what waits, waits for its time. */
  get isIdle(): boolean {
    if (this.#looking || this.#backlog.hasReady || this.#pool.proposedCount > 0) return false;
    return this.#acceptor.isDone && !this.#canceller.isWaiting && !isAnythingRunning(this.#spool);
  }

  /** From now on nothing new is accepted or claimed, also while `start` still looks at what it found; `stop` follows. */
  takeNothingNew(): void {
    this.#stopping = true;
  }

  /**
   * Stops: nothing new is claimed, running jobs get the shutdown grace, then TERM, then KILL; what did not finish is
   * released. `hurry` may resolve to skip the waiting.
   */
  async stop(hurry: Promise<void>): Promise<void> {
    this.#stopping = true;
    this.#announceStop();
    clearInterval(this.#scanTimer);
    clearTimeout(this.#dueTimer);
    this.#pool.finishAll();
    await this.#doorbell?.close();
    while (this.#looking) await this.#looking;
    if (!(await this.#emptied(this.#config.shutdownGraceMs, hurry))) {
      this.#pool.signalAll('SIGTERM');
      // One more second for the runners to write down that they released their jobs.
      if (!(await this.#emptied(this.#config.killGraceMs + 1_000))) this.#pool.signalAll('SIGKILL');
      await this.#emptied(10_000);
    }
    await this.#lease.release();
    this.log.close();
  }

  // Others take over what this one did for all of them.
  #announceStop(): void {
    try {
      this.#lease.announceStop();
    } catch (error) {
      this.log.warn(`say that this dispatcher stops: ${messageOf(error)}`, { err: error });
    }
  }

  #makePool(dispatcher: string): RunnerPool {
    const { spool, config, allowlist, onLines } = this.#options;
    const settings: Omit<RunnerSettings, 'output'> = {
      dir: spool.root,
      durability: config.durability,
      allowlist: allowlist.file,
      dispatcher,
      staleMs: config.staleMs,
      killGraceMs: config.killGraceMs,
      logLevel: config.logLevel,
      policy: config.policy,
    };
    return new RunnerPool(spool, settings, this.log, {
      onSettled: (settlement) => this.#noteSettled(settlement),
      onTook: (name, own, rest) => this.#noteTook(name, own, rest),
      onReturned: (names) => this.#noteReturned(names),
      onLines,
      onExit: (slot, exit) => this.#noteExit(slot, exit),
      onRoom: () => this.#propose(),
      isClaimed: (slot, name) => this.#spool.disk.exists(this.#spool.claimed(slot, name)),
    });
  }

  // One look at a time; what rings meanwhile asks for one more.
  #ring(how: 'look' | 'scan'): void {
    if (this.#stopping || this.#isLost) return;
    if (this.#looking) {
      if (this.#again !== 'scan') this.#again = how;
      return;
    }
    this.#looking = this.#lookOnce(how)
      .then(
        () => this.#noteTrouble(undefined),
        (error) => this.#noteTrouble(error),
      )
      .finally(() => {
        this.#looking = undefined;
        const again = this.#again;
        this.#again = 'no';
        if (again !== 'no') this.#ring(again);
      });
  }

  // What keeps being in the way is said once.
  #noteTrouble(error: unknown): void {
    const trouble = error === undefined ? undefined : messageOf(error);
    if (trouble !== undefined && trouble !== this.#trouble) {
      this.log.error(`look at the spool: ${trouble}; the next scan tries again`, { err: error });
    }
    this.#trouble = trouble;
  }

  async #lookOnce(how: 'look' | 'scan'): Promise<void> {
    if (how === 'scan') await this.#doorbell?.check();
    this.#checkObstacle(how === 'scan');
    if (this.#obstacle === 'unusable') return;
    this.#backlog.forgetGone();
    // Who stood still for the stale time is not the one who accepts any more, and must find that out first.
    if (how === 'scan' || performance.now() - this.#lookedAfterAt > this.#config.staleMs) this.#lookAfterSlots();
    // Of jobs that others moved, only the folders tell: who accepts must know every id that is live.
    if (how === 'scan' || !this.#isLeader || this.#hasPeers) {
      await this.#readWaiting(how === 'scan');
      // Who has paused meanwhile, and then dropped a job, expects that it waits.
      this.#checkObstacle(false);
    }
    if (this.#isLeader) {
      if (this.#obstacle !== 'disk-low' && this.#obstacle !== 'disk-full')
        await this.#acceptor.accept(() => {
          this.#propose();
          return !this.#stopping;
        });
      // A runner looks for the marker of what it claims: the canceller must not keep all others waiting.
      this.#propose();
      this.#canceller.run();
    }
    this.#propose();
    if (how === 'scan' && this.#isLeader) this.#pruneNowAndThen();
  }

  #lookAfterSlots(): void {
    const clock = performance.now();
    this.#lookedAfterAt = clock;
    this.#pool.takeBackFromDeaf();
    for (const rescued of this.#rescuer.rescueDead(clock, (slot) => this.#pool.owns(slot))) this.#noteRescued(rescued);
    this.#drainWhatIsAsked();
    const orphans = orphansFor(this.#spool, this.#liveness, this.#lease.slot, clock);
    if (!this.#stopping) this.#pool.keep(Math.max(0, this.#config.runners - orphans.length));
    const leads = leaderOf(this.#spool, this.#liveness, clock) === this.#lease.slot;
    // Who begins to accept must know every id that is live.
    if (leads && !this.#isLeader) this.#scan.forget();
    this.#isLeader = leads;
    this.#hasPeers = hasPeers(this.#spool, this.#lease.slot);
  }

  #drainWhatIsAsked(): void {
    for (const slot of drainRequests(this.#spool)) {
      if (this.#pool.drain(slot)) this.log.info(`${slot} is drained: it finishes what it runs, and another runner takes its place`);
      // Its runner has ended before it was asked: nobody else would clear the marker away.
      else if (!slots(this.#spool).includes(slot)) clearDrain(this.#spool, slot);
    }
  }

  async #readWaiting(always: boolean): Promise<void> {
    const now = Date.now();
    await this.#scan.read(always, (name) => {
      if (!this.#backlog.knows(name)) this.#backlog.add(name, now);
    });
  }

  #checkObstacle(isScan: boolean): void {
    const before = this.#obstacle;
    const { kind, text } = this.#findObstacle(isScan);
    this.#obstacle = kind;
    if (kind === before) return;
    if (kind) this.#pool.takeBackAll();
    if (kind === undefined) this.log.info('jobs are claimed again');
    else if (kind === 'paused') this.log.info(`paused: nothing new is claimed until ${this.#spool.paused} is removed`);
    else this.log.error(`${this.#spool.root}: ${text}; nothing is accepted or claimed until that is over`);
    // What kept a runner from starting may be over.
    if (kind === undefined || kind === 'paused') this.#pool.startNow();
  }

  #findObstacle(isScan: boolean): { kind: Obstacle | undefined; text?: string } {
    const clock = performance.now();
    if (isScan || clock >= this.#askAccessAt) {
      this.#unusable = whyUnusable(this.#spool);
      this.#askAccessAt = clock + ASK_ACCESS_MS;
    }
    if (this.#unusable !== undefined) return { kind: 'unusable', text: this.#unusable };
    const shortage = shortageOf(this.#spool.disk.room(this.#spool.root), this.#config.minFreeBytes);
    return shortage ?? { kind: isPaused(this.#spool) ? 'paused' : undefined };
  }

  #propose(): void {
    if (this.#stopping || this.#isLost || !this.#scan.hasRead) return;
    const next = this.#backlog.ripen(Date.now());
    this.#wakeAt(next);
    if (this.#obstacle || !this.#backlog.hasReady) return;
    if (this.#sharedMethods) return this.#pool.proposeShared(this.#backlog.readyCount, this.#dueJobs(this.#sharedMethods));
    // What others have taken meanwhile is not proposed: a runner that is told of it one by one is idle so long.
    const isThere = this.#hasPeers ? (name: string) => this.#stillWaits(name) : undefined;
    this.#pool.propose(this.#backlog.readyCount, {
      take: (count) => this.#backlog.take(count, isThere),
      putBack: (name) => this.#backlog.add(name, Date.now()),
    });
  }

  #dueJobs(methods: SharedMethods): DueJobs {
    return {
      // A name that is gone would find no room for ever where nothing passes it.
      take: () => this.#backlog.take(1, (name) => methods.isThere(name))[0],
      singleOut: (part, most) => this.#singleOut(part, methods.alikeIn(part, most)),
      putBack: (name) => this.#backlog.add(name, Date.now()),
      sharingOf: (name) => methods.sharingOf(name),
    };
  }

  #singleOut(part: string, count: number): string[] {
    try {
      const singled = singleLines(this.#spool, this.#lease.slot, part, count);
      if (!singled) return [];
      this.#backlog.remove(part);
      for (const name of singled.singles) this.#backlog.hold(name);
      if (singled.rest !== undefined) this.#backlog.add(singled.rest, Date.now());
      return singled.singles;
    } catch (error) {
      this.log.error(`take lines out of ${part}: ${messageOf(error)}; what is left of it in the slot is put back`, { err: error });
      return [];
    }
  }

  #wakeAt(runAt: number | undefined): void {
    clearTimeout(this.#dueTimer);
    if (runAt === undefined) return;
    this.#dueTimer = setTimeout(() => this.#propose(), Math.min(MAX_SLEEP_MS, Math.max(0, runAt - Date.now())));
  }

  #noteTook(name: string, own: string | undefined, rest: string | undefined): void {
    this.#backlog.remove(name);
    if (own !== undefined) this.#backlog.hold(own);
    if (rest !== undefined) this.#backlog.add(rest, Date.now());
  }

  #noteSettled({ name, to, next }: Settlement): void {
    const now = Date.now();
    if (to === 'early' || (to === 'missing' && this.#stillWaits(name))) return this.#backlog.add(name, now);
    this.#backlog.remove(name);
    if ((to === 'retrying' || to === 'pending' || to === 'over') && next) this.#backlog.add(next, now);
  }

  // A runner that came too late for a job says "missing"; meanwhile it may have been released under the same name.
  #stillWaits(name: string): boolean {
    const { disk, pending, retrying } = this.#spool;
    // What is no file and cannot be claimed must not be proposed for ever.
    return [pending, retrying].some((folder) => disk.facts(`${folder}/${name}`)?.isFile);
  }

  #noteReturned(names: string[]): void {
    const now = Date.now();
    for (const name of names) this.#backlog.add(name, now);
    this.#propose();
  }

  #noteRescued({ job, move, name }: Rescued): void {
    this.#backlog.remove(job.name);
    if (move.to === 'retrying' || move.to === 'pending') this.#backlog.add(name, Date.now());
  }

  #noteExit(slot: string | undefined, exit: RunnerExit): void {
    if (slot === undefined) return;
    this.#passOnLines(slot);
    const end = this.#stopping ? ({ kind: 'released' } as const) : endOfExit(slot, exit);
    for (const rescued of this.#rescuer.rescueSlot(slot, end)) this.#noteRescued(rescued);
  }

  // A runner that was killed by its own watchdog left its last lines in its slot.
  #passOnLines(slot: string): void {
    try {
      const text = this.#spool.disk.readBytes(this.#spool.lines(slot), 0, 1_048_576).toString('utf8');
      if (text !== '') this.#options.onLines(text.endsWith('\n') ? text : `${text}\n`);
    } catch (error) {
      this.log.warn(`read the last lines of the runner ${slot}: ${messageOf(error)}`, { err: error });
    }
  }

  async #emptied(withinMs: number, hurry?: Promise<void>): Promise<boolean> {
    const deadline = performance.now() + withinMs;
    let hurried = false;
    hurry?.then(() => {
      hurried = true;
    });
    while (this.#pool.size > 0 && performance.now() < deadline && !hurried) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.#pool.size === 0;
  }

  #pruneNowAndThen(): void {
    const clock = performance.now();
    if (clock - this.#prunedAt < pruneEvery(this.#config)) return;
    this.#prunedAt = clock;
    if (!this.#clock.isSteady(Date.now(), clock))
      return this.log.warn('the clock was set: nothing is removed by its age before the next time, when it is known to stay so');
    const pruned = prune(this.#spool, this.#config);
    if (Object.values(pruned).some((count) => count > 0)) this.log.info('removed what was older than its retention', pruned);
  }
}
