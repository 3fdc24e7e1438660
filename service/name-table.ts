import { hashOf } from '../spool/catalog/columns.ts';
import { compareJobs, idOf } from '../spool/order.ts';

/**
 * The canonical names of jobs and of parts of batches, each under a number, and found by its id. Packed into bytes and columns: a million strings, and
 * maps of them, take three times as much memory, and the collector looks at all of them again and again.
 */
export class NameTable {
  /** The names, one behind the other, none of them across the end of a chunk. Those that were freed leave gaps. */
  #chunks: Buffer[] = [];
  #filled = 0;
  #gaps = 0;
  /** Where a name begins, counted through all chunks. */
  #start = new Uint32Array(FEW);
  #length = new Uint8Array(FEW);
  /** Of the id. Names whose hashes have one head are a chain, the newest first. */
  #hash = new Uint32Array(FEW);
  #next = new Int32Array(FEW);
  #heads = new Int32Array(FEW).fill(NONE);
  /** How many numbers have been given out; those that are free again are a chain too. */
  #given = 0;
  #free = NONE;
  #size = 0;

  /** How many names can be found. */
  get size(): number {
    return this.#size;
  }

  /** Adds a name that cannot be found yet. Its number is no other's until it is freed. */
  add(name: string): number {
    if (this.#gaps > CHUNK && this.#gaps > this.#filled / 2) this.#closeGaps();
    const number = this.#takeNumber();
    const start = this.#place(number, name.length);
    this.#chunkOf(start).write(name, start & IN_CHUNK, 'latin1');
    this.#link(number, hashOf(idOf(name)));
    this.#size += 1;
    return number;
  }

  /** The number of a name; undefined when it was not added, or is hidden. */
  find(name: string): number | undefined {
    const hash = hashOf(idOf(name));
    for (let at = this.#headOf(hash); at !== NONE; at = this.#next[at] as number)
      if (this.#hash[at] === hash && this.nameAt(at) === name) return at;
    return undefined;
  }

  /** The name that was added last of those with this id. */
  nameOf(id: string): string | undefined {
    const hash = hashOf(id);
    for (let at = this.#headOf(hash); at !== NONE; at = this.#next[at] as number) {
      const name = this.#hash[at] === hash ? this.nameAt(at) : undefined;
      if (name !== undefined && idOf(name) === id) return name;
    }
    return undefined;
  }

  nameAt(number: number): string {
    const start = this.#start[number] as number;
    const at = start & IN_CHUNK;
    return this.#chunkOf(start).toString('latin1', at, at + (this.#length[number] as number));
  }

  /** From now on the name is not found; its number can still be compared, until it is freed. */
  hide(number: number): void {
    const head = (this.#hash[number] as number) & (this.#heads.length - 1);
    let before = NONE;
    for (let at = this.#heads[head] as number; at !== number; at = this.#next[at] as number) before = at;
    const after = this.#next[number] as number;
    if (before === NONE) this.#heads[head] = after;
    else this.#next[before] = after;
    this.#size -= 1;
  }

  /** Gives back the number of a name that is hidden. */
  free(number: number): void {
    this.#gaps += this.#length[number] as number;
    this.#length[number] = 0;
    this.#next[number] = this.#free;
    this.#free = number;
  }

  /** Which of two runs first, as `compareJobs` has it of their names. */
  compare(a: number, b: number): number {
    const [aAt, bAt] = [this.#start[a] as number, this.#start[b] as number];
    const [left, right] = [this.#chunkOf(aAt), this.#chunkOf(bAt)];
    const [leftAt, rightAt] = [aAt & IN_CHUNK, bAt & IN_CHUNK];
    const leftEnd = leftAt + (this.#length[a] as number) - '.json'.length;
    const rightEnd = rightAt + (this.#length[b] as number) - '.json'.length;
    // A part of a batch ends otherwise, and its lines are numbers.
    if (left[leftEnd] !== DOT || right[rightEnd] !== DOT) return compareJobs(this.nameAt(a), this.nameAt(b));
    const byPriority = priorityAt(right, rightAt) - priorityAt(left, leftAt);
    if (byPriority !== 0) return byPriority;
    const [leftStamp, rightStamp] = [stampAt(left, leftAt), stampAt(right, rightAt)];
    const [leftLength, rightLength] = [leftEnd - leftStamp, rightEnd - rightStamp];
    // Where one is the beginning of the other, the shorter is first.
    return compareBytes(left, leftStamp, right, rightStamp, Math.min(leftLength, rightLength)) || leftLength - rightLength;
  }

  /** Which of two is due first, as `compareDue` has it of their names. */
  compareDue(a: number, b: number): number {
    const [aAt, bAt] = [this.#start[a] as number, this.#start[b] as number];
    const [left, right] = [this.#chunkOf(aAt), this.#chunkOf(bAt)];
    const [leftAt, rightAt] = [stampAt(left, aAt & IN_CHUNK), stampAt(right, bAt & IN_CHUNK)];
    return compareBytes(left, leftAt, right, rightAt, STAMP_LENGTH) || this.compare(a, b);
  }

  #takeNumber(): number {
    const number = this.#free;
    if (number === NONE) {
      if (this.#given === this.#start.length) this.#grow();
      return this.#given++;
    }
    this.#free = this.#next[number] as number;
    return number;
  }

  #place(number: number, length: number): number {
    if ((this.#filled & IN_CHUNK) + length > CHUNK) this.#filled = this.#chunks.length * CHUNK;
    const start = this.#filled;
    if (start === this.#chunks.length * CHUNK) this.#chunks.push(Buffer.allocUnsafeSlow(CHUNK));
    this.#start[number] = start;
    this.#length[number] = length;
    this.#filled += length;
    return start;
  }

  #closeGaps(): void {
    const chunks = this.#chunks;
    [this.#chunks, this.#filled, this.#gaps] = [[], 0, 0];
    for (let number = 0; number < this.#given; number++) {
      const [from, length] = [this.#start[number] as number, this.#length[number] as number];
      // A number that is free has no name.
      if (length === 0) continue;
      const to = this.#place(number, length);
      chunks[from >>> CHUNK_BITS]?.copy(this.#chunkOf(to), to & IN_CHUNK, from & IN_CHUNK, (from & IN_CHUNK) + length);
    }
  }

  #chunkOf(start: number): Buffer {
    return this.#chunks[start >>> CHUNK_BITS] as Buffer;
  }

  #headOf(hash: number): number {
    return this.#heads[hash & (this.#heads.length - 1)] as number;
  }

  #link(number: number, hash: number): void {
    const head = hash & (this.#heads.length - 1);
    this.#hash[number] = hash;
    this.#next[number] = this.#heads[head] as number;
    this.#heads[head] = number;
  }

  // As many heads as numbers: a chain has one or two names.
  #grow(): void {
    const [heads, next, size] = [this.#heads, this.#next, this.#given * 2];
    this.#start = longer(this.#start, new Uint32Array(size));
    this.#length = longer(this.#length, new Uint8Array(size));
    this.#hash = longer(this.#hash, new Uint32Array(size));
    this.#next = new Int32Array(size);
    this.#heads = new Int32Array(size).fill(NONE);
    for (const head of heads) {
      const chain: number[] = [];
      for (let at = head; at !== NONE; at = next[at] as number) chain.push(at);
      // The oldest is linked first: the newest is the first again.
      for (const number of chain.reverse()) this.#link(number, this.#hash[number] as number);
    }
  }
}

const FEW = 64;
const NONE = -1;
const CHUNK_BITS = 20;
const CHUNK = 1 << CHUNK_BITS;
const IN_CHUNK = CHUNK - 1;
const ZERO = '0'.charCodeAt(0);
const DOT = '.'.charCodeAt(0);
const STAMP_LENGTH = '20261122T101500.123Z'.length;

const isTen = (name: Buffer, at: number): boolean => name[at + 2] === ZERO;
const priorityAt = (name: Buffer, at: number): number => (isTen(name, at) ? 10 : (name[at + 1] as number) - ZERO);
const stampAt = (name: Buffer, at: number): number => at + (isTen(name, at) ? 'p10-' : 'p5-').length;

function compareBytes(left: Buffer, leftAt: number, right: Buffer, rightAt: number, count: number): number {
  for (let at = 0; at < count; at++) {
    const difference = (left[leftAt + at] as number) - (right[rightAt + at] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function longer<T extends Uint32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
