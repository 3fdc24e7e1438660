/**
 * Sends what a handler prints to its job's log. `console.log` and everything else that writes to `process.stdout` or
 * `process.stderr` goes there at once. What bypasses them (a child that inherits the descriptors, Node's own last words in a
 * crash) lands in the runner's output file, and is moved to the job's log when the attempt ends.
 */
import { maskSecrets } from '../spool/mask.ts';
import type { Spool } from '../spool/spool.ts';
import type { JobLogger } from './handler.ts';
import { capFile, type JobLog } from './job-log.ts';

let current: JobLog | undefined;

/** From now on prints go to the log of the attempt that runs; between attempts to the output file, as before. */
export function capturePrints(): void {
  for (const stream of [process.stdout, process.stderr]) {
    // The output file may be on a full disk: a print that cannot be kept must not end the process.
    stream.on('error', () => undefined);
    const original = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    stream.write = ((chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      if (!current) return original(chunk, ...rest);
      const encoding = rest.find((value) => typeof value === 'string') as BufferEncoding | undefined;
      const callback = rest.find((value) => typeof value === 'function') as (() => void) | undefined;
      current.write(typeof chunk === 'string' && encoding ? Buffer.from(chunk, encoding) : chunk);
      if (callback) process.nextTick(callback);
      return true;
    }) as typeof stream.write;
  }
}

/** Directs prints to this attempt's log, until `endCapture`. */
export function beginCapture(log: JobLog): void {
  current = log;
}

/** Ends the attempt's log, with what went past it. Never throws. */
export function endCapture(spool: Spool, log: JobLog, outputFile: string, outputFd: number): void {
  current = undefined;
  try {
    capFile(spool, outputFile);
    const size = spool.disk.sizeOf(outputFd);
    if (size > 0) {
      log.write(spool.disk.readBytes(outputFile, 0, size));
      spool.disk.truncate(outputFd, 0);
    }
  } catch {
    // A disk that cannot be written on: what a job printed past its log must not decide how the job ended.
  }
  log.close();
}

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
