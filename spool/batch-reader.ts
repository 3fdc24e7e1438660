import { parseBatchName, parseMemberId } from './batch-name.ts';
import type { FileFacts } from './disk.ts';
import { isBatchFile } from './drop-name.ts';
import { LineTexts } from './line-texts.ts';
import { idOf } from './order.ts';
import { type JobStatus, type Place, statusAt } from './query.ts';
import type { Spool } from './spool.ts';
import type { State } from './state.ts';

/** Where a batch's lines can be read. */
type Source = { file: string; facts: FileFacts };

/** Whether a line's text may be that of a job that is looked for. */
type IsLikely = (text: string, name: string, state: State) => boolean;

/** Reads lines of batches for a list, each file once for all of its lines. */
export class BatchReader {
  readonly #spool: Spool;
  readonly #texts: LineTexts;
  readonly #sources = new Map<string, Source | undefined>();

  constructor(spool: Spool) {
    this.#spool = spool;
    this.#texts = new LineTexts(spool);
  }

  /** A line's job; undefined when nothing of its batch waits, or when it is not `isLikely` to pass. `now` in milliseconds since the epoch. */
  read(place: Place, now: number, isLikely?: IsLikely): JobStatus | undefined {
    const found = this.#textOf(place);
    if (!found) return undefined;
    const { file, facts, text } = found;
    if (text !== undefined && isLikely && !isLikely(text, place.name, place.state)) return undefined;
    return statusAt(this.#spool, { ...place, file }, now, facts, this.#texts);
  }

  #textOf({ name, file, line = 0 }: Place): (Source & { text: string | undefined }) | undefined {
    const batch = parseMemberId(idOf(name))?.id ?? '';
    for (let tries = 0; tries < 2; tries++) {
      const source = this.#sourceOf(batch, file);
      const text = source && this.#texts.line(source.file, line, source.facts);
      if (source && (text !== undefined || this.#spool.disk.exists(source.file))) return { ...source, text };
      if (!source) return undefined;
      this.#sources.delete(batch);
    }
    return undefined;
  }

  #sourceOf(batch: string, file: string): Source | undefined {
    if (!this.#sources.has(batch)) this.#sources.set(batch, this.#found(file) ?? this.#anyOf(batch));
    return this.#sources.get(batch);
  }

  #found(file: string): Source | undefined {
    const facts = this.#spool.disk.facts(file);
    return facts && { file, facts };
  }

  // While a batch is run its file has a new name each moment: all its parts are links to one text.
  #anyOf(batch: string): Source | undefined {
    const { disk, pending } = this.#spool;
    for (const name of disk.names(pending)) {
      const source = isBatchFile(name) && parseBatchName(name)?.id === batch ? this.#found(`${pending}/${name}`) : undefined;
      if (source) return source;
    }
    return undefined;
  }
}
