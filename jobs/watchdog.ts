/**
 * The watchdog thread of a runner. It holds the slot's lease, sees cancel markers and timeouts, and, when the handler does not
 * stop, settles the attempt and kills the whole process group; all of it also while the handler blocks the main thread,
 * and when the dispatcher has died.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { parseMemberId } from '../spool/batch-name.ts';
import { acquireSlot, type Lease } from '../spool/lease.ts';
import { clearCancel, isCancelRequested } from '../spool/marker.ts';
import { marksOfSlot, Offspring } from '../spool/offspring.ts';
import { giveBack, heldIn } from '../spool/part.ts';
import { platform } from '../spool/platform.ts';
import { spoolAt } from '../spool/spool.ts';
import { Board, postedId, sharedClock } from './board.ts';
import { capFile } from './job-log.ts';
import type { FromWatchdog, RunnerSettings, ToWatchdog } from './messages.ts';
import { CompanyWatch } from './watch-company.ts';

export type WatchdogData = { settings: RunnerSettings; memory: SharedArrayBuffer };

/** How often the watchdog looks. A cancelled or late job is noticed within this time. */
const TICK_MS = 100;
/** A main thread that has not heard the request to stop after this time is blocked: TERM comes at once. */
const DEAF_MS = 1_000;

type Stop = { sequence: number; reason: 'cancelled' | 'timed-out'; since: number; termed: boolean; offspring: Offspring };

const { settings, memory } = workerData as WatchdogData;
const spool = spoolAt(settings.dir, { durability: settings.durability });
const board = new Board(memory);
let stop: Stop | undefined;
/** The attempt that ran at the last tick. */
let seen = 0;

const lease: Lease = await acquireSlot(spool, {
  kind: 'runner',
  dispatcher: settings.dispatcher,
  staleMs: settings.staleMs,
  onLost: (error) => say({ kind: 'lost', message: error.message }),
});
say({ kind: 'leased', slot: lease.slot });

const company = new CompanyWatch({ spool, settings, slot: lease.slot, main: board, deafMs: DEAF_MS, say });
let ticking = setInterval(tick, TICK_MS);
parentPort?.on('message', async (message: ToWatchdog) => {
  if (message.kind === 'watch') {
    company.add(message.place, message.memory);
    return goOn();
  }
  clearInterval(ticking);
  await lease.release();
  say({ kind: 'released' });
});

function tick(): void {
  company.tick();
  if (!board.isRunning && !company.isRunning) return void rest();
  capOutput();
  if (!board.isRunning) return;
  const { sequence } = board;
  if (seen === sequence && board.chunkEnd > 0) giveNeighboursBack(sequence);
  seen = sequence;
  if (stop?.sequence !== sequence) stop = reasonToStop(sequence);
  if (stop) insist(stop);
}

// Ten looks a second in each runner would be most of what an idle service costs. Jobs that share the runner have boards of their own.
async function rest(): Promise<void> {
  if (company.hasPlaces) return;
  clearInterval(ticking);
  await board.whenPosted();
  goOn();
}

function goOn(): void {
  clearInterval(ticking);
  ticking = setInterval(tick, TICK_MS);
}

// A disk that cannot be written on, or no descriptor left: the output grows, and the watch goes on.
function capOutput(): void {
  try {
    capFile(spool, spool.output(lease.slot));
  } catch {
    // The next tick tries again.
  }
}

// A job takes long, and others of its batch are in the same hand: another runner is to have them.
function giveNeighboursBack(sequence: number): void {
  try {
    board.whileRunning(sequence, () => {
      const { name } = board.read();
      const held = heldIn(spool, lease.slot, name, postedId(name));
      if (!held?.part || held.line >= held.part.to) return;
      const given = giveBack(spool, lease.slot, held.part, held.line + 1);
      board.chunkEnd = held.line;
      if (given) say({ kind: 'gave-back', name: given.rest });
    });
  } catch {
    // The disk cannot take it just now: the next tick tries again.
  }
}

function reasonToStop(sequence: number): Stop | undefined {
  const { name, startedClock, policy } = board.read();
  const isLate = sharedClock() - startedClock >= policy.timeoutMs;
  const reason = isCancelAsked(postedId(name)) ? 'cancelled' : isLate ? 'timed-out' : undefined;
  if (!reason || board.sequence !== sequence) return undefined;
  board.askToStop(sequence, reason);
  say({ kind: 'stop', reason, place: 0, sequence });
  const offspring = new Offspring({ leader: process.pid, environment: marksOfSlot(spool.root, lease.slot) });
  return { sequence, reason, since: performance.now(), termed: false, offspring };
}

// Of a job in a part of a batch, the batch's own marker counts too. Only of such: another job's id may look the same.
function isCancelAsked(id: string): boolean {
  const batch = board.chunkEnd > 0 ? parseMemberId(id)?.id : undefined;
  return isCancelRequested(spool, id) || (batch !== undefined && isCancelRequested(spool, batch));
}

// The AbortSignal first, then TERM to the group, then KILL. The main thread does not react to this TERM: children do.
function insist(request: Stop): void {
  const waited = performance.now() - request.since;
  const patience = board.heard(request.sequence) ? settings.killGraceMs : Math.min(DEAF_MS, settings.killGraceMs);
  if (!request.termed && waited >= patience) {
    request.termed = true;
    request.since = performance.now();
    board.whileRunning(request.sequence, () => term(request.offspring));
  } else if (request.termed && waited >= settings.killGraceMs) void kill(request);
}

function term(offspring: Offspring): void {
  board.announceTerm();
  platform.signalTree(process.pid, 'SIGTERM');
  offspring.signal('SIGTERM');
}

// Whatever goes wrong on the way, the process ends: what could not be written down, a rescue counts as crashed.
async function kill({ reason, sequence, offspring }: Stop): Promise<void> {
  if (!board.take(sequence)) return;
  clearInterval(ticking);
  try {
    const { lastLog, settleKilled } = await import('./settle-killed.ts');
    const posted = board.read();
    const isSettled = settleKilled(spool, lease.slot, posted, reason, lastLog(spool, settings, lease.slot));
    // Otherwise the marker is still to be obeyed: by who rescues the slot, or by who finds the job elsewhere.
    if (isSettled && reason === 'cancelled') clearCancel(spool, postedId(posted.name));
    offspring.kill();
  } finally {
    platform.signalTree(process.pid, 'SIGKILL');
  }
}

function say(message: FromWatchdog): void {
  parentPort?.postMessage(message);
}
