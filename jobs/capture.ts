/**
 * Sends what a handler prints to its job's log. `console.log` and everything else that writes to `process.stdout` or
 * `process.stderr` goes there at once. What bypasses them (a child that inherits the descriptors, Node's own last words in a
 * crash) lands in the runner's output file, and is moved to the job's log when the attempt ends.
 */
import { maskSecrets } from '../spool/mask.ts';
import type { Spool } from '../spool/spool.ts';
import type { JobLogger } from './handler.ts';
import { capFile, type JobLog } from './job-log.ts';
import { whose } from './whose.ts';

let current: JobLog | undefined;

/** From now on prints go to the log of the attempt that runs; between attempts to the output file, as before. */
export function capturePrints(): void {
  for (const stream of [process.stdout, process.stderr]) {
    // The output file may be on a full disk: a print that cannot be kept must not end the process.
    stream.on('error', () => undefined);
    const original = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      const log = logOfNow();
      if (!log) return original(chunk, ...rest);
      const encoding = rest.find((value) => typeof value === 'string') as BufferEncoding | undefined;
      const callback = rest.find((value) => typeof value === 'function') as (() => void) | undefined;
      log.write(typeof chunk === 'string' && encoding ? Buffer.from(chunk, encoding) : chunk);
      if (callback) process.nextTick(callback);
      return true;
    }) as typeof stream.write;
  }
}

// What a job that shared its runner left behind (a timer, say) has no log any more, and must not write into another's.
function logOfNow(): JobLog | undefined {
  const attempt = whose();
  if (!attempt) return current;
  return attempt.isOver ? undefined : attempt.log;
}

/** Directs prints to this attempt's log, until `endCapture`. */
export function beginCapture(log: JobLog): void {
  current = log;
}

/** Ends the attempt's log, with what went past it. Never throws. */
export function endCapture(spool: Spool, log: JobLog, outputFile: string, outputFd: number): void {
  current = undefined;
  log.write(takeOutput(spool, outputFile, outputFd));
  log.close();
}

/** Empties the runner's output file and returns what was in it. Never throws. */
export function takeOutput(spool: Spool, outputFile: string, outputFd: number): Buffer {
  try {
    const { disk } = spool;
    if (disk.sizeOf(outputFd) === 0) return NOTHING;
    capFile(spool, outputFile);
    const size = disk.sizeOf(outputFd);
    const bytes = disk.readBytes(outputFile, 0, size);
    disk.truncate(outputFd, 0);
    return bytes;
  } catch {
    // A disk that cannot be written on: what a job printed past its log must not decide how the job ended.
    return NOTHING;
  }
}

const NOTHING = Buffer.alloc(0);

/** `jobContext().log`: a line with time and level in the job's log. */
export function jobLogger(log: JobLog): JobLogger {
  const line = (level: string) => (text: string, fields?: object) =>
    log.write(`${new Date().toISOString()} ${level} ${text}${fields ? ` ${jsonWithoutSecrets(fields)}` : ''}\n`);
  return { info: line('INFO'), warn: line('WARN'), error: line('ERROR') };
}

// As JSON has it, and not before: dates and other objects say themselves what they are there.
function jsonWithoutSecrets(fields: object): string {
  const text: string | undefined = JSON.stringify(fields);
  return text === undefined ? '' : JSON.stringify(maskSecrets(JSON.parse(text)));
}
