import { monotonicFactory } from 'ulid';
import { jobFileName, parseRequestName, type RequestName } from './filename.ts';
import { type Job, jobOf } from './job.ts';
import { reject } from './reject.ts';
import { bodyBytes, MAX_BODY_BYTES, MAX_FILE_BYTES, parseRequest, type Request } from './request.ts';
import type { Spool } from './spool.ts';

/** A file that cannot be read as a request yet may be half written: it is left alone until it has not changed for so long. */
export const SETTLE_MS = 2_000;

/** What the service knows that decides about a request. */
export type AcceptRules = {
  /** The sentence that refuses a request, or undefined when the allow-list lets it run. */
  refusal(request: Request): string | undefined;
  /** Whether a job of this id is waiting or running. */
  isLive(id: string): boolean;
};

/** What became of a file in `incoming/`. */
export type Accepted =
  | { kind: 'accepted'; job: Job; from: string }
  | { kind: 'rejected'; name: string; id: string | undefined; reason: string; request: Request | undefined }
  /** Perhaps half written: look again. */
  | { kind: 'unfinished' }
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

  constructor(spool: Spool, rules: AcceptRules) {
    this.#spool = spool;
    this.#rules = rules;
  }

  /** How many files wait for their writers. */
  get unfinished(): number {
    return this.#unfinished.size;
  }

  /** The names in `incoming/` that may be requests, in the order in which they are accepted. */
  names(): string[] {
    const found = this.#spool.disk.names(this.#spool.incoming).map((name) => ({ name, parsed: parseRequestName(name) }));
    const files = found.filter(({ parsed }) => parsed.kind !== 'ignored');
    const present = new Set(files.map(({ name }) => name));
    for (const name of this.#unfinished.keys()) if (!present.has(name)) this.#unfinished.delete(name);
    // Within a priority by name: ids made by us ascend, so what was submitted first is accepted first.
    return files.sort((a, b) => rank(b.parsed) - rank(a.parsed) || (a.name < b.name ? -1 : 1)).map(({ name }) => name);
  }

  /** Accepts or rejects one file. `now` in milliseconds since the epoch; `clock` in monotonic milliseconds. */
  accept(name: string, now: number, clock: number): Accepted {
    const parsed = parseRequestName(name);
    if (parsed.kind === 'ignored') return { kind: 'none' };
    const { disk, incoming } = this.#spool;
    const file = disk.inspect(`${incoming}/${name}`, MAX_FILE_BYTES);
    if (file.kind === 'missing') return { kind: 'none' };
    if (file.kind === 'not-a-file') return this.#reject(name, parsed, `expected a regular file, got ${file.what}`);
    if (file.kind === 'unreadable') return this.#later(name, parsed, 'unreadable', clock, `the file cannot be read: ${file.reason}`);
    const looks = `${file.size} ${file.mtimeMs}`;
    if (file.kind === 'too-large') return this.#later(name, parsed, looks, clock, tooLarge(file.size));
    if (file.kind === 'not-utf8') return this.#later(name, parsed, looks, clock, 'the body is not UTF-8');
    if (parsed.kind === 'invalid') return this.#reject(name, parsed, parsed.reason);
    return this.#acceptText(name, parsed, file, now, clock);
  }

  #acceptText(
    name: string,
    parsed: RequestName & { kind: 'request' },
    file: { text: string; size: number; mtimeMs: number },
    now: number,
    clock: number,
  ): Accepted {
    const looks = `${file.size} ${file.mtimeMs}`;
    const body = parseRequest(file.text);
    // History may make a job's own file larger than a body may be: what counts is the body without it.
    const bytes = body.ok && body.request.attempts ? bodyBytes(body.request) : file.size;
    if (bytes > MAX_BODY_BYTES) return this.#later(name, parsed, looks, clock, tooLarge(bytes));
    if (!body.ok) return body.unfinished ? this.#later(name, parsed, looks, clock, body.reason) : this.#reject(name, parsed, body.reason);
    this.#unfinished.delete(name);
    return this.#admit(name, parsed, body.request, now);
  }

  #admit(name: string, parsed: RequestName & { kind: 'request' }, request: Request, now: number): Accepted {
    const id = parsed.id ?? makeId(now);
    if (this.#rules.isLive(id))
      return this.#reject(name, parsed, `duplicate: a job with the id "${id}" is already waiting or running`, request);
    const refusal = this.#rules.refusal(request);
    if (refusal) return this.#reject(name, parsed, refusal, request);
    const job = jobOf(this.#freeName(id, parsed, now), request);
    const moved = this.#spool.disk.rename(`${this.#spool.incoming}/${name}`, `${this.#spool.pending}/${job.name}`);
    return moved ? { kind: 'accepted', job, from: name } : { kind: 'none' };
  }

  // Another job may have a file of the very same name (a producer's fixed id and run-at): a rename onto it would wipe it out, so
  // the newcomer's run-at moves on by a millisecond.
  #freeName(id: string, parsed: RequestName & { kind: 'request' }, now: number): string {
    const { disk, pending, retrying, failed, cancelled } = this.#spool;
    const folders = [pending, retrying, failed, cancelled];
    let runAt = parsed.runAt === 'now' ? now : parsed.runAt;
    for (;;) {
      const name = jobFileName({ priority: parsed.priority, runAt, id });
      if (parsed.runAt === 'now' || !folders.some((folder) => disk.exists(`${folder}/${name}`))) return name;
      runAt += 1;
    }
  }

  #later(name: string, parsed: RequestName, looks: string, clock: number, reason: string): Accepted {
    const seen = this.#unfinished.get(name);
    if (seen?.looks !== looks) this.#unfinished.set(name, { looks, since: clock });
    else if (clock - seen.since >= SETTLE_MS) return this.#reject(name, parsed, reason);
    return { kind: 'unfinished' };
  }

  #reject(name: string, parsed: RequestName, reason: string, request?: Request): Accepted {
    this.#unfinished.delete(name);
    const id = parsed.kind === 'request' ? parsed.id : undefined;
    const moved = reject(this.#spool, `${this.#spool.incoming}/${name}`, name, {
      reason,
      id,
      class: request?.class,
      method: request?.method,
    });
    return moved ? { kind: 'rejected', name: moved, id, reason, request } : { kind: 'none' };
  }
}

const makeId = monotonicFactory();

const tooLarge = (bytes: number): string => `expected a body of at most ${MAX_BODY_BYTES} bytes, got ${bytes}`;

const rank = (parsed: RequestName): number => (parsed.kind === 'request' ? parsed.priority : 0);
