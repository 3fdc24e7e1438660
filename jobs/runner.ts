/**
 * The runner: a detached process that claims proposed jobs and runs them, one attempt at a time. It settles its jobs
 * itself, so it needs no dispatcher to finish: when its dispatcher dies, it ends what it runs and exits.
 */
import { Worker } from 'node:worker_threads';
import { Ledger } from '../spool/ledger.ts';
import { marksOfSlot, Offspring } from '../spool/offspring.ts';
import { platform } from '../spool/platform.ts';
import { spoolAt } from '../spool/spool.ts';
import { Board } from './board.ts';
import { capturePrints } from './capture.ts';
import { EventLog } from './event-log.ts';
import { loadAllowlist } from './load-allowlist.ts';
import type { FromRunner, FromWatchdog, RunnerSettings, Settlement, ToRunner, ToWatchdog } from './messages.ts';
import { type Bench, runAttempt } from './run-attempt.ts';
import { sibling } from './sibling.ts';

/** A process is replaced after so many jobs, but not more often than once in the time below: leaks grow with both. */
const MAX_JOBS = 1_000;
// Each at another age: runners that began together would all be away at once.
const MIN_AGE_MS = 60_000 * (1 + Math.random() / 2);
const MAX_MEMORY_BYTES = 512 * 1_048_576;
/** Reports to the dispatcher are grouped, up to so many settled jobs or so long. */
const REPORT_EVERY = 16;
const REPORT_AFTER_MS = 10;

const settings = JSON.parse(process.env.JOBSPOOL_RUNNER ?? '{}') as RunnerSettings;
// Handlers and their children have no business with it.
delete process.env.JOBSPOOL_RUNNER;

const spool = spoolAt(settings.dir, { durability: settings.durability });
const queue: string[] = [];
let lines: string[] = [];
let settled: Settlement[] = [];
let busyMs = 0;
let retiring: string | undefined;
let reporting: NodeJS.Timeout | undefined;
let running: string | undefined;
let reportedAt = 0;
let working = false;

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

const bench: Bench = {
  spool,
  settings,
  slot,
  allowlist,
  ledger: new Ledger(spool, slot),
  board,
  log: new EventLog(spool, { level: settings.logLevel, onLine: noteLine }),
  outputFd: spool.disk.openAppend(output),
  attempts: 0,
  unread: new Set(),
  current: undefined,
};

watchdog.on('error', (error) => giveUp('its watchdog failed', error));
watchdog.on('message', (message: FromWatchdog) => {
  if (message.kind === 'lost') giveUp(`its lease was lost: ${message.message}`);
  if (message.kind !== 'stop' || message.sequence !== board.sequence) return;
  board.hear(message.sequence);
  bench.current?.stop(message.reason);
});
process.on('message', (message: ToRunner) => {
  if (message.kind === 'take-back') {
    queue.length = 0;
    // Answered also when there is nothing to say: who is not heard of is proposed nothing more.
    report({ anyway: true });
  }
  if (message.kind === 'finish') retire('told to finish');
  if (message.kind === 'propose' && !retiring) {
    queue.push(...message.names);
    work().catch((error) => giveUp('an attempt could not be recorded', error));
  }
});
process.on('disconnect', () => retire('its dispatcher is gone'));
// The watchdog's own TERM is meant for the children in our group.
process.on('SIGTERM', () => {
  if (board.wasTermAnnounced()) return;
  retire('told to stop');
  bench.current?.stop('shutdown');
});
process.on('SIGINT', () => retire('interrupted'));
process.on('uncaughtException', (error) => {
  if (bench.current) return bench.current.breakWith(error);
  giveUp('an error outside any job', error);
});

capturePrints();
say({ kind: 'ready', slot });
if (!process.connected) retire('its dispatcher is gone');

async function work(): Promise<void> {
  if (working) return;
  working = true;
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    running = name;
    const began = performance.now();
    const { retire: reason, ...settlement } = await runAttempt(bench, name);
    busyMs += performance.now() - began;
    running = undefined;
    settled.push(settlement);
    if (reason) retire(reason);
    // Not awaited: the next job runs while the last ones are synced. A ledger that fails ends the runner; a rescue follows.
    const committing = bench.ledger.commit().catch((error) => giveUp('the ledger could not be written', error));
    if (bench.ledger.isFull) await committing;
    if (settled.length >= REPORT_EVERY) report();
  }
  if (isSpent()) retire('recycled');
  working = false;
  report();
  if (retiring) await leave();
}

function isSpent(): boolean {
  return (bench.attempts >= MAX_JOBS && performance.now() >= MIN_AGE_MS) || process.memoryUsage.rss() > MAX_MEMORY_BYTES;
}

/** Takes no more proposals; the process ends with what it runs. */
function retire(reason: string): void {
  if (retiring) return;
  retiring = reason;
  queue.length = 0;
  say({ kind: 'retiring', reason });
  if (!working) void leave();
}

async function leave(): Promise<void> {
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
  new Offspring({ leader: process.pid, environment: marksOfSlot(spool.root, slot) }).kill();
  if (!platform.signalTree(process.pid, 'SIGKILL')) process.exit(1);
}

function report({ anyway = false } = {}): void {
  clearTimeout(reporting);
  reporting = undefined;
  reportedAt = performance.now();
  if (settled.length === 0 && lines.length === 0 && !anyway) return;
  say({ kind: 'report', settled, busyMs, lines, ...(running === undefined ? {} : { running }) });
  settled = [];
  busyMs = 0;
  lines = [];
}

function noteLine(line: string): void {
  lines.push(line);
  // After a pause at once: the job that begins now may block the event loop, and no timer would fire.
  if (performance.now() - reportedAt >= REPORT_AFTER_MS) return report();
  reporting ??= setTimeout(report, REPORT_AFTER_MS);
}

function say(message: FromRunner): void {
  // A dispatcher that is gone reads in the spool what it missed.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
