/** A real spool with the parts of the service that move jobs in it, in one process and on a clock of our own. */
import fs from 'node:fs';
import path from 'node:path';
import { Board } from '../../jobs/board.ts';
import { CancelRequests } from '../../jobs/cancel-requests.ts';
import { EventLog } from '../../jobs/event-log.ts';
import { Allowlist } from '../../jobs/load-allowlist.ts';
import type { Settlement } from '../../jobs/messages.ts';
import { Places } from '../../jobs/places.ts';
import { type Bench, type RanAttempt, runAttempt } from '../../jobs/run-attempt.ts';
import { runChunk } from '../../jobs/run-chunk.ts';
import { settleKilled } from '../../jobs/settle-killed.ts';
import { WarmCommands } from '../../jobs/warm-commands.ts';
import { Acceptor } from '../../service/acceptor.ts';
import { Backlog } from '../../service/backlog.ts';
import { Canceller } from '../../service/canceller.ts';
import { Rescuer } from '../../service/rescuer.ts';
import { WaitingScan } from '../../service/waiting-scan.ts';
import { isPartName } from '../../spool/batch-name.ts';
import { Catalog } from '../../spool/catalog.ts';
import { BatchTexts } from '../../spool/claim-part.ts';
import { type Disk, disk } from '../../spool/disk.ts';
import { parseJobName } from '../../spool/filename.ts';
import { type Holder, hostName } from '../../spool/lease.ts';
import { Ledger } from '../../spool/ledger.ts';
import { Liveness } from '../../spool/liveness.ts';
import { giveBack, heldIn } from '../../spool/part.ts';
import { platform } from '../../spool/platform.ts';
import { completedLines } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { type Attempting, nextAttempt } from './handler.ts';
import { idsStanding, type Line, linesIn, partsIn } from './lines.ts';
import { POLICY } from './model.ts';

/** Thrown by a disk whose process is gone. */
export class Died extends Error {}

/** Counts the calls that a process has left to live. */
type Fuse = { left: number };

export type Runner = {
  slot: string;
  bench: Bench;
  fuse: Fuse;
  running: { name: string; attempting: Attempting; ended: Promise<Settlement> } | undefined;
  texts: BatchTexts;
  /** What became of the jobs of a part since it was asked last. */
  ran: string[];
  /** It is to give back what it has not begun. */
  mustStop: boolean;
};

type Dispatcher = { backlog: Backlog; acceptor: Acceptor; canceller: Canceller; rescuer: Rescuer };

const OWN = 'box-900';
/** Whoever steers by the command line takes lines out of batches in it. */
export const TOOL = 'box-800';

export class World {
  readonly spool: Spool;
  readonly held: string;
  readonly catalog: Catalog;
  readonly runners = new Map<string, Runner>();
  readonly allowlist: Allowlist;
  readonly #log: EventLog;
  readonly #setClock: (ms: number) => void;
  #dispatcher: Dispatcher;
  #count = 0;
  #mustLookAgain = false;

  /** `setClock` sets what `Date` says in this process. */
  constructor(folder: string, setClock: (ms: number) => void) {
    this.#setClock = setClock;
    this.spool = openSpool(path.join(folder, 'spool'), { durability: 'none', disk: onOurClock(disk) });
    this.held = path.join(folder, 'held');
    fs.mkdirSync(this.held);
    this.allowlist = new Allowlist(path.join(import.meta.dirname, 'allowlist.ts'), { ...LISTED }, new Map());
    this.#log = new EventLog(this.spool);
    this.catalog = new Catalog(this.spool);
    this.#hold(OWN, 'dispatcher', true);
    this.#hold(TOOL, 'tool', true);
    this.#dispatcher = this.#makeDispatcher();
  }

  tick(now: number): void {
    this.#setClock(now);
  }

  /** A person or a producer writes a file and moves it to its place. */
  put(file: string, text: string): void {
    const draft = path.join(this.spool.tmp, `person-${this.#count++}`);
    fs.writeFileSync(draft, text);
    fs.chmodSync(draft, 0o660);
    fs.utimesSync(draft, Date.now() / 1_000, Date.now() / 1_000);
    fs.renameSync(draft, file);
  }

  /** Somebody writes to a file: its time changes. */
  write(file: string): void {
    disk.setTimes(file, Date.now());
  }

  /** As `mv -n`. */
  move(from: string, to: string): void {
    if (!fs.existsSync(to)) fs.renameSync(from, to);
  }

  /** As `touch`; undefined only waits: what is older, markers or arrivals, is told by the file system's clock, whose grain is some milliseconds. */
  touch(file: string | undefined): void {
    if (file !== undefined) disk.close(disk.openAppend(file));
    if (file !== undefined) fs.utimesSync(file, Date.now() / 1_000, Date.now() / 1_000);
    Atomics.wait(PAUSE, 0, 0, GRAIN_MS);
  }

  /** From now on the runner's process lives for so many changes of the disk. */
  burn(slot: string, calls: number): void {
    this.#runner(slot).fuse.left = calls;
  }

  /** The dispatcher dies, and another takes its place, which knows nothing. */
  restartDispatcher(): void {
    this.#dispatcher = this.#makeDispatcher();
  }

  deploy(listed: boolean): void {
    if (listed) Object.assign(this.allowlist.classes, LISTED);
    else Reflect.deleteProperty(this.allowlist.classes, 'Sometimes');
  }

  /** As the dispatcher looks: what waits, what came, what is to be cancelled. */
  async look(): Promise<void> {
    await this.#scan();
    await this.#dispatcher.acceptor.accept(() => true);
    do {
      this.#mustLookAgain = false;
      this.#dispatcher.canceller.run();
    } while (this.#mustLookAgain);
  }

  /** Ids, also of batches, for which parts in the slots stand. */
  standing(): Set<string> {
    const slots = fs.readdirSync(this.spool.running).filter((name) => fs.statSync(this.spool.slot(name)).isDirectory());
    return new Set(slots.flatMap((slot) => idsStanding(fs.readdirSync(this.spool.slot(slot)))));
  }

  /** The lines of batches in a folder for which its parts stand. */
  lines(folder: string): Line[] {
    if (!fs.existsSync(folder) || partsIn(fs.readdirSync(folder)).length === 0) return [];
    const done = new Set([...completedLines(this.spool)].map(({ id, acceptedAt }) => `${id} ${acceptedAt}`));
    return linesIn(folder, (id, acceptedAt) => done.has(`${id} ${acceptedAt}`));
  }

  rescue(): void {
    for (const { job, move, name } of this.#dispatcher.rescuer.rescueDead(performance.now(), () => false)) {
      this.#dispatcher.backlog.remove(job.name);
      if (move.to === 'retrying' || move.to === 'pending') this.#dispatcher.backlog.add(name, Date.now());
    }
  }

  /** The names of the due jobs and parts, best first, as they are proposed. */
  async proposals(): Promise<string[]> {
    await this.#scan();
    const { backlog } = this.#dispatcher;
    backlog.ripen(Date.now());
    const names: string[] = [];
    for (let some = backlog.take(64); some.length > 0; some = backlog.take(64)) names.push(...some);
    // What was never claimed is proposed again.
    for (const name of names) backlog.add(name, Date.now());
    return names;
  }

  startRunner(slot: string): void {
    const fuse = { left: Number.POSITIVE_INFINITY };
    const spool = { ...this.spool, disk: mortal(this.spool.disk, fuse) };
    this.#hold(slot, 'runner', true);
    disk.makeFolder(spool.slot(slot));
    disk.makeFolder(spool.lock(slot));
    const output = spool.output(slot);
    const settings = { dir: spool.root, durability: 'none', allowlist: this.allowlist.file, dispatcher: OWN, staleMs: 30_000 } as const;
    const bench: Bench = {
      spool,
      settings: { ...settings, killGraceMs: 0, logLevel: 'info', output, policy: POLICY },
      slot,
      allowlist: this.allowlist,
      ledger: new Ledger(spool, slot),
      board: new Board(),
      log: this.#log,
      cancelRequests: new CancelRequests(spool),
      outputFd: disk.openAppend(output),
      attempts: 0,
      unread: new Set(),
      current: undefined,
      company: undefined,
      chunk: undefined,
      places: new Places(() => undefined),
      keeping: 0,
      mustEndOffspring: false,
      warm: new WarmCommands({ folder: this.allowlist.folder, log: this.#log, killGraceMs: 0 }),
    };
    this.runners.set(slot, { slot, bench, fuse, running: undefined, texts: new BatchTexts(), ran: [], mustStop: false });
  }

  /**
   * A runner reaches for a job, or for the first `count` lines of a part; what becomes of it, in words: of the lines of a part one by one, and `over` after them.
   * `running` when a handler has begun, `died` when its process did.
   */
  async claim(slot: string, name: string, count = 1): Promise<string> {
    const runner = this.#runner(slot);
    runner.mustStop = false;
    const began = nextAttempt();
    return this.#goOn(runner, name, began, isPartName(name) ? this.#runPart(runner, name, count) : runSingle(runner, name));
  }

  #runPart({ bench, texts, ...runner }: Runner, name: string, count: number): Promise<Settlement> {
    const { backlog } = this.#dispatcher;
    const running = this.#runner(runner.slot);
    const ran = runChunk(bench, name, count, texts, {
      onTook: (own, rest) => {
        backlog.remove(name);
        backlog.hold(own);
        if (rest !== undefined) backlog.add(rest, Date.now());
      },
      onRan: async (settlement) => {
        await bench.ledger.commit();
        running.ran.push(settlement.to);
        this.#noteSettled(settlement);
      },
      mustStop: () => running.mustStop,
    });
    return ran.then((one): RanAttempt | Promise<RanAttempt> => ('ended' in one ? one.ended : one));
  }

  /** The handler ends, and the runner settles it; as `claim` says it. With `mustStop` what was to follow it in its part is given back. */
  async end(slot: string, how: (attempting: Attempting, bench: Bench) => void, mustStop = false): Promise<string> {
    const runner = this.#runner(slot);
    const { name, attempting, ended } = runner.running as NonNullable<Runner['running']>;
    runner.running = undefined;
    runner.mustStop = mustStop;
    const began = nextAttempt();
    how(attempting, runner.bench);
    return this.#goOn(runner, name, began, ended);
  }

  async #goOn(runner: Runner, name: string, began: Promise<Attempting>, ended: Promise<Settlement>): Promise<string> {
    runner.ran = [];
    try {
      const first = await Promise.race([began, ended]);
      await runner.bench.ledger.commit();
      if ('to' in first) {
        this.#noteSettled(first);
        return [...runner.ran, first.to].join(' ');
      }
      runner.running = { name, attempting: first, ended };
      return [...runner.ran, 'running'].join(' ');
    } catch (error) {
      if (error instanceof Died) return 'died';
      throw error;
    }
  }

  /** The watchdog gives back what follows the job that runs in its part. */
  giveBack(slot: string): void {
    const { bench } = this.#runner(slot);
    bench.board.whileRunning(bench.board.sequence, () => {
      const { name } = bench.board.read();
      const held = heldIn(bench.spool, slot, name, parseJobName(name)?.id as string);
      if (!held?.part || held.line >= held.part.to) return;
      giveBack(bench.spool, slot, held.part, held.line + 1);
      bench.board.chunkEnd = held.line;
    });
  }

  /** The watchdog settles the job that runs, which does not stop, and kills its process. */
  killStuck(slot: string): boolean {
    const { bench } = this.#runner(slot);
    return settleKilled(bench.spool, slot, bench.board.read(), 'timed-out', this.#log);
  }

  /** Its process is dead: a holder with another start time is no longer there. */
  kill(slot: string): void {
    this.#hold(slot, 'runner', false);
  }

  async close(): Promise<void> {
    for (const runner of this.runners.values()) {
      const { bench, running } = runner;
      runner.mustStop = true;
      running?.attempting.complete(undefined);
      await running?.ended.catch(() => undefined);
      bench.ledger.close();
      disk.close(bench.outputFd);
    }
    this.#log.close();
  }

  #runner(slot: string): Runner {
    return this.runners.get(slot) as Runner;
  }

  async #scan(): Promise<void> {
    const { backlog } = this.#dispatcher;
    await new WaitingScan(this.spool, 0).read(true, (name) => {
      if (!backlog.knows(name)) backlog.add(name, Date.now());
    });
  }

  // As the dispatcher does with its runners' reports.
  #noteSettled({ name, to, next }: Settlement): void {
    const { backlog } = this.#dispatcher;
    const waits = fs.existsSync(`${this.spool.pending}/${name}`) || fs.existsSync(`${this.spool.retrying}/${name}`);
    if (to === 'early' || (to === 'missing' && waits)) return backlog.add(name, Date.now());
    backlog.remove(name);
    if ((to === 'retrying' || to === 'pending' || to === 'over') && next) backlog.add(next, Date.now());
  }

  #makeDispatcher(): Dispatcher {
    const { spool, allowlist } = this;
    const log = this.#log;
    const backlog = new Backlog();
    const liveness = new Liveness(spool, 30_000);
    return {
      backlog,
      acceptor: new Acceptor(spool, allowlist, backlog, log),
      canceller: new Canceller(spool, backlog, log, { slot: () => OWN, lookAgain: () => this.#lookAgain() }),
      rescuer: new Rescuer({
        spool,
        own: OWN,
        allowlist,
        policy: POLICY,
        log,
        liveness,
        onReleased: (name) => backlog.add(name, Date.now()),
      }),
    };
  }

  #lookAgain(): void {
    this.#mustLookAgain = true;
  }

  #hold(slot: string, kind: Holder['kind'], isAlive: boolean): void {
    const holder: Holder = {
      kind,
      slot,
      host: hostName(),
      pid: process.pid,
      processStart: isAlive ? (platform.processStart(process.pid) as string) : 'before',
      bootId: platform.bootId(),
      pidNamespace: platform.pidNamespace(),
      since: new Date().toISOString(),
    };
    disk.overwrite(this.spool.holder(slot), JSON.stringify(holder));
  }
}

const runSingle = ({ bench }: Runner, name: string): Promise<Settlement> =>
  runAttempt(bench, name).then((ran): RanAttempt | Promise<RanAttempt> => ('ended' in ran ? ran.ended : ran));

const MODULE = path.join(import.meta.dirname, 'handler.ts');
const LISTED = {
  Example: { module: MODULE, methods: { handle: {} } },
  Sometimes: { module: MODULE, methods: { handle: {} } },
  // To the model they are like any other: how they run must not show in the spool.
  Beside: { module: MODULE, methods: { handle: { isolation: 'shared' as const, concurrency: 3 } } },
};

const PAUSE = new Int32Array(new SharedArrayBuffer(4));
const GRAIN_MS = 12;

/** The real disk, whose files get their times from `Date`, which the test sets. */
function onOurClock(real: Disk): Disk {
  return {
    ...real,
    create: (file, text, sync) => {
      real.create(file, text, sync);
      real.setTimes(file, Date.now());
    },
    overwrite: (file, text) => {
      real.overwrite(file, text);
      real.setTimes(file, Date.now());
    },
    append: (fd, text) => {
      const length = real.append(fd, text);
      fs.futimesSync(fd, Date.now() / 1_000, Date.now() / 1_000);
      return length;
    },
  };
}

const CHANGING = new Set(['rename', 'link', 'remove', 'removeFolder', 'makeFolder', 'create', 'overwrite', 'append', 'openAppend']);

/** A disk that throws, for good, when its fuse has burnt down: its process has died before that call. */
function mortal(real: Disk, fuse: Fuse): Disk {
  return new Proxy(real, {
    get(target, name, receiver) {
      const call = Reflect.get(target, name, receiver) as (...args: unknown[]) => unknown;
      if (!CHANGING.has(String(name))) return call;
      return (...args: unknown[]) => {
        fuse.left -= 1;
        if (fuse.left < 0) throw new Died(`died before ${String(name)}`);
        return call(...args);
      };
    },
  });
}
