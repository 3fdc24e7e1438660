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
  #headed = 0;

  constructor(spool: Spool, id: string, heading: Heading, limit = MAX_LOG_BYTES) {
    this.#spool = spool;
    this.#file = spool.jobLog(id);
    this.#heading = heading;
    this.#limit = limit;
  }

  write(bytes: string | Uint8Array): void {
    if (bytes.length === 0) return;
    const fd = this.open();
    this.#spool.disk.append(fd, bytes);
    this.trim(false);
  }

  /** The descriptor to append to, for a child process that writes by itself; call `trim` now and then while it does. */
  open(): number {
    if (this.#fd !== undefined) return this.#fd;
    const { disk } = this.#spool;
    this.#fd = disk.openAppend(this.#file);
    const before = disk.sizeOf(this.#fd);
    const { attempt, startedAt, runner } = this.#heading;
    disk.append(this.#fd, `${before > 0 ? '\n' : ''}--- attempt ${attempt}, ${new Date(startedAt).toISOString()}, runner ${runner} ---\n`);
    this.#headed = disk.sizeOf(this.#fd);
    return this.#fd;
  }

  /** Cuts the middle out of a log that is too long. Before the end some excess is let be, so that it is not cut at every line. */
  trim(atEnd: boolean): void {
    if (this.#fd === undefined) return;
    const size = this.#spool.disk.sizeOf(this.#fd);
    if (size > this.#limit * (atEnd ? 1 : 1.5)) cutMiddle(this.#spool, this.#file, this.#fd, size, this.#limit);
  }

  /** The last `bytes` of what this attempt printed. */
  tail(bytes: number): string {
    if (this.#fd === undefined) return '';
    const { disk } = this.#spool;
    const size = disk.sizeOf(this.#fd);
    const start = Math.max(Math.min(this.#headed, size), size - bytes);
    return disk.readFrom(this.#fd, start, size - start).toString('utf8');
  }

  /** Ends the attempt's part. */
  close(): void {
    if (this.#fd === undefined) return;
    const { disk } = this.#spool;
    this.trim(true);
    const printedNothing = disk.sizeOf(this.#fd) === this.#headed;
    disk.close(this.#fd);
    this.#fd = undefined;
    if (printedNothing) this.#removeHeading();
  }

  // Only a child's log is opened before anything is printed; then the heading stands alone.
  #removeHeading(): void {
    const { disk } = this.#spool;
    if (this.#heading.attempt === 1) disk.remove(this.#file);
  }
}

/** The last `bytes` of a job's log; empty when it has none. */
export function logTail(spool: Spool, id: string, bytes: number): string {
  const size = spool.disk.facts(spool.jobLog(id))?.size ?? 0;
  return spool.disk.readBytes(spool.jobLog(id), Math.max(0, size - bytes), bytes).toString('utf8');
}

/** Adds what a runner printed before it died to the log of the job that it ran. */
export function addLastWords(spool: Spool, id: string, attempt: number, words: Uint8Array): void {
  if (words.length === 0) return;
  const { disk } = spool;
  const fd = disk.openAppend(spool.jobLog(id));
  try {
    disk.append(fd, `--- attempt ${attempt} ended with its runner, which printed: ---\n`);
    disk.append(fd, words);
  } finally {
    disk.close(fd);
  }
}

const MARK = /^\n\[… (\d+) bytes left out …\]\n/;

// In place, because a child may hold the file open for appending: what it writes in this very moment may be lost with the middle.
function cutMiddle(spool: Spool, file: string, fd: number, size: number, limit: number): void {
  const { disk } = spool;
  const half = Math.floor(limit / 2);
  const earlier = MARK.exec(disk.readBytes(file, half, 64).toString('utf8'));
  const markBytes = earlier ? Buffer.byteLength(earlier[0]) : 0;
  const tail = disk.readBytes(file, size - half, half);
  const leftOut = size - half - markBytes - tail.length + Number(earlier?.[1] ?? 0);
  disk.truncate(fd, half);
  disk.append(fd, `\n[… ${leftOut} bytes left out …]\n`);
  disk.append(fd, tail);
}
