/**
 * What an attempt occupies of its runner: the whole of it, or, of a method that is shared, a place beside its neighbours. Here is all
 * that differs between the two.
 */
import { marksOfSlot, Offspring } from '../spool/offspring.ts';
import { platform } from '../spool/platform.ts';
import type { Board } from './board.ts';
import { beginCapture, endCapture, takeOutput } from './capture.ts';
import type { Sharing } from './load-allowlist.ts';
import type { Place } from './places.ts';
import { type ProgressWriter, progressWriter, SharedProgress } from './progress.ts';
import type { Bench } from './run-attempt.ts';
import { type RunningAttempt, runAs } from './whose.ts';

export type Desk = {
  readonly board: Board;
  /** Its number; 0 where the attempt has the runner to itself. */
  readonly place: number;
  /** The attempt begins. */
  sit(attempt: RunningAttempt): ProgressWriter;
  /** Runs the handler. */
  within<T>(attempt: RunningAttempt, run: () => T): T;
  /** The attempt was stopped: ends what it started and left behind. */
  endStragglers(): Promise<void>;
  /** The attempt is over, and is settled next. */
  rise(attempt: RunningAttempt): void;
  /** It is settled. */
  leave(): void;
};

/** The jobs of one method that share a runner just now. */
export type Company = Sharing & { attempts: Map<Place, RunningAttempt>; progress: SharedProgress };

/** The desk of a job that has the runner to itself. */
export function ownDesk(bench: Bench): Desk {
  const { spool, slot, board, settings, outputFd } = bench;
  return {
    board,
    place: 0,
    sit(attempt) {
      bench.current = attempt;
      beginCapture(attempt.log);
      return progressWriter(spool, slot);
    },
    within: (_, run) => run(),
    endStragglers: () => offspringOf(bench).end(settings.killGraceMs),
    rise(attempt) {
      endCapture(spool, attempt.log, settings.output, outputFd);
      bench.current = undefined;
    },
    leave: () => undefined,
  };
}

/** A place beside the neighbours, or the first of them. */
export function sharedDesk(bench: Bench, sharing: Sharing, place: Place): Desk {
  const { spool, slot } = bench;
  bench.company ??= { ...sharing, attempts: new Map(), progress: new SharedProgress(spool, slot) };
  const company = bench.company;
  return {
    board: place.board,
    place: place.number,
    sit(attempt) {
      company.attempts.set(place, attempt);
      return company.progress.of(attempt.id);
    },
    within: runAs,
    // Whose child a process is cannot be told while others run here: it ends with the runner, which takes no other job.
    async endStragglers() {
      bench.mustEndOffspring ||= !platform.findsStragglers || offspringOf(bench).count() > 0;
    },
    rise(attempt) {
      attempt.isOver = true;
      attempt.log.close();
    },
    leave() {
      bench.places.giveBack(place);
      company.attempts.delete(place);
      if (company.attempts.size === 0) breakUp(bench);
    },
  };
}

// What was printed past the logs (by children, say) while several jobs ran here is nobody's: the next job must not find it in its log.
function breakUp(bench: Bench): void {
  bench.company = undefined;
  const output = takeOutput(bench.spool, bench.settings.output, bench.outputFd).toString('utf8');
  if (output === '') return;
  const text = `${bench.slot}: something was printed past the logs of the jobs that shared this runner; whose it was cannot be told`;
  bench.log.warn(text, { output: output.slice(-MAX_STRAYS) });
}

const MAX_STRAYS = 4_096;

/** Whatever was started in this runner's process and is still there. */
export const offspringOf = ({ spool, slot }: Bench): Offspring =>
  new Offspring({ leader: process.pid, environment: marksOfSlot(spool.root, slot) });
