import { monotonicFactory } from 'ulid';
import { batchTooLarge, checkBatch, checkEach } from './batch.ts';
import { type BatchName, type BatchRequestName, batchFileName, MAX_BATCH_BYTES, memberId, parseBatchRequestName } from './batch-name.ts';
import type { Lines } from './batch-place.ts';
import { ownerOf, who } from './denial.ts';
import type { FileFacts } from './disk.ts';
import { isDropFolder } from './drop-folder.ts';
import { errnoOf } from './errors.ts';
import { jobFileName, parseRequestName, type RequestName } from './filename.ts';
import { freeName } from './free-name.ts';
import { type Job, jobOf } from './job.ts';
import { dropBudget, moveTo, reject } from './reject.ts';
import { MAX_BODY_BYTES, MAX_FILE_BYTES, parseRequest, type Request, tooLarge } from './request.ts';
import type { Spool } from './spool.ts';
import { type Author, authorOf, type Owner, type Submission, submittedIn, submitterOf } from './submitter.ts';
import { visible } from './visible.ts';

/** A file that cannot be read as a request yet may be half written: it is left alone until it has not changed for so long. */
export const SETTLE_MS = 2_000;

/** What the service knows that decides about a request. */
export type AcceptRules = {
  /** The sentence that refuses a request, or undefined when the allow-list lets it run. */
  refusal(request: Request, submission: Submission): string | undefined;
  /** Whether a job, or any job of a batch, of this id is waiting or running. */
  isLive(id: string): boolean;
};

/** What became of a file in `incoming/`. */
export type Accepted =
  | { kind: 'accepted'; job: Job; from: string }
  /** A batch, or a part of one that was held back: `name` is what it has in `pending/`. */
  | { kind: 'accepted-batch'; name: string; batch: BatchName; first?: Request | undefined; from: string; submittedBy: number | undefined }
  | {
      kind: 'rejected';
      name: string;
      id: string | undefined;
      reason: string;
      request: Request | undefined;
      submittedBy: number | undefined;
    }
  /** Perhaps half written: look again. */
  | { kind: 'unfinished' }
  /** Larger than a body may be: its turn is when the others have had theirs. */
  | { kind: 'large' }
  /** Not ours to touch, or gone. */
  | { kind: 'none' };

/**
 * Turns files in `incoming/` into jobs in `pending/`, or moves them to `rejected/` with a reason. One process at a time
 * accepts for a spool: ids are unique because it knows all of them.
 */
export class Intake {
  readonly #spool: Spool;
  readonly #rules: AcceptRules;
  /** Files that could not be read as requests yet: what they looked like, and since when (monotonic milliseconds). */
  readonly #unfinished = new Map<string, { looks: string; since: number }>();
  /** What may not be moved (the folder of another user), and since when: one that nobody clears away must not be met at every look. */
  readonly #immovable = new Map<string, number>();

  /** The latest time that jobs were accepted at, in milliseconds since the epoch, and the ids of those that were to run at once. */
  #moment = Number.NEGATIVE_INFINITY;
  readonly #ofThisMoment = new Set<string>();

  constructor(spool: Spool, rules: AcceptRules) {
    this.#spool = spool;
    this.#rules = rules;
  }

  /** How many files wait for their writers. */
  get unfinished(): number {
    return this.#unfinished.size;
  }

  /** The names in `incoming/` that may be requests, in the order in which they are accepted. `clock` in monotonic milliseconds. */
  names(clock = performance.now()): string[] {
    const found = this.#spool.disk.names(this.#spool.incoming).map((name) => ({ name, parsed: parseName(name) }));
    const files = found.filter(({ parsed }) => parsed.kind !== 'ignored');
    this.#forgetAllBut(new Set(files.map(({ name }) => name)), clock);
    // Within a priority by name: ids made by us ascend, so what was submitted first is accepted first.
    const movable = files.filter(({ name }) => !this.#immovable.has(name));
    return movable.sort((a, b) => rank(b.parsed) - rank(a.parsed) || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
  }

  #forgetAllBut(present: ReadonlySet<string>, clock: number): void {
    for (const name of this.#unfinished.keys()) if (!present.has(name)) this.#unfinished.delete(name);
    for (const [name, since] of this.#immovable) if (!present.has(name) || clock - since >= TRIED_AGAIN_MS) this.#immovable.delete(name);
  }

  /**
   * Accepts or rejects one file. `now` in milliseconds since the epoch; `clock` in monotonic milliseconds. Files that take long to
   * read are put off unless `takesLarge`.
   */
  accept(name: string, now: number, clock: number, takesLarge = true): Accepted {
    const parsed = parseName(name);
    if (parsed.kind === 'ignored') return { kind: 'none' };
    const { disk, incoming } = this.#spool;
    const facts = disk.facts(`${incoming}/${name}`);
    if (!facts) return { kind: 'none' };
    // Before it is read: what its writer changes meanwhile makes it look different the next time.
    const look = { name, parsed, looks: looksOf(facts), now, clock };
    // As it was when it could not be read as a request: thousands of such files are not read again at every look.
    if (this.#isSettling(look)) return { kind: 'unfinished' };
    if (facts.size > MAX_BODY_BYTES && facts.isFile && !takesLarge) return { kind: 'large' };
    return this.#acceptFile(look, facts.isFile);
  }

  #acceptFile(look: Look, isFile: boolean): Accepted {
    const isBatch = isBatchFile(look.name);
    const file = this.#spool.disk.inspect(`${this.#spool.incoming}/${look.name}`, isBatch ? MAX_BATCH_BYTES : MAX_FILE_BYTES, isFile);
    switch (file.kind) {
      case 'missing':
        return { kind: 'none' };
      case 'not-a-file':
        return this.#rejectStranger(look, file.what);
      case 'unreadable':
        return this.#later(look, `the file cannot be read: ${visible(file.reason)}${file.isDenied ? this.#denial(look.name) : ''}`);
      case 'too-large':
        return this.#later(look, isBatch ? batchTooLarge(file.size) : tooLarge(file.size).reason);
      case 'not-utf8':
        return this.#later(look, 'the body is not UTF-8');
      case 'text':
        return isBatch ? this.#acceptBatch(look, file.text, file.owner) : this.#acceptText(look, file.text, file.owner);
    }
  }

  #acceptText(look: Look, text: string, owner: Owner): Accepted {
    const { name, parsed, now } = look;
    if (parsed.kind !== 'request') return this.#reject(name, parsed, parsed.reason);
    const body = parseRequest(text);
    if (!body.ok) return body.unfinished ? this.#later(look, body.reason) : this.#reject(name, parsed, body.reason);
    this.#unfinished.delete(name);
    return this.#admit(name, parsed, submittedIn(body.request, authorOf(this.#spool, owner)), now);
  }

  // All of its lines or none: whoever mends one line drops the whole file again.
  #acceptBatch(look: Look, text: string, owner: Owner): Accepted {
    const { name, parsed, now } = look;
    if (parsed.kind !== 'request') return this.#reject(name, parsed, parsed.reason);
    const checked = parsed.isEach
      ? checkEach(text)
      : checkBatch(text, parsed.lines, ...this.#lineRules(parsed.priority, authorOf(this.#spool, owner)));
    if (!checked.ok) return checked.unfinished ? this.#later(look, checked.reason) : this.#reject(name, parsed, visible(checked.reason));
    this.#unfinished.delete(name);
    const id = parsed.id ?? makeId(now);
    // Of a part that was held back, others of its batch may be live.
    const twin = parsed.lines === undefined && this.#rules.isLive(id) ? id : this.#liveIn(id, checked.lines);
    if (twin !== undefined)
      return this.#reject(name, parsed, `duplicate: a job with the id "${twin}" is already waiting or running`, checked.first);
    const batch = { priority: parsed.priority, runAt: parsed.runAt === 'now' ? now : parsed.runAt, id, ...checked.lines };
    const submittedBy = submitterOf(this.#spool, checked.first?.submittedBy, owner?.uid);
    const free = freeName(this.#spool, this.#spool.pending, batchFileName(batch));
    const moved = moveTo(this.#spool, `${this.#spool.incoming}/${name}`, `${this.#spool.pending}/${free}`);
    return moved ? { kind: 'accepted-batch', name: free, batch, first: checked.first, from: name, submittedBy } : { kind: 'none' };
  }

  #lineRules(priority: number, author: Author): [refusal: (request: Request) => string | undefined, maySayWho: boolean] {
    const refusal = (request: Request) => this.#rules.refusal(submittedIn(request, author), { priority });
    return [refusal, author?.maySayWho ?? false];
  }

  #liveIn(id: string, { from, to }: Lines): string | undefined {
    for (let line = from; line <= to; line++) if (this.#rules.isLive(memberId(id, line))) return memberId(id, line);
    return undefined;
  }

  #admit(name: string, parsed: RequestName & { kind: 'request' }, request: Request, now: number): Accepted {
    const id = parsed.id ?? makeId(now);
    if (this.#rules.isLive(id))
      return this.#reject(name, parsed, `duplicate: a job with the id "${id}" is already waiting or running`, request);
    const refusal = this.#rules.refusal(request, { priority: parsed.priority });
    if (refusal) return this.#reject(name, parsed, visible(refusal), request);
    const job = jobOf(this.#freeName(id, parsed, now), request);
    const moved = moveTo(this.#spool, `${this.#spool.incoming}/${name}`, `${this.#spool.pending}/${job.name}`);
    return moved ? { kind: 'accepted', job, from: name } : { kind: 'none' };
  }

  // Another job may have a file of the very same name (a producer's fixed id and run-at): a rename onto it would wipe it out, so
  // the newcomer's run-at moves on by a millisecond.
  #freeName(id: string, parsed: RequestName & { kind: 'request' }, now: number): string {
    const { disk, pending, retrying, failed, cancelled } = this.#spool;
    let runAt = parsed.runAt === 'now' ? now : parsed.runAt;
    // No job of a name of this very moment can have moved on, but for those of the same look.
    const folders = parsed.runAt === 'now' && this.#isFirst(id, now) ? [pending] : [pending, retrying, failed, cancelled];
    for (;;) {
      const name = jobFileName({ priority: parsed.priority, runAt, id });
      if (!folders.some((folder) => disk.exists(`${folder}/${name}`))) return name;
      runAt += 1;
    }
  }

  #isFirst(id: string, now: number): boolean {
    if (now > this.#moment) {
      this.#moment = now;
      this.#ofThisMoment.clear();
    }
    // A clock that was set back has been here before.
    if (now < this.#moment || this.#ofThisMoment.has(id)) return false;
    this.#ofThisMoment.add(id);
    return true;
  }

  #isSettling({ name, looks, clock }: Look): boolean {
    const seen = this.#unfinished.get(name);
    return seen?.looks === looks && clock - seen.since < SETTLE_MS;
  }

  // Read again after the settle time, it is as bad as it was, and no writer was at it.
  #later({ name, parsed, looks, clock }: Look, reason: string): Accepted {
    if (this.#unfinished.get(name)?.looks === looks) return this.#reject(name, parsed, reason);
    this.#unfinished.set(name, { looks, since: clock });
    return { kind: 'unfinished' };
  }

  #rejectStranger({ name, parsed, clock }: Look, what: string): Accepted {
    try {
      return this.#reject(name, parsed, `expected a regular file, got ${what}`);
    } catch (error) {
      // To move a folder one must be allowed to write into it; of a file only its name is moved.
      if (what === 'a folder' && ['EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) this.#immovable.set(name, clock);
      throw error;
    }
  }

  // Its name may be moved by whoever may write to the folder; its text is for whom its owner says.
  #denial(name: string): string {
    const owner = ownerOf(this.#spool.disk, `${this.#spool.incoming}/${name}`) ?? 'cannot be looked at';
    const umask = isDropFolder(this.#spool) ? '027' : '007';
    return `; it ${owner}, and the service is ${who()}: let its producer have the umask ${umask} and the spool's group (chmod g+s on tmp/), chmod g+r what was rejected, and retry it`;
  }

  #reject(name: string, parsed: RequestName, reason: string, request?: Request): Accepted {
    this.#unfinished.delete(name);
    const id = parsed.kind === 'request' ? parsed.id : undefined;
    const submittedBy = request?.submittedBy ?? this.#spool.disk.facts(`${this.#spool.incoming}/${name}`)?.uid;
    if (request) dropBudget(this.#spool, `${this.#spool.incoming}/${name}`, request);
    const moved = reject(this.#spool, `${this.#spool.incoming}/${name}`, name, {
      reason,
      id,
      class: request?.class,
      method: request?.method,
      submittedBy,
    });
    return moved ? { kind: 'rejected', name: moved, id, reason, request, submittedBy } : { kind: 'none' };
  }
}

const makeId = monotonicFactory();

/** What may not be moved is tried again so much later. */
const TRIED_AGAIN_MS = 30_000;

/** A file as a look found it. */
type Look = { name: string; parsed: Exclude<BatchRequestName, { kind: 'ignored' }>; looks: string; now: number; clock: number };

// A file that was replaced by another of the same size and time has another inode, and one whose permissions changed another change time.
const looksOf = ({ size, mtimeMs, ctimeMs, ino }: FileFacts): string => `${size} ${mtimeMs} ${ctimeMs} ${ino}`;

const isBatchFile = (name: string): boolean => name.endsWith('.ndjson');

const parseName = (name: string): BatchRequestName => (isBatchFile(name) ? parseBatchRequestName(name) : parseRequestName(name));

const rank = (parsed: RequestName): number => (parsed.kind === 'request' ? parsed.priority : 0);
