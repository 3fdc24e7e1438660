import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { EventLog } from '../jobs/event-log.ts';
import type { Allowlist } from '../jobs/load-allowlist.ts';
import { jobFields } from '../jobs/log-move.ts';
import { type Accepted, Intake } from '../spool/accept.ts';
import { messageOf } from '../spool/errors.ts';
import { parseJobName } from '../spool/filename.ts';
import { claimedNames } from '../spool/lease.ts';
import { isLiveOnDisk } from '../spool/query.ts';
import type { Spool } from '../spool/spool.ts';
import type { Backlog } from './backlog.ts';

/** So many files are accepted before due jobs are proposed and other work gets a turn. */
const CHUNK = 200;

/** Empties `incoming/`: what may run goes to the backlog, what may not is refused, and both are logged. */
export class Acceptor {
  readonly #spool: Spool;
  readonly #backlog: Backlog;
  readonly #log: EventLog;
  readonly #intake: Intake;
  /** Files that could not be dealt with: each is logged once. */
  readonly #troubled = new Set<string>();
  /** Ids that were running when this pass began; those that began since are in the backlog still. */
  #running = new Set<string>();

  constructor(spool: Spool, allowlist: Allowlist, backlog: Backlog, log: EventLog) {
    this.#spool = spool;
    this.#backlog = backlog;
    this.#log = log;
    this.#intake = new Intake(spool, {
      refusal: (request) => {
        const checked = allowlist.check(request);
        return checked.ok ? undefined : checked.reason;
      },
      isLive: (id) => this.#isLive(id),
    });
  }

  /** Whether nothing is left that could become a job. */
  get isDone(): boolean {
    return this.#intake.unfinished === 0 && this.#intake.names().length === 0;
  }

  /** Accepts what is there, best first; `onChunk` is called between portions of it. */
  async accept(onChunk: () => void): Promise<void> {
    const names = this.#intake.names();
    if (names.length === 0) return;
    this.#running = runningIds(this.#spool);
    const now = Date.now();
    for (const [index, name] of names.entries()) {
      if (index > 0 && index % CHUNK === 0) {
        onChunk();
        await yieldToOthers();
      }
      this.#acceptOne(name, now);
    }
  }

  // One file that cannot be dealt with must not keep those behind it from being accepted.
  #acceptOne(name: string, now: number): void {
    try {
      this.#note(this.#intake.accept(name, now, performance.now()), now);
      this.#troubled.delete(name);
    } catch (error) {
      if (!this.#troubled.has(name)) this.#log.error(`accept ${name}: ${messageOf(error)}; it is tried again at each look`, { err: error });
      this.#troubled.add(name);
    }
  }

  #note(accepted: Accepted, now: number): void {
    if (accepted.kind === 'accepted') {
      const { job, from } = accepted;
      this.#backlog.add(job.name, now);
      const runAt = job.runAt > now ? { runAt: new Date(job.runAt).toISOString() } : {};
      const words = 'runAt' in runAt ? `accepted, to run at ${runAt.runAt}` : 'accepted';
      this.#log.event('accepted', { ...jobFields(job), priority: job.priority, ...runAt, file: from }, words);
    } else if (accepted.kind === 'rejected') {
      const { name, id, reason, request } = accepted;
      this.#log.event('rejected', { id, class: request?.class, method: request?.method, file: name, reason }, `rejected: ${reason}`);
    }
  }

  // What memory takes for live may have been removed by hand: for a suspect, the disk decides.
  #isLive(id: string): boolean {
    if (this.#running.has(id)) return true;
    const name = this.#backlog.nameOf(id);
    if (name === undefined) return false;
    // By id, not by name: a runner may have renamed the job to its next run-at and not yet said so.
    if (isLiveOnDisk(this.#spool, id)) return true;
    this.#backlog.remove(name);
    return false;
  }
}

/** The ids of the jobs in the slots, of all runners on all hosts. */
export function runningIds(spool: Spool): Set<string> {
  return new Set(claimedNames(spool).flatMap((name) => parseJobName(name)?.id ?? []));
}
