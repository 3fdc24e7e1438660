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
import { Acceptor } from '../../service/acceptor.ts';
import { Backlog } from '../../service/backlog.ts';
import { Canceller } from '../../service/canceller.ts';
import { Rescuer } from '../../service/rescuer.ts';
import { WaitingScan } from '../../service/waiting-scan.ts';
import { Catalog } from '../../spool/catalog.ts';
import { type Disk, disk } from '../../spool/disk.ts';
import { type Holder, hostName } from '../../spool/lease.ts';
import { Ledger } from '../../spool/ledger.ts';
import { Liveness } from '../../spool/liveness.ts';
import { idOf } from '../../spool/order.ts';
import { platform } from '../../spool/platform.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { type Attempting, nextAttempt } from './handler.ts';
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
};

type Dispatcher = { backlog: Backlog; acceptor: Acceptor; canceller: Canceller; rescuer: Rescuer };

const OWN = 'box-900';

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
    this.#dispatcher.canceller.run();
  }

  rescue(): void {
    for (const { job, move, name } of this.#dispatcher.rescuer.rescueDead(performance.now(), () => false)) {
      this.#dispatcher.backlog.remove(job.name);
      if (move.to === 'retrying' || move.to === 'pending') this.#dispatcher.backlog.add(name, Date.now());
    }
  }

  /** The names of the best due jobs, as they are proposed. */
  async proposals(count: number): Promise<string[]> {
    await this.#scan();
    const { backlog } = this.#dispatcher;
    backlog.ripen(Date.now());
    const names = backlog.take(count);
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
    };
    this.runners.set(slot, { slot, bench, fuse, running: undefined });
  }

  /** A runner reaches for a job; `running` when its handler has begun. */
  async claim(slot: string, name: string): Promise<Settlement['to'] | 'running'> {
    const runner = this.#runner(slot);
    const began = nextAttempt();
    const ended = runAttempt(runner.bench, name).then((ran): RanAttempt | Promise<RanAttempt> => ('ended' in ran ? ran.ended : ran));
    const first = await Promise.race([began, ended]);
    if ('to' in first) {
      this.#noteSettled(first);
      return first.to;
    }
    runner.running = { name, attempting: first, ended };
    return 'running';
  }

  /** The handler ends, and the runner settles it. */
  async end(slot: string, how: (attempting: Attempting, bench: Bench) => void): Promise<Settlement['to'] | 'died'> {
    const runner = this.#runner(slot);
    const { attempting, ended } = runner.running as NonNullable<Runner['running']>;
    runner.running = undefined;
    how(attempting, runner.bench);
    try {
      const settlement = await ended;
      await runner.bench.ledger.commit();
      this.#noteSettled(settlement);
      return settlement.to;
    } catch (error) {
      if (error instanceof Died) return 'died';
      throw error;
    }
  }

  /** Its process is dead: a holder with another start time is no longer there. */
  kill(slot: string): void {
    this.#hold(slot, 'runner', false);
  }

  async close(): Promise<void> {
    for (const { bench, running } of this.runners.values()) {
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
      if (backlog.nameOf(idOf(name)) !== name) backlog.add(name, Date.now());
    });
  }

  // As the dispatcher does with its runners' reports.
  #noteSettled({ name, to, next }: Settlement): void {
    const { backlog } = this.#dispatcher;
    const waits = fs.existsSync(`${this.spool.pending}/${name}`) || fs.existsSync(`${this.spool.retrying}/${name}`);
    if (to === 'early' || (to === 'missing' && waits)) return backlog.add(name, Date.now());
    backlog.remove(name);
    if ((to === 'retrying' || to === 'pending') && next) backlog.add(next, Date.now());
  }

  #makeDispatcher(): Dispatcher {
    const { spool, allowlist } = this;
    const log = this.#log;
    const backlog = new Backlog();
    const liveness = new Liveness(spool, 30_000);
    return {
      backlog,
      acceptor: new Acceptor(spool, allowlist, backlog, log),
      canceller: new Canceller(spool, backlog, log, { slot: () => OWN, lookAgain: () => undefined }),
      rescuer: new Rescuer({ spool, own: OWN, allowlist, policy: POLICY, log, liveness, onReleased: () => undefined }),
    };
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
