import type { EventLog } from '../jobs/event-log.ts';
import { addLastWords } from '../jobs/job-log.ts';
import type { Allowlist } from '../jobs/load-allowlist.ts';
import { logMove } from '../jobs/log-move.ts';
import { type BatchName, isPartName, parseBatchName } from '../spool/batch-name.ts';
import { messageOf } from '../spool/errors.ts';
import { parseJobName } from '../spool/filename.ts';
import { attemptNumber, type End } from '../spool/job.ts';
import { slots } from '../spool/lease.ts';
import type { Life, Liveness } from '../spool/liveness.ts';
import { clearCancel, isCancelRequested } from '../spool/marker.ts';
import { marksOfSlot, Offspring } from '../spool/offspring.ts';
import type { Policy } from '../spool/policy.ts';
import { type Rescued, type RescueOptions, rescue, settleTaken } from '../spool/rescue.ts';
import type { FinishedMove } from '../spool/settle.ts';
import type { Spool } from '../spool/spool.ts';

/** What a rescue needs to know of the service. */
export type RescuerOptions = {
  spool: Spool;
  /** The dispatcher's own slot: what it takes over is settled there. */
  own: string;
  allowlist: Allowlist;
  policy: Policy;
  log: EventLog;
  liveness: Liveness;
  /** A part of a batch waits again. */
  onReleased(name: string): void;
};

/** Takes over the slots of dead runners and dispatchers, and settles the jobs they left. */
export class Rescuer {
  readonly #options: RescuerOptions;
  /** What was in the way of rescuing a slot when it was tried last: it is said once. */
  readonly #troubles = new Map<string, string>();

  constructor(options: RescuerOptions) {
    this.#options = options;
  }

  /** Rescues every slot whose holder is proven dead. `isOurs`: slots of our own runners, whose end we learn otherwise. */
  rescueDead(clock: number, isOurs: (slot: string) => boolean): Rescued[] {
    const { spool, own, liveness } = this.#options;
    const interrupted = this.#finishRescue();
    const all = slots(spool);
    liveness.keepOnly(all);
    const rescued = all
      .filter((slot) => slot !== own && !isOurs(slot))
      .flatMap((slot) => {
        const life = liveness.of(slot, clock);
        return life === 'alive' ? [] : this.rescueSlot(slot, endOfLife(slot, life));
      });
    return [...interrupted, ...rescued];
  }

  /** Settles what a dead holder left: its attempts ended with `end`. */
  rescueSlot(slot: string, end: End): Rescued[] {
    const { spool, own } = this.#options;
    const interrupted = this.#finishRescue();
    // There is room for one at a time: while that one cannot be settled, the next waits.
    if (spool.disk.exists(spool.slot(own))) return interrupted;
    const rescued = this.#safely(slot, () => {
      // What it started must not run beside the next attempt.
      new Offspring({ environment: marksOfSlot(spool.root, slot) }).kill();
      const lastWords = spool.disk.readBytes(spool.output(slot), 0, MAX_LAST_WORDS);
      return rescue(spool, slot, own, this.#rescueOptions(end, lastWords));
    });
    return [...interrupted, ...rescued];
  }

  // A rescue of ours threw (a full disk) after it had taken a slot over: whose it was is forgotten, the jobs are not.
  #finishRescue(): Rescued[] {
    const { spool, own } = this.#options;
    if (!spool.disk.exists(spool.slot(own))) return [];
    const end: End = { kind: 'crashed', error: { name: 'RunnerCrashed', message: 'its runner is dead' } };
    return this.#safely(own, () => settleTaken(spool, own, own, this.#rescueOptions(end, Buffer.alloc(0))));
  }

  #rescueOptions(end: End, lastWords: Buffer): RescueOptions {
    const { spool, allowlist, policy } = this.#options;
    const isAsked = (id: string) => isCancelRequested(spool, id);
    return {
      now: Date.now(),
      random: Math.random,
      // Whoever is dead has stopped: what was to be cancelled is not run again.
      endOf: (job, batch) => (isAsked(job.id) || (batch !== undefined && isAsked(batch)) ? { kind: 'cancelled' } : end),
      policyOf: (request) => allowlist.policyOf(request, policy),
      onEnd: (job) => addLastWords(spool, job.id, attemptNumber(job), lastWords),
      onReleased: (name) => this.#noteReleased(name),
      onFinished: ({ name, folder }) => (isPartName(name) ? this.#noteReleased(name) : this.#logFinished(name, folder)),
    };
  }

  // What cannot be settled now (a full disk) is tried again at the next scan, and keeps nobody else from being rescued.
  #safely(runner: string, act: () => Rescued[]): Rescued[] {
    const { log } = this.#options;
    try {
      const rescued = act();
      this.#troubles.delete(runner);
      const finishedAt = Date.now();
      for (const { job, end, move, startedAt } of rescued) {
        logMove(log, job, end, move, { startedAt, finishedAt, runner });
        if (move.to === 'cancelled') clearCancel(this.#options.spool, job.id);
      }
      return rescued;
    } catch (error) {
      const trouble = messageOf(error);
      if (this.#troubles.get(runner) !== trouble)
        log.error(`rescue the slot ${runner}: ${trouble}; the next scan tries again`, { err: error });
      this.#troubles.set(runner, trouble);
      return [];
    }
  }

  #noteReleased(name: string): void {
    const { id, from, to } = parseBatchName(name) as BatchName;
    const jobs = to - from + 1;
    this.#options.log.event('released', { id, jobs }, `released, ${jobs} ${jobs === 1 ? 'job' : 'jobs'} of a batch that had not begun`);
    this.#options.onReleased(name);
  }

  #logFinished(name: string, folder: FinishedMove['folder']): void {
    const event = folder === 'pending' ? 'snoozed' : folder;
    this.#options.log.event(event, { id: parseJobName(name)?.id }, `${folder}: its runner had recorded that before it died`);
  }
}

/** The end of the attempts of a runner whose process ended with this code or signal. */
export function endOfExit(slot: string, { code, signal }: { code: number | null; signal: NodeJS.Signals | null }): End {
  const how = signal ? `was killed by ${signal}` : `exited with code ${code} in the middle of the job`;
  return { kind: 'crashed', error: { name: 'RunnerCrashed', message: `its runner ${slot} ${how}` } };
}

const MAX_LAST_WORDS = 1_048_576;

function endOfLife(slot: string, life: Exclude<Life, 'alive'>): End {
  return life === 'dead'
    ? { kind: 'crashed', error: { name: 'RunnerCrashed', message: `its runner ${slot} is dead` } }
    : {
        kind: 'lost',
        error: { name: 'RunnerLost', message: `the host of its runner ${slot} has been silent for longer than the stale time` },
      };
}
