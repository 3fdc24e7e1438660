/**
 * The watchdog's eye on jobs that share a runner. One of them that does not stop when it is told to takes the process down: it is settled so,
 * and so are those that were told to stop; its neighbours are released, which spends none of their attempts.
 */
import { clearCancel, isCancelRequested } from '../spool/marker.ts';
import { marksOfSlot, Offspring } from '../spool/offspring.ts';
import { platform } from '../spool/platform.ts';
import type { Spool } from '../spool/spool.ts';
import { Board, postedId, sharedClock } from './board.ts';
import { findCulprit } from './culprit.ts';
import type { FromWatchdog, RunnerSettings } from './messages.ts';
import type { KilledBecause } from './settle-killed.ts';

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
  #isLooking = false;
  #culprit: { watched: Watched; sequence: number } | undefined;

  constructor(options: CompanyWatchOptions) {
    this.#options = options;
  }

  add(place: number, memory: SharedArrayBuffer): void {
    this.#watched.push({ place, board: new Board(memory), stop: undefined });
  }

  /** Whether jobs have shared this runner, or may begin to at any moment. */
  get hasPlaces(): boolean {
    return this.#watched.length > 0;
  }

  get isRunning(): boolean {
    return this.#watched.some(({ board }) => board.isRunning);
  }

  /** One look at all of them. */
  tick(): void {
    if (this.#isKilling) return;
    const running = this.#watched.filter(({ board }) => board.isRunning);
    if (running.length === 0) return;
    const mayBeAsked = this.#cancelMarkers();
    for (const watched of running) this.#look(watched, mayBeAsked);
    const longest = Math.max(...running.map((watched) => this.#overdueMs(watched)));
    // First no new neighbours; and those that are there may end meanwhile.
    if (longest >= 0) this.#retire();
    if (running.some((one) => this.#overdueMs(one) >= 0 && !one.board.heard(one.board.sequence))) void this.#lookForCulprit();
    if (longest >= this.#options.settings.killGraceMs) void this.#kill();
  }

  // One look into a folder that is nearly always empty, not one at each job's marker; where it cannot be read just now (a job uses up all
  // descriptors), each marker is looked for.
  #cancelMarkers(): (id: string) => boolean {
    const { spool } = this.#options;
    try {
      const asked = new Set(spool.disk.names(spool.cancel));
      return (id) => asked.has(id);
    } catch {
      return () => true;
    }
  }

  #look(watched: Watched, mayBeAsked: (id: string) => boolean): void {
    const { place, board } = watched;
    const { sequence } = board;
    if (watched.stop?.sequence === sequence) return;
    const { name, startedClock, policy } = board.read();
    const id = postedId(name);
    const isLate = sharedClock() - startedClock >= policy.timeoutMs;
    const reason = mayBeAsked(id) && isCancelRequested(this.#options.spool, id) ? 'cancelled' : isLate ? 'timed-out' : undefined;
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

  // Of all that are late in a blocked process, one is to blame.
  async #lookForCulprit(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const place = await findCulprit().catch(() => undefined);
    const watched = this.#watched.find((one) => one.place === place);
    if (watched) this.#culprit = { watched, sequence: watched.board.sequence };
  }

  // Whatever goes wrong on the way, the process ends: what could not be written down, a rescue counts as crashed.
  async #kill(): Promise<void> {
    this.#isKilling = true;
    const { spool, settings, slot, main } = this.#options;
    main.setClosing(true);
    const due = this.#take((watched) => this.#overdueMs(watched) >= settings.killGraceMs);
    if (due.length === 0) {
      // They have stopped in this very moment.
      main.setClosing(false);
      this.#isKilling = false;
      return;
    }
    try {
      const { lastLog, settleKilled } = await import('./settle-killed.ts');
      const log = lastLog(spool, settings, slot);
      const culprit = this.#culpritOf(due);
      const settle = (watched: Watched) => {
        const posted = watched.board.read();
        const isSettled = settleKilled(spool, slot, posted, becauseOf(watched, culprit), log);
        // Otherwise the marker is still to be obeyed: by who rescues the slot, or by who finds the job elsewhere.
        if (isSettled && isTold(watched) === 'cancelled') clearCancel(spool, postedId(posted.name));
      };
      due.forEach(settle);
      const deadline = performance.now() + SETTLING_MS;
      do {
        this.#take(() => true).forEach(settle);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      } while (performance.now() < deadline && this.#watched.some(({ board }) => board.isBusy || board.isRunning));
      new Offspring({ leader: process.pid, environment: marksOfSlot(spool.root, slot) }).kill();
    } finally {
      platform.signalTree(process.pid, 'SIGKILL');
    }
  }

  // Who has heard and does not stop is to blame himself.
  #culpritOf(due: Watched[]): Watched | undefined {
    const { watched, sequence } = this.#culprit ?? {};
    const isBlocked = due.every(({ board }) => !board.heard(board.sequence));
    return isBlocked && watched?.board.sequence === sequence ? watched : undefined;
  }

  #take(which: (watched: Watched) => boolean): Watched[] {
    return this.#watched.filter((watched) => watched.board.isRunning && which(watched) && watched.board.take(watched.board.sequence));
  }
}

const isTold = ({ board, stop }: Watched): Reason | undefined => (stop?.sequence === board.sequence ? stop.reason : undefined);

// Who is late only because another blocked the process is not to blame for it.
function becauseOf(watched: Watched, culprit: Watched | undefined): KilledBecause {
  const told = isTold(watched);
  if (told === 'cancelled') return told;
  if (culprit === undefined) return told ?? 'released';
  return watched === culprit ? (told ?? 'blocking') : 'released';
}
