import type { Spool } from '../spool.ts';

/** A line as its bytes, without its newline, and where they are. Not `isWhole`: the file ends before its newline, or it is longer than any record. */
export type RawLine = { number: number; start: number; bytes: Buffer; isWhole: boolean };

/** The lines of a file that may be larger than memory. */
export function* rawLines({ disk }: Spool, file: string): Generator<RawLine> {
  let number = 1;
  let start = 0;
  let rest: Buffer = Buffer.alloc(0);
  for (let at = 0; ; ) {
    const block = disk.readBytes(file, at, BLOCK_BYTES);
    if (block.length === 0) break;
    at += block.length;
    rest = Buffer.concat([rest, block]);
    let from = 0;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, from)) {
      yield { number, start: start + from, bytes: rest.subarray(from, end), isWhole: true };
      number += 1;
      from = end + 1;
    }
    start += from;
    rest = rest.subarray(from);
    if (rest.length <= MAX_LINE_BYTES) continue;
    yield { number, start, bytes: rest, isWhole: false };
    start += rest.length;
    rest = Buffer.alloc(0);
  }
  if (rest.length > 0) yield { number, start, bytes: rest, isWhole: false };
}

const BLOCK_BYTES = 1_048_576;
const NEWLINE = 0x0a;
/** A record is a request and its history, which are smaller. */
const MAX_LINE_BYTES = 32 * 1_048_576;
