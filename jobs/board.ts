/**
 * What a runner's main thread and its watchdog thread both see of the attempt that runs: shared memory, so that it costs no message
 * per job, and so that exactly one of the two settles the attempt, even while the other is blocked.
 */
import type { Policy } from '../spool/policy.ts';

/** `idle` → `running` → `finished` by the main thread, or `running` → `taken` by the watchdog, which then settles and kills. */
const PHASE = { idle: 0, running: 1, finished: 2, taken: 3 } as const;

/** What the watchdog must know to settle an attempt. Times in milliseconds since the epoch. */
export type Posted = { name: string; startedAt: number; writtenAt: number; policy: Policy };

const INTS = { phase: 0, sequence: 1, heard: 2, nameLength: 3 } as const;
const NUMBERS = { startedAt: 0, writtenAt: 1, retries: 2, retryDelayMs: 3, exponential: 4, maxDelayMs: 5, timeoutMs: 6 } as const;
const NUMBERS_AT = 16;
const NAME_AT = NUMBERS_AT + 8 * 7;
const NAME_BYTES = 256;

export class Board {
  readonly memory: SharedArrayBuffer;
  readonly #ints: Int32Array;
  readonly #numbers: Float64Array;
  readonly #name: Uint8Array;

  constructor(memory = new SharedArrayBuffer(NAME_AT + NAME_BYTES)) {
    this.memory = memory;
    this.#ints = new Int32Array(memory, 0, 4);
    this.#numbers = new Float64Array(memory, NUMBERS_AT, 7);
    this.#name = new Uint8Array(memory, NAME_AT, NAME_BYTES);
  }

  /** Main thread: an attempt begins. */
  post({ name, startedAt, writtenAt, policy }: Posted): void {
    const { written } = encoder.encodeInto(name, this.#name);
    this.#ints[INTS.nameLength] = written;
    this.#numbers[NUMBERS.startedAt] = startedAt;
    this.#numbers[NUMBERS.writtenAt] = writtenAt;
    this.#numbers[NUMBERS.retries] = policy.retries;
    this.#numbers[NUMBERS.retryDelayMs] = policy.retryDelayMs;
    this.#numbers[NUMBERS.exponential] = policy.backoff === 'exponential' ? 1 : 0;
    this.#numbers[NUMBERS.maxDelayMs] = policy.maxDelayMs;
    this.#numbers[NUMBERS.timeoutMs] = policy.timeoutMs;
    Atomics.add(this.#ints, INTS.sequence, 1);
    Atomics.store(this.#ints, INTS.phase, PHASE.running);
  }

  /** Main thread: the attempt ended and this thread settles it. False when the watchdog was first. */
  finish(): boolean {
    return Atomics.compareExchange(this.#ints, INTS.phase, PHASE.running, PHASE.finished) === PHASE.running;
  }

  /** Watchdog: this thread settles the attempt and ends the process. False when the main thread was first. */
  take(): boolean {
    return Atomics.compareExchange(this.#ints, INTS.phase, PHASE.running, PHASE.taken) === PHASE.running;
  }

  get isRunning(): boolean {
    return Atomics.load(this.#ints, INTS.phase) === PHASE.running;
  }

  /** Counts attempts: a request to stop names the attempt it means. */
  get sequence(): number {
    return Atomics.load(this.#ints, INTS.sequence);
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
