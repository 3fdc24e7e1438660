import { MAX_BATCH_FILE_BYTES } from './batch-name.ts';
import type { FileFacts } from './disk.ts';
import type { Spool } from './spool.ts';

/**
 * By what a batch's file is known under any name. Its number alone may be that of one that is gone, and its size and times are its owner's to choose: nobody's lines are to run, or be shown, as
 * another's.
 */
export const looksOf = ({ ino, bornMs, uid, size, mtimeMs }: FileFacts): string => `${ino} ${bornMs} ${uid} ${size} ${mtimeMs}`;

type Text = { looks: string; bytes: Buffer; starts: number[] };

/**
 * The texts of batches' lines, without parsing those that nobody asks for. The file that was read last is kept, and known again under any name: the
 * parts of a batch are links to one file.
 */
export class LineTexts {
  readonly #spool: Spool;
  #last: Text | undefined;

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** The text of a line, the first is 1; undefined when the file is gone, is no batch or has no such line. */
  line(file: string, line: number, facts = this.#spool.disk.facts(file)): string | undefined {
    const found = facts?.isFile ? this.#fileOf(file, facts) : undefined;
    if (!found) return undefined;
    const [start, end] = [found.starts[line - 1], found.starts[line]];
    if (start === undefined || end === undefined) return undefined;
    return found.bytes.toString('utf8', start, end).replace(/\n$/, '');
  }

  /** How many lines a file has. */
  count(file: string, facts = this.#spool.disk.facts(file)): number {
    return facts?.isFile ? (this.#fileOf(file, facts)?.starts.length ?? 1) - 1 : 0;
  }

  #fileOf(file: string, facts: FileFacts): Text | undefined {
    const { size } = facts;
    const looks = looksOf(facts);
    if (this.#last?.looks !== looks) {
      // A larger one was never accepted.
      const bytes = size > MAX_BATCH_FILE_BYTES ? Buffer.alloc(0) : this.#spool.disk.readBytes(file, 0, size);
      // It was moved in this moment: under its next name it is asked for anew.
      if (bytes.length < size && size <= MAX_BATCH_FILE_BYTES) return undefined;
      this.#last = { looks, bytes, starts: startsIn(bytes) };
    }
    return this.#last;
  }
}

// Where each line begins, and where the last one ends: it may lack its newline.
function startsIn(bytes: Buffer): number[] {
  const starts = [0];
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) starts.push(at + 1);
  if ((starts.at(-1) as number) < bytes.length) starts.push(bytes.length);
  return starts;
}

const NEWLINE = 0x0a;
