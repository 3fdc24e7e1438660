import path from 'node:path';
import type { FileFacts } from '../spool/disk.ts';
import { messageOf } from '../spool/errors.ts';
import { dayOf, rotatedNames } from '../spool/layout.ts';
import type { Spool } from '../spool/spool.ts';

/** How many rotated files are kept beside the current one. */
export const KEPT_FILES = 14;

/**
 * A log file that any number of processes append to, a line at a time, and that the first of them to write on a new (UTC) day
 * renames to `<name>.<day>.log`. No line is lost and no file replaced, whoever comes first: see `#rotate`.
 */
export class DailyFile {
  readonly #spool: Spool;
  readonly #path: string;
  readonly #now: () => number;
  #fd: number | undefined;
  #day = '';
  #checkAt = 0;
  /** Lines that could not be written since the last that could. */
  #lost = 0;

  constructor(spool: Spool, file: string, now: () => number = Date.now) {
    this.#spool = spool;
    this.#path = file;
    this.#now = now;
  }

  /**
   * Appends whole lines with one system call, so that lines of several processes never mix. Never throws: a log that cannot be written
   * (a full disk) must not stop the jobs. The first lines that are lost are told of on standard error, and how many there were in the file
   * itself, once it can be written again.
   */
  write(lines: string): void {
    try {
      const now = this.#now();
      if (this.#fd === undefined || now >= this.#checkAt) this.#follow(now);
      const fd = this.#fd as number;
      this.#spool.disk.append(fd, this.#lost === 0 ? lines : `${this.#lossTold(fd, now)}${lines}`);
      this.#lost = 0;
    } catch (error) {
      if (this.#lost === 0)
        process.stderr.write(`write ${this.#path}: ${messageOf(error)}; lines are lost until it can be written again\n`, () => undefined);
      this.#lost += lines.split('\n').length - 1;
    }
  }

  // A disk that became full may have taken the beginning of a line, ours or another process's.
  #lossTold(fd: number, now: number): string {
    const { disk } = this.#spool;
    const size = disk.sizeOf(fd);
    const isTorn = size > 0 && disk.readFrom(fd, size - 1, 1).toString() !== '\n';
    const msg = `${this.#lost} lines of process ${process.pid} could not be written here and are lost: the disk did not take them`;
    return `${isTorn ? '\n' : ''}${JSON.stringify({ level: 'warn', time: new Date(now).toISOString(), pid: process.pid, msg })}\n`;
  }

  close(): void {
    if (this.#fd !== undefined) this.#spool.disk.close(this.#fd);
    this.#fd = undefined;
  }

  // Once a second at most: is the file that is open still the one at the path, and is it of today?
  #follow(now: number): void {
    this.#checkAt = now + CHECK_MS;
    const there = this.#spool.disk.facts(this.#path);
    if (there) {
      const day = this.#isOpen(there.ino) ? this.#day : dayOf(there.mtimeMs);
      if (day !== dayOf(now)) this.#rotate(day, there.ino, now);
    }
    if (this.#isOpen(this.#spool.disk.facts(this.#path)?.ino)) return;
    this.close();
    // A rotation that another process began and did not end leaves a file of an earlier day: its turn comes again.
    const fd = this.#spool.disk.openAppend(this.#path);
    this.#day = dayOf(this.#spool.disk.sizeOf(fd) === 0 ? now : this.#spool.disk.writtenAt(fd));
    this.#fd = fd;
  }

  #isOpen(inode: number | undefined): boolean {
    return this.#fd !== undefined && inode !== undefined && this.#spool.disk.inodeOf(this.#fd) === inode;
  }

  // The old file first gets its dated name by a link, which only one process can make, and only that one removes the current
  // name; everybody else goes on writing to the same file until they see a new one. A process that dies in between leaves
  // both names on one file; after a while somebody removes the current one for it.
  #rotate(day: string, inode: number, now: number): void {
    const { disk } = this.#spool;
    for (let number = 1; ; number++) {
      // Somebody else rotated meanwhile: what is at the path now is of today.
      if (disk.facts(this.#path)?.ino !== inode) return;
      const dated = this.#path.replace(/\.log$/, `.${day}${number === 1 ? '' : `.${number}`}.log`);
      const isOurs = disk.link(this.#path, dated);
      const old = disk.facts(dated);
      if (old?.ino === inode) return this.#finish(isOurs, old, now);
      // In the moment before the link the path got a new file: that one stays.
      if (isOurs) disk.remove(dated);
    }
  }

  #finish(isOurs: boolean, old: FileFacts, now: number): void {
    if (!isOurs && now - old.ctimeMs <= ABANDONED_MS) return;
    this.#spool.disk.remove(this.#path);
    this.#prune();
  }

  #prune(): void {
    const { disk } = this.#spool;
    const { dir, base } = path.parse(this.#path);
    for (const name of rotatedNames(base, disk.names(dir)).slice(KEPT_FILES)) disk.remove(path.join(dir, name));
  }
}

const CHECK_MS = 1_000;
const ABANDONED_MS = 10_000;
