import { setImmediate as yieldToOthers } from 'node:timers/promises';
import type { EventLog } from '../jobs/event-log.ts';
import type { Allowlist } from '../jobs/load-allowlist.ts';
import { jobFields } from '../jobs/log-move.ts';
import { type Accepted, Intake } from '../spool/accept.ts';
import { lineIn } from '../spool/batch-place.ts';
import { messageOf } from '../spool/errors.ts';
import { cancelRequests, clearCancel } from '../spool/marker.ts';
import { isLiveOnDisk } from '../spool/query.ts';
import type { Spool } from '../spool/spool.ts';
import type { Backlog } from './backlog.ts';
import { RunningJobs, runningJobs } from './running-jobs.ts';

/** So many files are accepted before due jobs are proposed and other work gets a turn. */
const CHUNK = 16;
/** Or for so long: files differ in what they take. */
const CHUNK_MS = 3;
/** Large files, of which one may take as long as a thousand others, get so much of each look, after all others. */
const LARGE_MS = 1_000;

/** Empties `incoming/`: what may run goes to the backlog, what may not is refused, and both are logged. */
export class Acceptor {
  readonly #spool: Spool;
  readonly #backlog: Backlog;
  readonly #log: EventLog;
  readonly #intake: Intake;
  /** Files that could not be dealt with: each is logged once. */
  readonly #troubled = new Set<string>();
  /** What was running when this pass began; those that began since are in the backlog still. */
  #running = new RunningJobs();
  /** Ids whose cancellation was asked for when this pass began. */
  #markers = new Set<string>();

  constructor(spool: Spool, allowlist: Allowlist, backlog: Backlog, log: EventLog) {
    this.#spool = spool;
    this.#backlog = backlog;
    this.#log = log;
    this.#intake = new Intake(spool, {
      refusal: (request, submission) => {
        const checked = allowlist.check(request, submission);
        return checked.ok ? undefined : checked.reason;
      },
      isLive: (id) => this.#isLive(id),
    });
  }

  /** Whether nothing is left that could become a job. */
  get isDone(): boolean {
    return this.#intake.unfinished === 0 && this.#intake.names().length === 0;
  }

  /** Accepts what is there, best first; `onChunk` is called between portions of it, and says whether to go on. */
  async accept(onChunk: () => boolean): Promise<void> {
    const names = this.#intake.names();
    if (names.length === 0) return;
    this.#running = runningJobs(this.#spool);
    this.#markers = new Set(cancelRequests(this.#spool));
    const now = Date.now();
    const large: string[] = [];
    if (!(await this.#acceptAll(names, onChunk, (name) => void (this.#acceptOne(name, now, false) === 'large' && large.push(name)))))
      return;
    const until = performance.now() + LARGE_MS;
    await this.#acceptAll(
      large,
      () => performance.now() < until && onChunk(),
      (name) => void this.#acceptOne(name, now, true),
    );
  }

  /** Accepts one after the other in portions; false when it was told not to go on. */
  async #acceptAll(names: string[], onChunk: () => boolean, accept: (name: string) => void): Promise<boolean> {
    let [count, began] = [0, performance.now()];
    for (const name of names) {
      if (count === CHUNK || (count > 0 && performance.now() - began > CHUNK_MS)) {
        this.#log.flush();
        await yieldToOthers();
        // After the others' turn: one of them may have told this dispatcher to stop, and then another accepts.
        if (!onChunk()) return false;
        [count, began] = [0, performance.now()];
      }
      accept(name);
      count += 1;
    }
    // Before any of them is proposed: what runs has been accepted, in the log too.
    this.#log.flush();
    return true;
  }

  // One file that cannot be dealt with must not keep those behind it from being accepted.
  #acceptOne(name: string, now: number, takesLarge: boolean): Accepted['kind'] | undefined {
    try {
      const arrivedAt = this.#markers.size > 0 ? this.#spool.disk.facts(`${this.#spool.incoming}/${name}`)?.ctimeMs : undefined;
      const accepted = this.#intake.accept(name, now, performance.now(), takesLarge);
      this.#note(accepted, now);
      if (arrivedAt !== undefined) for (const id of this.#markersFor(accepted)) this.#dropOldMarker(id, arrivedAt);
      this.#troubled.delete(name);
      return accepted.kind;
    } catch (error) {
      if (!this.#troubled.has(name)) this.#log.error(`accept ${name}: ${messageOf(error)}; it is tried again later`, { err: error });
      this.#troubled.add(name);
      return undefined;
    }
  }

  #markersFor(accepted: Accepted): string[] {
    if (accepted.kind === 'accepted') return [accepted.job.id];
    if (accepted.kind !== 'accepted-batch') return [];
    const { batch } = accepted;
    return [...this.#markers].filter((id) => id === batch.id || lineIn(batch, id) !== undefined);
  }

  // A marker that was there before the request came was meant for an earlier job of that id, or for none. Both times are of the
  // file system's own clock: a rename sets the one, a touch the other.
  #dropOldMarker(id: string, arrivedAt: number): void {
    const marker = this.#markers.has(id) ? this.#spool.disk.facts(this.#spool.cancelMarker(id)) : undefined;
    if (!marker || marker.ctimeMs >= arrivedAt) return;
    clearCancel(this.#spool, id);
    const reason = 'it was asked for before this job was submitted';
    this.#log.event('not-cancelled', { id, reason }, `cancel ${id}: ${reason}; nothing was changed`);
  }

  #note(accepted: Accepted, now: number): void {
    if (accepted.kind === 'accepted-batch') this.#noteBatch(accepted, now);
    else if (accepted.kind === 'accepted') {
      const { job, from } = accepted;
      this.#backlog.add(job.name, now);
      const { due, words } = dueAt(job.runAt, now);
      const fields = { ...jobFields(job), submittedBy: job.request.submittedBy, priority: job.priority, ...due, file: from };
      this.#log.holding(() => this.#log.event('accepted', fields, `accepted${words}`));
    } else if (accepted.kind === 'rejected') {
      const { name, id, reason, request, submittedBy } = accepted;
      const fields = { id, class: request?.class, method: request?.method, submittedBy, file: name, reason };
      this.#log.event('rejected', fields, `rejected: ${reason}`);
    }
  }

  #noteBatch({ name, batch, first, from, submittedBy }: Accepted & { kind: 'accepted-batch' }, now: number): void {
    this.#backlog.add(name, now);
    const { id, priority } = batch;
    const jobs = batch.to - batch.from + 1;
    const { due, words } = dueAt(batch.runAt, now);
    const fields = { id, class: first?.class, method: first?.method, submittedBy, priority, ...due, jobs, file: from };
    this.#log.event('accepted', fields, `accepted, a batch of ${jobs} ${jobs === 1 ? 'job' : 'jobs'}${words}`);
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

// What the log says of a run-at that is still to come.
function dueAt(runAt: number, now: number): { due: { runAt?: string }; words: string } {
  if (runAt <= now) return { due: {}, words: '' };
  const time = new Date(runAt).toISOString();
  return { due: { runAt: time }, words: `, to run at ${time}` };
}
