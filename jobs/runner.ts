/**
 * The runner: a detached process that claims proposed jobs and runs them, one attempt at a time, or several at once of a method that is
 * shared. It settles its jobs itself, so it needs no dispatcher to finish: when its dispatcher dies, it ends what it runs and exits.
 */
import { Worker } from 'node:worker_threads';
import { BatchTexts } from '../spool/claim-part.ts';
import { Ledger } from '../spool/ledger.ts';
import { platform } from '../spool/platform.ts';
import { spoolAt } from '../spool/spool.ts';
import { Board } from './board.ts';
import { CancelRequests } from './cancel-requests.ts';
import { capturePrints } from './capture.ts';
import { answerCulprit } from './culprit.ts';
import { offspringOf } from './desk.ts';
import { EventLog } from './event-log.ts';
import { loadAllowlist } from './load-allowlist.ts';
import type { FromRunner, FromWatchdog, RunnerSettings, Settlement, ToRunner, ToWatchdog } from './messages.ts';
import { Places } from './places.ts';
import { type BegunAttempt, type Bench, type RanAttempt, runAttempt } from './run-attempt.ts';
import { runChunk } from './run-chunk.ts';
import { sibling } from './sibling.ts';
import { WarmCommands } from './warm-commands.ts';
import { type RunningAttempt, whose } from './whose.ts';

/** A process is replaced after so many jobs, but not more often than once in the time below: leaks grow with both. */
const MAX_JOBS = 1_000;
// Each at another age: runners that began together would all be away at once.
const MIN_AGE_MS = 60_000 * (1 + Math.random() / 2);
const MAX_MEMORY_BYTES = 512 * 1_048_576;
/** Reports to the dispatcher are grouped, up to so many settled jobs or so long. */
const REPORT_EVERY = 32;
const REPORT_AFTER_MS = 10;
/** How much memory it takes is asked not more often than this. */
const WEIGHED_EVERY_MS = 100;
/** Of as many as run at once in a shared runner. */
const ENOUGH_IN_HAND = 1 / 4;

const settings = JSON.parse(process.env.JOBSPOOL_RUNNER ?? '{}') as RunnerSettings;
// Handlers and their children have no business with it.
delete process.env.JOBSPOOL_RUNNER;

const spool = spoolAt(settings.dir, { durability: settings.durability });
let lines = '';
const queue: { name: string; lines: number }[] = [];
const texts = new BatchTexts();
/** Jobs of a chunk that completed since the last report. */
let completed = 0;
let settled: Settlement[] = [];
let busyMs = 0;
let retiring: string | undefined;
let reporting: NodeJS.Timeout | undefined;
let running: string | undefined;
let reportedAt = 0;
let working = false;
let isLeaving = false;
let weighedAt = Number.NEGATIVE_INFINITY;
/** What of a chunk has not begun is to be given back. */
let isTakenBack = false;
let reportingSoon: NodeJS.Immediate | undefined;

const board = new Board();
const watchdog = new Worker(sibling('watchdog', import.meta.url), {
  workerData: { settings, memory: board.memory },
  stdout: false,
  stderr: false,
});
const slotReady = new Promise<string>((resolve, reject) => {
  watchdog.once('error', reject);
  watchdog.once('message', (message: FromWatchdog) => (message.kind === 'leased' ? resolve(message.slot) : undefined));
});
const [slot, allowlist] = await Promise.all([slotReady, loadAllowlist(settings.allowlist)]);
const output = spool.output(slot);
// The dispatcher made the file under a name of its own; the slot is known only now.
spool.disk.rename(settings.output, output);
settings.output = output;
process.env.JOBSPOOL_SLOT = slot;

const log = new EventLog(spool, { level: settings.logLevel, onLines: noteLines });
const bench: Bench = {
  spool,
  settings,
  slot,
  allowlist,
  ledger: new Ledger(spool, slot),
  board,
  log,
  cancelRequests: new CancelRequests(spool),
  outputFd: spool.disk.openAppend(output),
  attempts: 0,
  unread: new Set(),
  current: undefined,
  company: undefined,
  chunk: undefined,
  places: new Places(({ number, board: { memory } }) =>
    watchdog.postMessage({ kind: 'watch', place: number, memory } satisfies ToWatchdog),
  ),
  keeping: 0,
  mustEndOffspring: false,
  warm: new WarmCommands({ folder: allowlist.folder, log, killGraceMs: settings.killGraceMs }),
};

watchdog.on('error', (error) => giveUp('its watchdog failed', error));
watchdog.on('message', (message: FromWatchdog) => {
  if (message.kind === 'lost') giveUp(`its lease was lost: ${message.message}`);
  if (message.kind === 'retire') retire(message.reason);
  if (message.kind === 'gave-back') say({ kind: 'took', name: message.name, rest: message.name });
  if (message.kind === 'stop') stop(message);
});
process.on('message', (message: ToRunner) => {
  if (message.kind === 'take-back') {
    queue.length = 0;
    isTakenBack = true;
    // Answered also when there is nothing to say: who is not heard of is proposed nothing more.
    report({ anyway: true });
  }
  if (message.kind === 'finish') retire('told to finish');
  if (message.kind === 'propose' && !retiring) {
    queue.push(...message.names.map((name) => ({ name, lines: message.lines })));
    work().catch((error) => giveUp('an attempt could not be recorded', error));
  }
});
process.on('disconnect', () => retire('its dispatcher is gone'));
// The watchdog's own TERM is meant for the children in our group.
process.on('SIGTERM', () => {
  if (board.wasTermAnnounced()) return;
  retire('told to stop');
  for (const attempt of runningNow()) attempt.stop('shutdown');
});
process.on('SIGINT', () => retire('interrupted'));
process.on('uncaughtException', breakWith);

capturePrints();
answerCulprit(() => whose()?.place);
say({ kind: 'ready', slot });
if (!process.connected) retire('its dispatcher is gone');

async function work(): Promise<void> {
  if (working) return;
  working = true;
  for (let proposed = next(); proposed !== undefined; proposed = next()) {
    const { name, lines } = proposed;
    running = name;
    const began = performance.now();
    const ran = name.endsWith('.ndjson') ? await runPart(name, lines) : await runAttempt(bench, name);
    running = undefined;
    if ('ended' in ran) {
      void noteWhenEnded(ran, began);
      continue;
    }
    await note(ran, performance.now() - began);
    if (settled.length >= REPORT_EVERY) report();
  }
  if (!bench.company && isSpent()) retire('recycled');
  working = false;
  if (bench.company) return reportSoon();
  report();
  if (retiring) await leave();
}

async function runPart(name: string, lines: number): ReturnType<typeof runAttempt> {
  isTakenBack = false;
  const ran = await runChunk(bench, name, lines, texts, {
    onTook(own, rest) {
      running = own;
      say({ kind: 'took', name, own, ...(rest === undefined ? {} : { rest }) });
    },
    async onRan({ retire: reason, ...settlement }) {
      // What completed is only counted: it is known by the part that has it.
      if (settlement.to === 'completed') completed += 1;
      else settled.push(settlement);
      if (reason) retire(reason);
    },
    mustStop: () => isTakenBack || retiring !== undefined,
  });
  if ('ended' in ran || ran.to !== 'over') return ran;
  const jobs = completed;
  completed = 0;
  return { ...ran, jobs };
}

function next(): { name: string; lines: number } | undefined {
  const { company, keeping } = bench;
  const isFull = company !== undefined && (company.attempts.size >= company.concurrency || keeping > 0);
  return isFull ? undefined : queue.shift();
}

async function note({ retire: reason, ...settlement }: RanAttempt, tookMs: number): Promise<void> {
  busyMs += tookMs;
  settled.push(settlement);
  if (reason) retire(reason);
  // Not awaited: the next job runs while the last ones are synced. A ledger that fails ends the runner; a rescue follows.
  const committing = bench.ledger.commit().catch((error) => giveUp('the ledger could not be written', error));
  if (bench.ledger.isFull) await committing;
}

// Of a job that shares this process: the next that waits for its place begins at once.
async function noteWhenEnded({ ended }: BegunAttempt, began: number): Promise<void> {
  try {
    await note(await ended, performance.now() - began);
    if (isSpent()) retire('recycled');
    await work();
  } catch (error) {
    giveUp('an attempt could not be recorded', error);
  }
}

const runningNow = (): RunningAttempt[] => [...(bench.current ? [bench.current] : []), ...(bench.company?.attempts.values() ?? [])];

function stop({ reason, place, sequence }: FromWatchdog & { kind: 'stop' }): void {
  const [shared, neighbour] = [...(bench.company?.attempts ?? [])].find(([{ number }]) => number === place) ?? [];
  const [posted, attempt] = place === 0 ? [board, bench.current] : [shared?.board, neighbour];
  if (sequence !== posted?.sequence) return;
  posted.hear(sequence);
  attempt?.stop(reason);
}

// The error of a job that shares this process is its own; where nobody can tell whose it is, all of them may be broken.
function breakWith(error: unknown): void {
  const attempt = whose();
  if (attempt?.isOver) {
    bench.log.error(`runner ${slot}: the job ${attempt.id} left something behind that failed after its end`, { err: error });
    return retire('what a job left behind failed');
  }
  const broken = attempt ? [attempt] : runningNow();
  if (broken.length === 0) giveUp('an error outside any job', error);
  for (const one of broken) one.breakWith(error);
}

function isSpent(): boolean {
  const now = performance.now();
  if (bench.attempts >= MAX_JOBS && now >= MIN_AGE_MS) return true;
  if (now - weighedAt < WEIGHED_EVERY_MS) return false;
  weighedAt = now;
  return process.memoryUsage.rss() > MAX_MEMORY_BYTES;
}

/** Takes no more proposals; the process ends with what it runs. */
function retire(reason: string): void {
  if (retiring) return;
  retiring = reason;
  queue.length = 0;
  say({ kind: 'retiring', reason });
  if (!working && !bench.company) void leave();
}

async function leave(): Promise<void> {
  if (isLeaving) return;
  isLeaving = true;
  await bench.warm.end();
  if (bench.mustEndOffspring) await offspringOf(bench).end(settings.killGraceMs);
  await bench.ledger.commit();
  report();
  const released = new Promise<void>((resolve) => {
    watchdog.on('message', (message: FromWatchdog) => (message.kind === 'released' ? resolve() : undefined));
  });
  watchdog.postMessage({ kind: 'release' } satisfies ToWatchdog);
  await released;
  process.exit(0);
}

// The slot stays as it is: whoever proves this process dead rescues what is in it.
function giveUp(reason: string, error?: unknown): void {
  bench.log.error(`runner ${slot} gives up: ${reason}`, error === undefined ? {} : { err: error });
  report();
  // What a job of ours started would go on beside its next attempt.
  offspringOf(bench).kill();
  if (!platform.signalTree(process.pid, 'SIGKILL')) process.exit(1);
}

function report({ anyway = false } = {}): void {
  bench.log.flush();
  clearTimeout(reporting);
  reporting = undefined;
  reportedAt = performance.now();
  if (settled.length === 0 && lines === '' && !anyway) return;
  const busyWith = running ?? bench.company?.attempts.values().next().value?.name;
  say({ kind: 'report', settled, busyMs, lines, ...(busyWith === undefined ? {} : { running: busyWith }) });
  settled = [];
  busyMs = 0;
  lines = '';
}

// Jobs that share the process often end together: one report of all that end in this turn of the event loop. While enough others are in
// hand to take their places, the report waits for more of them.
function reportSoon(): void {
  const inHand = queue.length / (bench.company?.concurrency ?? 1);
  if (inHand >= ENOUGH_IN_HAND && settled.length < REPORT_EVERY) {
    reporting ??= setTimeout(report, REPORT_AFTER_MS);
    return;
  }
  reportingSoon ??= setImmediate(() => {
    reportingSoon = undefined;
    report();
  });
}

function noteLines(added: string): void {
  lines += added;
  // After a pause at once: the job that begins now may block the event loop, and no timer would fire.
  if (performance.now() - reportedAt >= REPORT_AFTER_MS) return report();
  reporting ??= setTimeout(report, REPORT_AFTER_MS);
}

function say(message: FromRunner): void {
  // A dispatcher that is gone reads in the spool what it missed.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
