import type { Spool } from '../spool.ts';
import type { LedgerRows } from './ledger-rows.ts';

/** The texts of ledger lines, for who reads many of them, newest first: each read serves those that stand before it in the file too. */
export class LedgerText {
  readonly #spool: Spool;
  readonly #rows: LedgerRows;
  readonly #blocks = new Map<string, { start: number; bytes: Buffer }>();

  constructor(spool: Spool, rows: LedgerRows) {
    this.#spool = spool;
    this.#rows = rows;
  }

  /** Empty when the line is no longer there. */
  of(row: number): string {
    const { path, start, end } = this.#rows.spanOf(row);
    let block = this.#blocks.get(path);
    if (!block || start < block.start || end > block.start + block.bytes.length) {
      const from = Math.max(0, Math.min(start, end - BLOCK_BYTES));
      block = { start: from, bytes: this.#spool.disk.readBytes(path, from, end - from) };
      this.#keep(path, block);
    }
    return block.bytes.toString('utf8', start - block.start, end - block.start);
  }

  #keep(path: string, block: { start: number; bytes: Buffer }): void {
    this.#blocks.delete(path);
    this.#blocks.set(path, block);
    const [oldest] = this.#blocks.keys();
    if (this.#blocks.size > MAX_BLOCKS && oldest !== undefined) this.#blocks.delete(oldest);
  }
}

const BLOCK_BYTES = 65_536;
/** As many files as runners append to at the same time, or the blocks are read again and again. */
const MAX_BLOCKS = 64;
