/**
 * The tally: who ran what, and when. Each job writes 16 bytes, its number and the time of its first line, to a file of its process, in memory
 * (tmpfs) and for every contender alike.
 */
import fs from 'node:fs';
import path from 'node:path';
import { now } from './clock.ts';

/** `at` is in milliseconds of the machine's monotonic clock. */
export type Run = { number: number; at: number };

const BYTES = 16;

/** Returns what a handler calls first. */
export function openTally(folder: string): (number: number) => void {
  let file: number | undefined;
  const record = Buffer.alloc(BYTES);
  return (number) => {
    record.writeDoubleLE(now(), 0);
    record.writeDoubleLE(number, 8);
    file ??= fs.openSync(path.join(folder, String(process.pid)), 'a');
    fs.writeSync(file, record);
  };
}

/** How many runs were noted. Cheap enough to be asked a hundred times a second. */
export function countRuns(folder: string): number {
  return fs.readdirSync(folder).reduce((sum, name) => sum + fs.statSync(path.join(folder, name)).size / BYTES, 0);
}

/** Every run, in the order of time. */
export function readTally(folder: string): Run[] {
  const runs = fs.readdirSync(folder).flatMap((name) => decode(fs.readFileSync(path.join(folder, name))));
  return runs.sort((a, b) => a.at - b.at);
}

function decode(bytes: Buffer): Run[] {
  return Array.from({ length: Math.floor(bytes.length / BYTES) }, (_, index) => ({
    at: bytes.readDoubleLE(index * BYTES),
    number: bytes.readDoubleLE(index * BYTES + 8),
  }));
}
