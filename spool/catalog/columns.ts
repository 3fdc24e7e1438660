import { firstThat } from './sorted.ts';

/** What is kept of one completed job: some 45 bytes, none of them a text. Times in milliseconds. */
export type Row = {
  /** The number of its ledger file, and where in it its line is. */
  file: number;
  offset: number;
  length: number;
  finishedAt: number;
  durationMs: number;
  /** UNKNOWN when nobody knows. */
  waitMs: number;
  /** The number of its class and method. */
  handler: number;
  attempts: number;
  /** Of its id, as `hashOf` gives it. */
  hash: number;
};

/** Where a row stands among others. `file` is the name of the ledger file. */
export type RowKey = { finishedAt: number; file: string; offset: number };

export const UNKNOWN = 0xffff_ffff;
const MAX_ATTEMPTS = 0xffff;

/** Rows of numbers, and the order in which they are listed. */
export class Columns {
  length = 0;
  /** Changes whenever rows are numbered anew or stand elsewhere in the order. */
  generation = 0;
  file = new Uint32Array(0);
  offset = new Float64Array(0);
  bytes = new Uint32Array(0);
  finishedAt = new Float64Array(0);
  durationMs = new Uint32Array(0);
  waitMs = new Uint32Array(0);
  handler = new Uint32Array(0);
  attempts = new Uint16Array(0);
  hash = new Uint32Array(0);
  #order = new Uint32Array(0);
  /** How many of the rows have their place in the order. */
  #arranged = 0;
  readonly #nameOf: (file: number) => string;

  /** `nameOf` gives the name of a ledger file by its number. */
  constructor(nameOf: (file: number) => string) {
    this.#nameOf = nameOf;
  }

  add(row: Row): void {
    const at = this.length;
    if (at === this.file.length) this.#grow(Math.max(1_024, Math.ceil(at * 1.5)));
    this.file[at] = row.file;
    this.offset[at] = row.offset;
    this.bytes[at] = row.length;
    this.finishedAt[at] = row.finishedAt;
    this.durationMs[at] = Math.min(row.durationMs, UNKNOWN);
    this.waitMs[at] = Math.min(row.waitMs, UNKNOWN);
    this.handler[at] = row.handler;
    this.attempts[at] = Math.min(row.attempts, MAX_ATTEMPTS);
    this.hash[at] = row.hash;
    this.length += 1;
  }

  /** How many rows have been added since the order was asked for. */
  get unarranged(): number {
    return this.length - this.#arranged;
  }

  /** The numbers of the rows, oldest first. */
  get order(): Uint32Array {
    if (this.unarranged > 0) this.#arrange();
    return this.#order.subarray(0, this.length);
  }

  /** The place in the order of the first row that finished at `ms` or later. */
  since(ms: number): number {
    return firstThat(this.order, (row) => (this.finishedAt[row] as number) >= ms);
  }

  /** The place in the order of the first row that finished later than at `ms`. */
  after(ms: number): number {
    return firstThat(this.order, (row) => (this.finishedAt[row] as number) > ms);
  }

  /** The place in the order of the first row that does not stand before `key`. */
  placeOf(key: RowKey): number {
    return firstThat(this.order, (row) => this.#compareTo(row, key) >= 0);
  }

  /** Drops rows, and numbers those that are left anew. */
  drop(isDropped: (row: number) => boolean): void {
    const order = this.order;
    const kept = new Uint32Array(this.length);
    const columns = this.#columns();
    let length = 0;
    for (let row = 0; row < this.length; row++) {
      if (isDropped(row)) kept[row] = UNKNOWN;
      else {
        for (const column of columns) column[length] = column[row] as number;
        kept[row] = length++;
      }
    }
    if (length === this.length) return;
    let at = 0;
    for (const row of order) if (kept[row] !== UNKNOWN) this.#order[at++] = kept[row] as number;
    this.length = length;
    this.#arranged = length;
    this.generation += 1;
  }

  // The new ones in order, then from the end of both: what is new mostly goes to the end.
  #arrange(): void {
    const added = new Uint32Array(this.unarranged);
    for (let at = 0; at < added.length; at++) added[at] = this.#arranged + at;
    added.sort((a, b) => this.#compare(a, b));
    let old = this.#arranged - 1;
    let next = added.length - 1;
    for (let to = this.length - 1; next >= 0; to--) {
      const isOldLater = old >= 0 && this.#compare(this.#order[old] as number, added[next] as number) > 0;
      this.#order[to] = (isOldLater ? this.#order[old--] : added[next--]) as number;
    }
    this.#arranged = this.length;
    this.generation += 1;
  }

  #compare(a: number, b: number): number {
    const byTime = (this.finishedAt[a] as number) - (this.finishedAt[b] as number);
    if (byTime !== 0) return byTime;
    if (this.file[a] === this.file[b]) return (this.offset[a] as number) - (this.offset[b] as number);
    return this.#nameOf(this.file[a] as number) < this.#nameOf(this.file[b] as number) ? -1 : 1;
  }

  #compareTo(row: number, key: RowKey): number {
    const byTime = (this.finishedAt[row] as number) - key.finishedAt;
    if (byTime !== 0) return byTime;
    const name = this.#nameOf(this.file[row] as number);
    if (name !== key.file) return name < key.file ? -1 : 1;
    return (this.offset[row] as number) - key.offset;
  }

  #columns() {
    return [this.file, this.offset, this.bytes, this.finishedAt, this.durationMs, this.waitMs, this.handler, this.attempts, this.hash];
  }

  #grow(capacity: number): void {
    this.file = longer(this.file, new Uint32Array(capacity));
    this.offset = longer(this.offset, new Float64Array(capacity));
    this.bytes = longer(this.bytes, new Uint32Array(capacity));
    this.finishedAt = longer(this.finishedAt, new Float64Array(capacity));
    this.durationMs = longer(this.durationMs, new Uint32Array(capacity));
    this.waitMs = longer(this.waitMs, new Uint32Array(capacity));
    this.handler = longer(this.handler, new Uint32Array(capacity));
    this.attempts = longer(this.attempts, new Uint16Array(capacity));
    this.hash = longer(this.hash, new Uint32Array(capacity));
    this.#order = longer(this.#order, new Uint32Array(capacity));
  }
}

/** A number for a text, the same for the same text; different texts may share one. */
export function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x0100_0193);
  return hash >>> 0;
}

function longer<T extends Uint32Array | Float64Array | Uint16Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
