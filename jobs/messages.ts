/** What a dispatcher and its runners say to each other over IPC, as JSON. */
import type { Move } from '../spool/decide.ts';
import type { Policy } from '../spool/policy.ts';

/** To a runner. */
export type ToRunner =
  /** Names that it may claim, best first; of a part of a batch, so many lines. No promise: another runner may be first. */
  | { kind: 'propose'; names: string[]; lines: number }
  /** Forget the proposals whose jobs have not begun. */
  | { kind: 'take-back' }
  /** Finish what runs, give the slot back, exit. */
  | { kind: 'finish' };

/** How a proposed job went: where it is now, and under which name where that changed. */
export type Settlement = {
  name: string;
  /** `over`: of a part of a batch, which had `jobs` that ran; `next` is what of it waits again. */
  to: Move['to'] | 'missing' | 'early' | 'unread' | 'over';
  next?: string;
  jobs?: number;
};

/** From a runner. `lines`: of its log, as NDJSON. */
export type FromRunner =
  | { kind: 'ready'; slot: string }
  /** `running`: the job that it is busy with now, or one of those that share it. `busyMs`: how long the attempts in it took together. */
  | { kind: 'report'; settled: Settlement[]; running?: string; busyMs: number; lines: string }
  /** Of the part `name` it has `own` in hand, a part or a single job of it; `rest` waits again. */
  | { kind: 'took'; name: string; own?: string; rest?: string }
  /** It takes no more proposals and exits when it is done. */
  | { kind: 'retiring'; reason: string };

/** To a runner's main thread from its watchdog. */
export type FromWatchdog =
  | { kind: 'leased'; slot: string }
  /** `place`: the board of the attempt that must stop; 0 is that of a job that has the runner to itself. */
  | { kind: 'stop'; reason: 'cancelled' | 'timed-out'; place: number; sequence: number }
  /** The job that runs takes long: what was to follow it in its part waits again, under this name. */
  | { kind: 'gave-back'; name: string }
  /** Take nothing new: the process will have to be killed, or may be. */
  | { kind: 'retire'; reason: string }
  | { kind: 'lost'; message: string }
  | { kind: 'released' };

/** To the watchdog from the main thread. */
export type ToWatchdog =
  | { kind: 'release' }
  /** Watch this board too: that of a job which shares the runner with others. Places count from 1. */
  | { kind: 'watch'; place: number; memory: SharedArrayBuffer };

/** What a runner is started with. It comes in `JOBSPOOL_RUNNER`, as JSON. */
export type RunnerSettings = {
  dir: string;
  durability: 'full' | 'none';
  allowlist: string;
  dispatcher: string;
  staleMs: number;
  killGraceMs: number;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Where the process's own standard output and error go. */
  output: string;
  policy: Policy;
};
