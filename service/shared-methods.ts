import type { Allowlist, Sharing } from '../jobs/load-allowlist.ts';
import { isPartName, parseBatchName } from '../spool/batch-name.ts';
import { readJob } from '../spool/claim.ts';
import { BatchTexts, lineJob } from '../spool/claim-part.ts';
import type { Spool } from '../spool/spool.ts';

/**
 * Which due jobs may share a runner. A job's name does not say what it runs, so its file is read when its turn has come. It may be edited
 * after that: the runner, which claims it, looks for itself.
 */
export class SharedMethods {
  readonly #spool: Spool;
  readonly #allowlist: Allowlist;
  readonly #texts = new BatchTexts();
  /** The job that was looked at last: the best due job is looked at again and again while it finds no room. */
  #last: { name: string; until: number; sharing: Sharing | undefined } | undefined;

  constructor(spool: Spool, allowlist: Allowlist) {
    this.#spool = spool;
    this.#allowlist = allowlist;
  }

  /** How a waiting job shares a runner; undefined where it wants one to itself, or cannot be read: who claims it finds out why. */
  sharingOf(name: string): Sharing | undefined {
    const now = performance.now();
    if (this.#last?.name === name && now < this.#last.until) return this.#last.sharing;
    this.#last = { name, until: now + KNOWN_MS, sharing: this.#read(name) };
    return this.#last.sharing;
  }

  #read(name: string): Sharing | undefined {
    if (isPartName(name)) return this.#readPart(name);
    for (const folder of [this.#spool.pending, this.#spool.retrying]) {
      const read = readJob(this.#spool, `${folder}/${name}`, name);
      if (read.kind === 'claimed') return this.#allowlist.sharingOf(read.job.request.class, read.job.request.method);
    }
    return undefined;
  }

  // All that its first job says: whoever claims more of it looks at each.
  #readPart(name: string): Sharing | undefined {
    const part = parseBatchName(name);
    const text = this.#texts.read(this.#spool, `${this.#spool.pending}/${name}`);
    if (!part || text.kind !== 'text') return undefined;
    const { request } = lineJob(part, text, part.from).job;
    return this.#allowlist.sharingOf(request.class, request.method);
  }
}

/** An edit by hand is noticed so soon. */
const KNOWN_MS = 100;
