import { parseBatchName } from '../batch-name.ts';
import { BatchTexts } from '../batch-texts.ts';
import type { FileFacts } from '../disk.ts';
import { isBatchFile } from '../drop-name.ts';
import { type JobStatus, type Place, statusAt } from '../query.ts';
import type { Spool } from '../spool.ts';
import type { State } from '../state.ts';
import type { Lines } from './lines.ts';
import type { Waiting } from './waiting.ts';

/** Where a batch's lines can be read. */
type Source = { file: string; facts: FileFacts };

/** Reads lines of batches for a list, each file once for all of its lines. */
export class BatchReader {
  readonly #spool: Spool;
  readonly #waiting: Waiting;
  readonly #texts: BatchTexts;
  readonly #sources = new Map<string, Source | undefined>();

  constructor(spool: Spool, waiting: Waiting) {
    this.#spool = spool;
    this.#waiting = waiting;
    this.#texts = new BatchTexts(spool);
  }

  /** A line's job; undefined when nothing is left of its batch, or when it is not `isLikely` to pass. `now` in milliseconds since the epoch. */
  read(lines: Lines, place: Place, now: number, isLikely?: (text: string, name: string, state: State) => boolean): JobStatus | undefined {
    const { file, facts, text } = this.#textOf(lines, place.line ?? 0) ?? {};
    if (!file || !facts) return undefined;
    if (text !== undefined && isLikely && !isLikely(text, place.name, place.state)) return undefined;
    const job = statusAt(this.#spool, { ...place, file }, now, facts, this.#texts);
    if (job) this.#waiting.noteLine(job);
    return job;
  }

  #textOf(lines: Lines, line: number): (Source & { text: string | undefined }) | undefined {
    for (let tries = 0; tries < 2; tries++) {
      const source = this.#sourceOf(lines);
      const text = source && this.#texts.line(source.file, line, source.facts);
      if (source && (text !== undefined || this.#spool.disk.exists(source.file))) return { ...source, text };
      this.#sources.delete(lines.id);
    }
    return undefined;
  }

  #sourceOf({ id, file }: Lines): Source | undefined {
    if (!this.#sources.has(id)) this.#sources.set(id, this.#found(file) ?? this.#anyOf(id));
    return this.#sources.get(id);
  }

  #found(file: string): Source | undefined {
    const facts = this.#spool.disk.facts(file);
    return facts && { file, facts };
  }

  // While a batch is run its file has a new name each moment: all its parts are links to one text.
  #anyOf(id: string): Source | undefined {
    const { disk, pending } = this.#spool;
    for (const name of disk.names(pending)) {
      const source = isBatchFile(name) && parseBatchName(name)?.id === id ? this.#found(`${pending}/${name}`) : undefined;
      if (source) return source;
    }
    return undefined;
  }
}
