import { parseMemberId } from './batch-name.ts';
import { Breath } from './breath.ts';
import { type FailureGroup, failureGroups } from './catalog/failure-groups.ts';
import { findIn, type Match } from './catalog/find.ts';
import { handlersOf } from './catalog/handlers.ts';
import { countOf, type Known, versionOf } from './catalog/known.ts';
import { LedgerRows } from './catalog/ledger-rows.ts';
import { oldestPendingMs } from './catalog/oldest-pending.ts';
import { Over } from './catalog/over.ts';
import { type ListPage, type ListQuery, pageOf } from './catalog/page.ts';
import { Running } from './catalog/running.ts';
import { SharedRun } from './catalog/shared-run.ts';
import { type Bucket, throughput } from './catalog/throughput.ts';
import { type Percentiles, timings } from './catalog/timings.ts';
import { Waiting } from './catalog/waiting.ts';
import { type Candidate, Walk } from './catalog/walk.ts';
import { parseJobName } from './filename.ts';
import { type Filter, matches, matchesState } from './filter.ts';
import { idOf, runAtOf } from './order.ts';
import { findCompleted, type JobStatus, locate, type Place, statusAt, statusOfLine } from './query.ts';
import type { Spool } from './spool.ts';
import { STATES, type State } from './state.ts';

export type { Bucket, FailureGroup, ListPage, ListQuery, Match, Percentiles };

export type Counts = Record<State, number>;

export type CatalogOptions = {
  /** Of so many completed jobs, the newest, more is kept than their number; default 500,000 (some 25 MB). */
  maxCompleted?: number;
};

/**
 * What the spool holds, kept in memory so that no question reads the whole of it. It learns from the files alone and follows them by
 * looking: `refresh` reads only what changed. Belongs to one process that shows the spool to people; nothing decides by it. It does nothing
 * while nobody asks.
 */
export class Catalog {
  readonly #known: Known;
  readonly #looking = new SharedRun(() => this.#look());
  readonly #learningFiles: SharedRun;
  readonly #learningLines: SharedRun;
  readonly #comparing: SharedRun;
  /** When the last look began, and how long it took, in monotonic milliseconds. */
  #last = { began: Number.NEGATIVE_INFINITY, tookMs: 0 };
  #isFirst = true;

  constructor(spool: Spool, { maxCompleted = 500_000 }: CatalogOptions = {}) {
    const over = new Over(spool);
    const waiting = new Waiting(spool);
    const ledger = new LedgerRows(spool, maxCompleted);
    this.#known = { spool, running: new Running(spool), waiting, over, ledger };
    this.#learningFiles = new SharedRun(() => over.learn());
    this.#learningLines = new SharedRun(() => ledger.learn());
    this.#comparing = new SharedRun(async () => {
      await over.learnChanges();
      await waiting.forgetChanges();
    });
  }

  /**
   * Brings the catalog up to date. Cheap when nothing changed, and when it was done within the last `maxAgeMs` (default 500) or within
   * a few times what it takes; with 0 it looks in any case: after a change of one's own. A first reading of a large ledger takes longer than one call waits for: see `unread`.
   */
  async refresh(maxAgeMs = 500): Promise<void> {
    if (maxAgeMs <= 0) await this.#looking.runAnew();
    else if (this.#isOlder(maxAgeMs)) await this.#looking.run();
    await within(this.#isFirst ? FIRST_WAIT_MS : WAIT_MS, this.#learn());
    this.#isFirst = false;
    this.#comparing.run().catch(() => {
      // A disk that fails says so at the next look, to whoever asked for it.
    });
  }

  /** Bytes of ledgers and files of finished jobs that are not read yet: until that is 0, lists of what is over are not whole. */
  get unread(): { ledgerBytes: number; files: number } {
    const { over, ledger } = this.#known;
    return { ledgerBytes: ledger.unread, files: over.unread };
  }

  /** The size of the ledger's files, as of the last look. */
  get ledgerBytes(): number {
    return this.#known.ledger.bytes;
  }

  /** A number that changes with every change in a state's jobs. */
  version(state: State): number {
    return versionOf(this.#known, state);
  }

  /** How many jobs are in each state at `now` (milliseconds since the epoch). */
  counts(now: number): Counts {
    return Object.fromEntries(STATES.map((state) => [state, countOf(this.#known, state, now)])) as Counts;
  }

  /** A page of the jobs that pass. Throws SpoolError `INVALID_REQUEST` when `after` is no cursor. `now` in milliseconds since the epoch. */
  list(query: ListQuery, now: number): Promise<ListPage> {
    return pageOf(this.#known, query, now);
  }

  /**
   * Every job that matches and was in its state at `asOf` (milliseconds since the epoch) already: later arrivals are left out. Searches all of them, in portions that
   * leave the process room for other work.
   */
  async *matching(filter: Filter, asOf: number, shown: (job: JobStatus) => JobStatus = unchanged): AsyncGenerator<Match> {
    await this.#looking.runAnew();
    await this.#learn();
    const breath = new Breath();
    for (const candidate of new Walk(this.#known, filter, Date.now()).from()) {
      if (breath.isDue) await breath.take();
      if (!this.#wasThere(candidate, filter, asOf)) continue;
      const job = candidate.read();
      if (job && wasOver(job, asOf) && matches(filter, shown(job))) yield { job, place: candidate.place };
    }
  }

  /** A job and where it is; undefined when no job of that id is known. As `jobStatus`, without reading every folder. `now` in milliseconds since the epoch. */
  async find(id: string, now: number): Promise<Match | undefined> {
    await this.refresh();
    for (let tries = 0, unknown = 0; tries < MAX_TRIES && unknown < UNKNOWN_AFTER; tries++) {
      const found = findIn(this.#known, id, now);
      if (found.kind === 'found') return found.match;
      if (found.kind === 'unknown') unknown += 1;
      // It moved on, or came after the last look.
      await this.refresh(0);
    }
    return this.#findBeyond(id, now);
  }

  /** Failed jobs that ended since `since` (milliseconds since the epoch), in groups, largest first. */
  failures(since: number): FailureGroup[] {
    return failureGroups(this.#known.over.items, since);
  }

  /** What ended in `count` stretches of `stepMs` each, the last of which holds `now`. */
  throughput(now: number, stepMs: number, count: number): Bucket[] {
    return throughput(this.#known.ledger.columns, this.#known.over.items, now, stepMs, count);
  }

  /** How long jobs that completed since `since` waited (from when they were due and accepted to their first start) and how long their last attempts took. */
  timings(since: number): { wait: Percentiles; run: Percentiles } {
    return timings(this.#known.ledger.columns, since);
  }

  /** How long the job that is due longest has been waiting, in milliseconds; undefined when none is due. */
  oldestPendingMs(now: number): number | undefined {
    return oldestPendingMs(this.#known, now);
  }

  /** How many jobs each slot has completed and failed, of those that the catalog knows. */
  doneBySlot(): Map<string, { completed: number; failed: number }> {
    const { over, ledger } = this.#known;
    const done = new Map([...ledger.bySlot()].map(([slot, completed]) => [slot, { completed, failed: 0 }]));
    for (const { folder, fact } of over.items) {
      if (folder !== 'failed' || !fact || fact.runner === '') continue;
      const counts = done.get(fact.runner) ?? { completed: 0, failed: 0 };
      done.set(fact.runner, { ...counts, failed: counts.failed + 1 });
    }
    return done;
  }

  /** Class names and method names of the jobs that it knows, for suggestions. */
  handlers(): { class: string; method: string }[] {
    return handlersOf(this.#known);
  }

  async #look(): Promise<void> {
    const began = performance.now();
    const { waiting, running, over, ledger } = this.#known;
    // In the order in which jobs move: one that moves meanwhile is seen twice rather than not at all.
    await waiting.look();
    running.look();
    waiting.claim(running.claimed);
    await over.look();
    await ledger.look();
    this.#last = { began, tookMs: performance.now() - began };
  }

  #isOlder(maxAgeMs: number): boolean {
    const { began, tookMs } = this.#last;
    return performance.now() - began >= Math.max(maxAgeMs, Math.min(tookMs * PAUSE, MAX_PAUSE_MS));
  }

  /** Reads what the looks have found. */
  async #learn(): Promise<void> {
    const { over, ledger } = this.#known;
    while (over.unread > 0 || ledger.unread > 0) await Promise.all([this.#learningFiles.run(), this.#learningLines.run()]);
  }

  // What is over says when it ended; a file that waits or is run came when its name was made.
  #wasThere({ place, position, finishedAt }: Candidate, filter: Filter, asOf: number): boolean {
    if (finishedAt !== undefined) return finishedAt <= asOf;
    const cameAt = place && cameAtOf(this.#known, place);
    if (cameAt === undefined || cameAt > asOf) return false;
    // What was scheduled then and is due now was not pending.
    return position.section !== 'pending' || matchesState(filter, 'scheduled') || wasDue(place?.name ?? '', asOf);
  }

  #findBeyond(id: string, now: number): Match | undefined {
    const { spool, ledger } = this.#known;
    // The file of a batch that is being run has another name each time one looks.
    const place = parseMemberId(id) && locate(spool, id, now);
    const job = place && statusAt(spool, place, now);
    if (job) return { job, place };
    const line = ledger.beyond > 0 || ledger.unread > 0 ? findCompleted(spool, id) : undefined;
    return line && { job: statusOfLine(line), place: undefined };
  }
}

function cameAtOf({ spool, waiting }: Known, { name, file, line }: Place): number | undefined {
  // A file of lines has the time of the last claim.
  const since = line === undefined ? undefined : waiting.sinceOf(parseMemberId(idOf(name))?.id ?? '');
  return since ?? spool.disk.facts(file)?.ctimeMs;
}

const unchanged = (job: JobStatus): JobStatus => job;

// What is remembered of a job may be older than its file: it may have ended a second time.
const wasOver = ({ finishedAt }: JobStatus, asOf: number): boolean => finishedAt === undefined || Date.parse(finishedAt) <= asOf;

function wasDue(name: string, asOf: number): boolean {
  return parseJobName(name) === undefined || runAtOf(name) <= asOf;
}

/** Waits for work that goes on when the time is over. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, over]).finally(() => clearTimeout(timer));
}

const FIRST_WAIT_MS = 1_000;
const WAIT_MS = 250;
/** Between two looks passes so many times what one takes, within reason. */
const PAUSE = 5;
const MAX_PAUSE_MS = 3_000;
const MAX_TRIES = 5;
/** A job that moves between two folders may be in neither when they are read one after the other. */
const UNKNOWN_AFTER = 2;
