/**
 * The watchdog's eye on jobs that share a runner. One of them that does not stop when it is told to takes the process down: what has been
 * told to stop by then is settled so, and its neighbours are released, which spends none of their attempts.
 */
import { parseJobName } from '../spool/filename.ts';
import { clearCancel, isCancelRequested } from '../spool/marker.ts';
import { marksOfSlot, Offspring } from '../spool/offspring.ts';
import { platform } from '../spool/platform.ts';
import type { Spool } from '../spool/spool.ts';
import { Board, sharedClock } from './board.ts';
import type { FromWatchdog, RunnerSettings } from './messages.ts';

/** What the watch needs of its thread. `main`: the runner's first board. `deafMs`: after so long, who has not heard is blocked. */
export type CompanyWatchOptions = {
  spool: Spool;
  settings: RunnerSettings;
  slot: string;
  main: Board;
  deafMs: number;
  say(message: FromWatchdog): void;
};

type Reason = 'cancelled' | 'timed-out';
type Stop = { sequence: number; reason: Reason; since: number };
type Watched = { place: number; board: Board; stop: Stop | undefined };

/** A kill waits so long for jobs that are just being claimed or settled. */
const SETTLING_MS = 1_000;
const LOOK_EVERY_MS = 5;

export class CompanyWatch {
  readonly #options: CompanyWatchOptions;
  readonly #watched: Watched[] = [];
  #isKilling = false;
  #retires = false;

  constructor(options: CompanyWatchOptions) {
    this.#options = options;
  }

  add(place: number, memory: SharedArrayBuffer): void {
    this.#watched.push({ place, board: new Board(memory), stop: undefined });
  }

  get isRunning(): boolean {
    return this.#watched.some(({ board }) => board.isRunning);
  }

  /** One look at all of them. */
  tick(): void {
    if (this.#isKilling) return;
    const running = this.#watched.filter(({ board }) => board.isRunning);
    if (running.length === 0) return;
    // One look into a folder that is nearly always empty, not one at each job's marker.
    const asked = new Set(this.#options.spool.disk.names(this.#options.spool.cancel));
    for (const watched of running) this.#look(watched, asked);
    const longest = Math.max(...running.map((watched) => this.#overdueMs(watched)));
    // First no new neighbours; and those that are there may end meanwhile.
    if (longest >= 0) this.#retire();
    if (longest >= this.#options.settings.killGraceMs) void this.#kill();
  }

  #look(watched: Watched, asked: ReadonlySet<string>): void {
    const { place, board } = watched;
    const { sequence } = board;
    if (watched.stop?.sequence === sequence) return;
    const { name, startedClock, policy } = board.read();
    const id = idOf(name);
    const isLate = sharedClock() - startedClock >= policy.timeoutMs;
    const reason = asked.has(id) && isCancelRequested(this.#options.spool, id) ? 'cancelled' : isLate ? 'timed-out' : undefined;
    // What was read may be of two attempts, if one ended meanwhile.
    watched.stop = undefined;
    if (!reason || board.sequence !== sequence) return;
    watched.stop = { sequence, reason, since: performance.now() };
    board.askToStop(sequence, reason);
    this.#options.say({ kind: 'stop', reason, place, sequence });
  }

  // For how long it should have stopped: the AbortSignal's grace is over, or nobody hears of it. Minus infinity where it was not told to.
  #overdueMs({ board, stop }: Watched): number {
    if (stop?.sequence !== board.sequence) return Number.NEGATIVE_INFINITY;
    const { settings, deafMs } = this.#options;
    const patience = board.heard(stop.sequence) ? settings.killGraceMs : Math.min(deafMs, settings.killGraceMs);
    return performance.now() - stop.since - patience;
  }

  #retire(): void {
    if (this.#retires) return;
    this.#retires = true;
    this.#options.say({ kind: 'retire', reason: 'a job that shares it does not stop' });
  }

  // Whatever goes wrong on the way, the process ends: what could not be written down, a rescue counts as crashed.
  async #kill(): Promise<void> {
    this.#isKilling = true;
    const { spool, settings, slot, main } = this.#options;
    main.setClosing(true);
    const guilty = this.#take((watched) => this.#overdueMs(watched) >= settings.killGraceMs);
    if (guilty.length === 0) {
      // They have stopped in this very moment.
      main.setClosing(false);
      this.#isKilling = false;
      return;
    }
    try {
      const { lastLog } = await import('./settle-killed.ts');
      const log = lastLog(spool, settings, slot);
      const others = this.#take((watched) => this.#overdueMs(watched) > Number.NEGATIVE_INFINITY);
      for (const one of [...guilty, ...others]) await this.#settle(one, (one.stop as Stop).reason, log);
      const deadline = performance.now() + SETTLING_MS;
      do {
        for (const one of this.#take(() => true)) await this.#settle(one, 'released', log);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      } while (performance.now() < deadline && this.#watched.some(({ board }) => board.isBusy || board.isRunning));
      new Offspring({ leader: process.pid, environment: marksOfSlot(spool.root, slot) }).kill();
    } finally {
      platform.signalTree(process.pid, 'SIGKILL');
    }
  }

  #take(which: (watched: Watched) => boolean): Watched[] {
    return this.#watched.filter((watched) => watched.board.isRunning && which(watched) && watched.board.take(watched.board.sequence));
  }

  async #settle({ board }: Watched, reason: Reason | 'released', log: import('./event-log.ts').EventLog): Promise<void> {
    const { spool, slot } = this.#options;
    const { settleKilled } = await import('./settle-killed.ts');
    const posted = board.read();
    const isSettled = settleKilled(spool, slot, posted, reason, log);
    // Otherwise the marker is still to be obeyed: by who rescues the slot, or by who finds the job elsewhere.
    if (isSettled && reason === 'cancelled') clearCancel(spool, idOf(posted.name));
  }
}

const idOf = (name: string): string => parseJobName(name)?.id ?? '';
