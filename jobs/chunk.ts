import { type BatchName, batchFileName } from '../spool/batch-name.ts';
import { nameOfLines } from '../spool/part.ts';
import type { Spool } from '../spool/spool.ts';
import type { Board } from './board.ts';

/** The part of a batch that a runner has in hand, and how far it is with it. What it knows of the part's file follows each step that cuts it. */
export class Chunk {
  readonly #spool: Spool;
  readonly #slot: string;
  readonly #board: Board;
  #part: BatchName;
  #lookedAt = 0;

  /** On the board stands its last line: the watchdog gives back what follows a job that takes long. */
  constructor(spool: Spool, slot: string, part: BatchName, board: Board) {
    this.#spool = spool;
    this.#slot = slot;
    this.#part = part;
    this.#board = board;
    board.chunkEnd = part.to;
  }

  /** What is left of it, as its file is named; recorded lines may be among it. Nothing is left where `from` is behind `to`. */
  get part(): BatchName {
    return { ...this.#part, to: this.#board.chunkEnd };
  }

  /** Its last line is that one now: what follows was given back. */
  endAt(line: number): void {
    this.#board.chunkEnd = line;
  }

  /** The line has a file of its own now. Returns the name of the file that keeps the lines before it, which are recorded, if there are any. */
  cutAt(line: number): string | undefined {
    const { from } = this.part;
    const before = from < line ? nameOfLines(this.part, { from, to: line - 1 }) : undefined;
    this.#part = { ...this.#part, from: line + 1 };
    return before;
  }

  get isEmpty(): boolean {
    return this.part.from > this.part.to;
  }

  /**
   * Whether it is still ours: another host may have taken this one for dead. Asked at each job, and looked up when time has passed: a process that stood
   * still meanwhile finds that the clock has moved.
   */
  isOurs(): boolean {
    const now = Date.now();
    if (Math.abs(now - this.#lookedAt) < LOOK_EVERY_MS) return true;
    const isThere = this.#spool.disk.exists(this.#spool.claimed(this.#slot, batchFileName(this.part)));
    if (isThere) this.#lookedAt = now;
    return isThere;
  }
}

const LOOK_EVERY_MS = 10;
