import fs from 'node:fs';

/** The handlers that are measured. */
export class Bench {
  noop(): void {}

  /** Appends the time of its first line, in milliseconds of the machine's monotonic clock. */
  mark(file: string): void {
    fs.appendFileSync(file, `${Number(process.hrtime.bigint()) / 1e6}\n`);
  }
}
