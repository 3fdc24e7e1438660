import type { Spool } from '../spool/spool.ts';

/** The most that a job's log keeps, of all its attempts together, in bytes: half from its beginning, half from its end. */
export const MAX_LOG_BYTES = 10 * 1_048_576;

/** Which attempt the lines that follow belong to. */
export type Heading = { attempt: number; startedAt: number; runner: string };

/**
 * What one attempt of a job prints, appended to `logs/jobs/<id>.log` under a line that says which attempt it is. A job that
 * prints nothing leaves no file. What goes over the limit is cut out of the middle, and a line says how much.
 */
export class JobLog {
  readonly #spool: Spool;
  readonly #file: string;
  readonly #heading: Heading;
  readonly #limit: number;
  #fd: number | undefined;
  /** Whether the file begins with this heading. The number does not tell: an attempt that was put off is run again under its own. */
  #isFirst = false;
  #headed = 0;
  #lost = 0;

  constructor(spool: Spool, id: string, heading: Heading, limit = MAX_LOG_BYTES) {
    this.#spool = spool;
    this.#file = spool.jobLog(id);
    this.#heading = heading;
    this.#limit = limit;
  }

  /** Never throws: what cannot be written (a full disk) is lost, and the job that printed it goes on. */
  write(bytes: string | Uint8Array): void {
    if (bytes.length === 0) return;
    try {
      this.#spool.disk.append(this.open(), bytes);
      this.trim(false);
    } catch {
      this.#lost += bytes.length;
    }
  }

  /** The descriptor to append to, for a child process that writes by itself; call `trim` now and then while it does. */
  open(): number {
    if (this.#fd !== undefined) return this.#fd;
    const { disk } = this.#spool;
    this.#fd = disk.openAppend(this.#file);
    const before = disk.sizeOf(this.#fd);
    this.#isFirst = before === 0;
    const { attempt, startedAt, runner } = this.#heading;
    disk.append(this.#fd, `${before > 0 ? '\n' : ''}--- attempt ${attempt}, ${new Date(startedAt).toISOString()}, runner ${runner} ---\n`);
    this.#headed = disk.sizeOf(this.#fd);
    return this.#fd;
  }

  /** Cuts the middle out of a log that is too long. Before the end some excess is let be, so that it is not cut at every line. */
  trim(atEnd: boolean): void {
    if (this.#fd === undefined) return;
    const size = this.#spool.disk.sizeOf(this.#fd);
    if (size > this.#limit * (atEnd ? 1 : 1.5)) cutMiddle(this.#spool, this.#fd, size, this.#limit);
  }

  /** The last `bytes` of what this attempt printed. */
  tail(bytes: number): string {
    if (this.#fd === undefined) return '';
    const { disk } = this.#spool;
    const size = disk.sizeOf(this.#fd);
    const start = Math.max(Math.min(this.#headed, size), size - bytes);
    return disk.readFrom(this.#fd, start, size - start).toString('utf8');
  }

  /** Ends the attempt's part. Never throws. */
  close(): void {
    if (this.#lost > 0) this.#say(`[… ${this.#lost} bytes could not be written …]\n`);
    if (this.#fd === undefined) return;
    const { disk } = this.#spool;
    try {
      this.trim(true);
      if (disk.sizeOf(this.#fd) === this.#headed) this.#removeHeading();
    } catch {
      // The disk is still full: the log stays longer than it should be.
    }
    disk.close(this.#fd);
    this.#fd = undefined;
  }

  #say(text: string): void {
    try {
      this.#spool.disk.append(this.open(), text);
    } catch {
      // Then this is lost too.
    }
  }

  // Only a child's log is opened before anything is printed; then the heading stands alone.
  #removeHeading(): void {
    const { disk } = this.#spool;
    if (this.#isFirst) disk.remove(this.#file);
  }
}

/** The last `bytes` of a job's log; empty when it has none. */
export function logTail(spool: Spool, id: string, bytes: number): string {
  const size = spool.disk.facts(spool.jobLog(id))?.size ?? 0;
  return spool.disk.readBytes(spool.jobLog(id), Math.max(0, size - bytes), bytes).toString('utf8');
}

/** Adds what a runner printed before it died to the log of the job that it ran. Never throws: a rescue must not fail for it. */
export function addLastWords(spool: Spool, id: string, attempt: number, words: Uint8Array): void {
  if (words.length === 0) return;
  const { disk } = spool;
  try {
    const fd = disk.openAppend(spool.jobLog(id));
    disk.append(fd, `--- attempt ${attempt} ended with its runner, which printed: ---\n`);
    disk.append(fd, words);
    disk.close(fd);
  } catch {
    // What the disk does not take is lost, as other prints are.
  }
}

const MARK = /^\n\[… (\d+) bytes left out …\]\n/;

/** Keeps a file that others append to below 1.5 times the limit, by cutting out its middle. */
export function capFile(spool: Spool, file: string, limit = MAX_LOG_BYTES): void {
  const { disk } = spool;
  if ((disk.facts(file)?.size ?? 0) <= limit * 1.5) return;
  const fd = disk.openAppend(file);
  try {
    cutMiddle(spool, fd, disk.sizeOf(fd), limit);
  } finally {
    disk.close(fd);
  }
}

// In place, because a child may hold the file open for appending: what it writes in this very moment may be lost with the middle.
function cutMiddle({ disk }: Spool, fd: number, size: number, limit: number): void {
  const half = Math.floor(limit / 2);
  const earlier = MARK.exec(disk.readFrom(fd, half, 64).toString('utf8'));
  const markBytes = earlier ? Buffer.byteLength(earlier[0]) : 0;
  const tail = disk.readFrom(fd, size - half, half);
  const leftOut = size - half - markBytes - tail.length + Number(earlier?.[1] ?? 0);
  disk.truncate(fd, half);
  disk.append(fd, `\n[… ${leftOut} bytes left out …]\n`);
  disk.append(fd, tail);
}
