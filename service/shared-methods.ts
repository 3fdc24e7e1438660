import type { Allowlist, Sharing } from '../jobs/load-allowlist.ts';
import { isPartName, parseBatchName } from '../spool/batch-name.ts';
import { BatchTexts, lineJob } from '../spool/claim-part.ts';
import { MAX_FILE_BYTES } from '../spool/request.ts';
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
  #last: ({ name: string; until: number } & Looked) | undefined;

  constructor(spool: Spool, allowlist: Allowlist) {
    this.#spool = spool;
    this.#allowlist = allowlist;
  }

  /** Whether a job still waits. The same look tells how it shares a runner. */
  isThere(name: string): boolean {
    this.#last = { name, until: performance.now() + KNOWN_MS, ...this.#look(name) };
    return this.#last.isThere;
  }

  /** How a waiting job shares a runner; undefined where it wants one to itself, or cannot be read: who claims it finds out why. */
  sharingOf(name: string): Sharing | undefined {
    if (this.#last?.name !== name || performance.now() >= this.#last.until) this.isThere(name);
    return this.#last?.sharing;
  }

  /** How many of the first lines of a part, `most` at most, share a runner as its first does. */
  alikeIn(name: string, most: number): number {
    const part = parseBatchName(name);
    const text = this.#texts.read(this.#spool, `${this.#spool.pending}/${name}`);
    if (!part || text.kind !== 'text') return 0;
    const keyAt = (line: number) => {
      const { request } = lineJob(part, text, line).job;
      return this.#allowlist.sharingOf(request.class, request.method)?.key;
    };
    const key = keyAt(part.from);
    const last = Math.min(part.to, part.from + most - 1);
    let line = part.from;
    while (line < last && keyAt(line + 1) === key) line += 1;
    return line - part.from + 1;
  }

  // Checked in full when it is accepted and when it is claimed, and not here in between.
  #look(name: string): Looked {
    if (isPartName(name)) return this.#lookAtPart(name);
    for (const folder of [this.#spool.pending, this.#spool.retrying]) {
      const file = this.#spool.disk.inspect(`${folder}/${name}`, MAX_FILE_BYTES);
      if (file.kind === 'text') return { isThere: true, sharing: this.#sharingIn(file.text) };
      // What is no file and cannot be claimed must not be proposed for ever.
      if (file.kind !== 'missing') return { isThere: file.kind !== 'not-a-file', sharing: undefined };
    }
    return { isThere: false, sharing: undefined };
  }

  #sharingIn(text: string): Sharing | undefined {
    const { class: className, method = 'handle' } = objectIn(text);
    return typeof className === 'string' && typeof method === 'string' ? this.#allowlist.sharingOf(className, method) : undefined;
  }

  // All that its first job says: whoever claims more of it looks at each.
  #lookAtPart(name: string): Looked {
    const part = parseBatchName(name);
    const text = this.#texts.read(this.#spool, `${this.#spool.pending}/${name}`);
    if (!part || text.kind !== 'text') return { isThere: part !== undefined && text.kind !== 'missing', sharing: undefined };
    const { request } = lineJob(part, text, part.from).job;
    return { isThere: true, sharing: this.#allowlist.sharingOf(request.class, request.method) };
  }
}

type Looked = { isThere: boolean; sharing: Sharing | undefined };

/** An edit by hand is noticed so soon. */
const KNOWN_MS = 100;

function objectIn(text: string): { class?: unknown; method?: unknown } {
  try {
    return (JSON.parse(text) ?? {}) as object;
  } catch {
    return {};
  }
}
