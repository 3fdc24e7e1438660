/**
 * What a runner's main thread and its watchdog thread both see of the attempt that runs: shared memory, so that it costs no message
 * per job, and so that exactly one of the two settles the attempt, even while the other is blocked.
 */
import { parseJobName } from '../spool/filename.ts';
import type { Policy } from '../spool/policy.ts';

/**
 * `idle` → `running` → `finished` by the main thread, or `running` → `taken` by the watchdog, which then settles and kills. In a shared runner
 * `finished` also stands for a job that is being claimed, and turns `idle` when the job is settled: a kill waits so long for it.
 */
const PHASE = { idle: 0, running: 1, finished: 2, taken: 3 } as const;
// One integer holds the number of the attempt and its phase, so that a step meant for one attempt never hits the next.
const stateOf = (sequence: number, phase: number): number => (sequence << 2) | phase;

/** What the watchdog must know to settle an attempt. Times in milliseconds since the epoch; `startedClock` on the machine's monotonic clock. */
export type Posted = { name: string; startedAt: number; startedClock: number; writtenAt: number; policy: Policy };

/** The monotonic clock that all threads of a process share, in milliseconds. */
export const sharedClock = (): number => Number(process.hrtime.bigint() / 1_000n) / 1_000;

/** The id in a posted name; empty where none was posted, or where what was read is of two attempts and no name at all. */
export const postedId = (name: string): string => parseJobName(name)?.id ?? '';

const INTS = { state: 0, heard: 1, nameLength: 2, ownTerms: 3, asked: 4, reason: 5, signalling: 6, closing: 7, chunkEnd: 8 } as const;
const REASONS = ['cancelled', 'timed-out'] as const;
const NUMBERS = {
  startedAt: 0,
  writtenAt: 1,
  retries: 2,
  retryDelayMs: 3,
  exponential: 4,
  maxDelayMs: 5,
  timeoutMs: 6,
  startedClock: 7,
} as const;
const NUMBERS_AT = 40;
const NAME_AT = NUMBERS_AT + 8 * 8;
const NAME_BYTES = 256;
/** A watchdog that sends signals for longer than this has died on the way. */
const WAIT_MS = 1_000;
const MAX_WAITS = 5;

export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #name: Uint8Array;

  constructor(memory = new SharedArrayBuffer(NAME_AT + NAME_BYTES)) {
    this.memory = memory;
    this.#ints = new Int32Array(memory, 0, 9);
    this.#numbers = new Float64Array(memory, NUMBERS_AT, 8);
    this.#name = new Uint8Array(memory, NAME_AT, NAME_BYTES);
  }

  /** Main thread: an attempt begins. */
  post({ name, startedAt, startedClock, writtenAt, policy }: Posted): void {
    const { written } = encoder.encodeInto(name, this.#name);
    this.#ints[INTS.nameLength] = written;
    this.#numbers[NUMBERS.startedAt] = startedAt;
    this.#numbers[NUMBERS.startedClock] = startedClock;
    this.#numbers[NUMBERS.writtenAt] = writtenAt;
    this.#numbers[NUMBERS.retries] = policy.retries;
    this.#numbers[NUMBERS.retryDelayMs] = policy.retryDelayMs;
    this.#numbers[NUMBERS.exponential] = policy.backoff === 'exponential' ? 1 : 0;
    this.#numbers[NUMBERS.maxDelayMs] = policy.maxDelayMs;
    this.#numbers[NUMBERS.timeoutMs] = policy.timeoutMs;
    Atomics.store(this.#ints, INTS.state, stateOf(this.sequence + 1, PHASE.running));
    Atomics.notify(this.#ints, INTS.state);
  }

  /** Watchdog: resolves when an attempt begins, at once when one runs. Nothing is done meanwhile, and nothing looked at. */
  async whenPosted(): Promise<void> {
    for (;;) {
      const state = Atomics.load(this.#ints, INTS.state);
      if ((state & 3) === PHASE.running) return;
      await Atomics.waitAsync(this.#ints, INTS.state, state).value;
    }
  }

  /** Main thread: the attempt ended and this thread settles it. False when the watchdog was first. */
  finish(): boolean {
    const isOurs = this.#step(this.sequence, PHASE.finished);
    // Signals that are being sent for this attempt must not reach what the next one starts.
    for (let waits = 0; waits < MAX_WAITS && Atomics.load(this.#ints, INTS.signalling) === 1; waits++)
      Atomics.wait(this.#ints, INTS.signalling, 1, WAIT_MS);
    return isOurs;
  }

  /** Main thread of a shared runner: a job is about to be claimed. */
  reserve(): void {
    Atomics.store(this.#ints, INTS.state, stateOf(this.sequence, PHASE.finished));
  }

  /** Main thread of a shared runner: the job is settled, or was not claimed. */
  rest(): void {
    Atomics.store(this.#ints, INTS.state, stateOf(this.sequence, PHASE.idle));
  }

  /** Whether a job is just being claimed or settled. */
  get isBusy(): boolean {
    return (Atomics.load(this.#ints, INTS.state) & 3) === PHASE.finished;
  }

  /** Watchdog, on the runner's first board: from now on nothing is claimed, for the process is about to be killed. Or it is not after all. */
  setClosing(isClosing: boolean): void {
    Atomics.store(this.#ints, INTS.closing, isClosing ? 1 : 0);
  }

  /** The last line of the part of a batch to which the attempt belongs; 0 where it belongs to none. The watchdog changes it only while the attempt runs. */
  get chunkEnd(): number {
    return Atomics.load(this.#ints, INTS.chunkEnd);
  }

  set chunkEnd(line: number) {
    Atomics.store(this.#ints, INTS.chunkEnd, line);
  }

  get isClosing(): boolean {
    return Atomics.load(this.#ints, INTS.closing) === 1;
  }

  /** Watchdog: does something that only this attempt's processes may feel. Not done when it is over; it is not over before it is done. */
  whileRunning(sequence: number, act: () => void): void {
    Atomics.store(this.#ints, INTS.signalling, 1);
    try {
      if (Atomics.load(this.#ints, INTS.state) === stateOf(sequence, PHASE.running)) act();
    } finally {
      Atomics.store(this.#ints, INTS.signalling, 0);
      Atomics.notify(this.#ints, INTS.signalling);
    }
  }

  /** Watchdog: this attempt must stop. A main thread that is blocked finds it here when it is not any more. */
  askToStop(sequence: number, reason: (typeof REASONS)[number]): void {
    this.#ints[INTS.reason] = REASONS.indexOf(reason);
    Atomics.store(this.#ints, INTS.asked, sequence);
  }

  /** Main thread: why the attempt that runs was asked to stop, if it was. */
  get askedToStop(): (typeof REASONS)[number] | undefined {
    return Atomics.load(this.#ints, INTS.asked) === this.sequence ? REASONS[this.#ints[INTS.reason] ?? 0] : undefined;
  }

  /** Watchdog: this thread settles that attempt and ends the process. False when the main thread was first. */
  take(sequence: number): boolean {
    return this.#step(sequence, PHASE.taken);
  }

  #step(sequence: number, phase: number): boolean {
    const running = stateOf(sequence, PHASE.running);
    return Atomics.compareExchange(this.#ints, INTS.state, running, stateOf(sequence, phase)) === running;
  }

  get isRunning(): boolean {
    return (Atomics.load(this.#ints, INTS.state) & 3) === PHASE.running;
  }

  /** Counts attempts: a request to stop names the attempt it means. */
  get sequence(): number {
    return Atomics.load(this.#ints, INTS.state) >>> 2;
  }

  /** Watchdog: the TERM that this process is about to get is our own, meant for its children. */
  announceTerm(): void {
    Atomics.add(this.#ints, INTS.ownTerms, 1);
  }

  /** Main thread: whether the TERM that arrived was announced. Several may arrive as one. */
  wasTermAnnounced(): boolean {
    return Atomics.exchange(this.#ints, INTS.ownTerms, 0) > 0;
  }

  /** Main thread: the request to stop this attempt was heard, so the event loop is not blocked. */
  hear(sequence: number): void {
    Atomics.store(this.#ints, INTS.heard, sequence);
  }

  heard(sequence: number): boolean {
    return Atomics.load(this.#ints, INTS.heard) === sequence;
  }

  /** Watchdog: what was posted last. */
  read(): Posted {
    const number = (at: number) => this.#numbers[at] as number;
    return {
      // Decoders do not take shared memory: copied first.
      name: decoder.decode(this.#name.slice(0, this.#ints[INTS.nameLength])),
      startedAt: number(NUMBERS.startedAt),
      startedClock: number(NUMBERS.startedClock),
      writtenAt: number(NUMBERS.writtenAt),
      policy: {
        retries: number(NUMBERS.retries),
        retryDelayMs: number(NUMBERS.retryDelayMs),
        backoff: number(NUMBERS.exponential) === 1 ? 'exponential' : 'fixed',
        maxDelayMs: number(NUMBERS.maxDelayMs),
        timeoutMs: number(NUMBERS.timeoutMs),
      },
    };
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
