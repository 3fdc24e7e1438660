/** What is measured, and against what: the one interface behind which every contender is. */

/** What a job is told to do. */
export type Job = { number: number; workMs: number; fails: boolean; payload: string };

/** When and how often a job runs. `at`: milliseconds since the epoch. */
export type JobOptions = { at?: number | undefined; retries: number };

/** What a producer is told to submit: jobs of the numbers from `first`. */
export type Order = {
  first: number;
  count: number;
  workMs: number;
  failEvery: number;
  payloadBytes: number;
  /** One by one with so many of them in flight, in batches of a size, or one after the other with these gaps in milliseconds, which repeat. */
  how: { kind: 'one-by-one'; inFlight: number } | { kind: 'batches'; size: number } | { kind: 'spaced'; gapsMs: readonly number[] };
  at?: number | undefined;
};

/** What it says afterwards; times of the monotonic clock. `submittedAt` only of spaced ones, each just before the call. */
export type Produced = { startedAt: number; endedAt: number; submittedAt: number[] };

/** Where a contender lives for one measurement, and how it is to be set up. */
export type Stage = {
  /** An empty folder on the measured disk: the spool, or the server's data. */
  folder: string;
  /** Where handlers note what ran. */
  tally: string;
  /** How many jobs at once, where a scenario asks for a number; undefined: what suits the contender best. */
  concurrency?: number | undefined;
  /** False: only producers are measured. */
  workers: boolean;
};

/** A contender that is up: its server, its workers, a producer. All of its processes are children of the benchmark. */
export type Session = {
  /** The processes whose descendants are all of it. */
  pids(): number[];
  produce(order: Order): Promise<Produced>;
  /** Nothing is run from now on, but jobs are taken in. */
  hold(): Promise<void>;
  /** Resolves when all that was produced while it was held has been taken in; undefined where that is so when it is acknowledged. */
  taken?(): Promise<void>;
  /** Lets a backlog go. */
  release(): Promise<void>;
  /** How many jobs are not over yet, by its own books. */
  left(): Promise<number>;
  close(): Promise<void>;
};

/** What survives: a crash of any process, or a power cut too. */
export type Durability = 'process' | 'power';

export type Contender = {
  name: string;
  family: 'jobspool' | 'uwsgi' | 'bullmq' | 'bullmq-sandboxed' | 'bee-queue' | 'pg-boss' | 'graphile-worker' | 'process-per-job';
  /** One line: its settings. */
  settings: string;
  durability: Durability;
  /** What part of a scenario's jobs it gets: slow ones get fewer. Default 1. */
  share?: number;
  /** Scenarios, or groups of them, that it has no way to take part in or that say nothing of it. */
  cannot?: readonly string[];
  /** The only scenarios that it takes part in. */
  only?: readonly string[];
  /** What is missing to run it and how to install that; undefined: nothing. */
  missing(): string | undefined;
  /** Its version, or those of its parts. */
  version(): string;
  open(stage: Stage): Promise<Session>;
};

/** A loop of file operations without any queue: the physical floor. */
export type Floor = Pick<Contender, 'name' | 'settings'> & {
  family: 'floor';
  scenarios: readonly string[];
  /** Runs it in a process of its own; operations a second. */
  run(folder: string, jobs: number, payloadBytes: number): Promise<number>;
};
