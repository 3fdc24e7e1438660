/** Cuts what a command of the protocol "lines" prints into what may be an answer and what is only printed. */

/** The longest line that may be an answer, in bytes. Its result is kept up to the usual limit. */
export const MAX_ANSWER_BYTES = 16 * 1_048_576;

export type Piece =
  /** A whole line that begins with `{`, with its newline where it has one. */
  | { kind: 'line'; bytes: Buffer }
  /** Anything else: it need not be a whole line. */
  | { kind: 'printed'; bytes: Buffer }
  /** A line that begins with `{` is longer than an answer may be. What has been read of it follows, and then its rest, as printed. */
  | { kind: 'too-long' };

export class CommandLines {
  readonly #limit: number;
  /** Of a line that begins with `{` and has not ended. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** In the middle of a line that is no answer. */
  #isPassing = false;

  constructor(limit = MAX_ANSWER_BYTES) {
    this.#limit = limit;
  }

  /** What the next bytes bring. A line that is no answer is not held back for its end: whoever watches the log sees it as it grows. */
  read(bytes: Buffer): Piece[] {
    const pieces: Piece[] = [];
    for (let from = 0; from < bytes.length; ) {
      const newline = bytes.indexOf(NEWLINE, from);
      const to = newline < 0 ? bytes.length : newline + 1;
      pieces.push(...this.#take(bytes.subarray(from, to), newline >= 0));
      from = to;
    }
    return pieces;
  }

  /** What is left when nothing more comes: half a line is no answer. */
  end(): Buffer {
    this.#isPassing = false;
    return this.#takeHeld();
  }

  #take(bytes: Buffer, isWhole: boolean): Piece[] {
    const isHolding = this.#held.length > 0;
    if (this.#isPassing || (!isHolding && bytes[0] !== BRACE)) {
      this.#isPassing = !isWhole;
      return [{ kind: 'printed', bytes }];
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > this.#limit) {
      this.#isPassing = !isWhole;
      return [{ kind: 'too-long' }, { kind: 'printed', bytes: this.#takeHeld() }];
    }
    return isWhole ? [{ kind: 'line', bytes: this.#takeHeld() }] : [];
  }

  #takeHeld(): Buffer {
    const bytes = this.#held.length === 1 ? (this.#held[0] as Buffer) : Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    return bytes;
  }
}

const NEWLINE = 10;
const BRACE = 123;
