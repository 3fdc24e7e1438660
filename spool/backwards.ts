/** Up to `length` bytes of a file from `start`; fewer at its end. */
export type Read = (start: number, length: number) => Buffer;

/** A line of a file: where it begins, and its bytes without the newline. */
export type Line = { start: number; bytes: Buffer };

/**
 * The lines of a file that begin before `end` (the beginning of one, or the end of the file), last first, in the portions that blocks of the file hold: between
 * two the caller may stop, or let others work. A line longer than a block comes in pieces, so that memory stays flat whatever the file holds.
 */
export function* linesBackwards(read: Read, end: number, blockBytes = BLOCK_BYTES): Generator<Line[]> {
  for (let at = end; at > 0; ) {
    const start = Math.max(0, at - blockBytes);
    const block = read(start, at - start);
    // It became shorter while it was read: what was cut off is gone.
    if (block.length < at - start) return;
    const first = start === 0 ? 0 : firstLineIn(block);
    yield linesOf(block.subarray(first), start + first).reverse();
    at = start + first;
  }
}

const BLOCK_BYTES = 262_144;
const NEWLINE = 0x0a;

// Where the first line begins that begins in this block; a block in the middle of a line is a piece of it.
function firstLineIn(block: Buffer): number {
  const first = block.indexOf(NEWLINE) + 1;
  return first === block.length ? 0 : first;
}

function linesOf(block: Buffer, offset: number): Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < block.length; ) {
    const newline = block.indexOf(NEWLINE, start);
    const end = newline < 0 ? block.length : newline;
    lines.push({ start: offset + start, bytes: block.subarray(start, end) });
    start = end + 1;
  }
  return lines;
}
