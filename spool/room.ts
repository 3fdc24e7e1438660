/** What the disk of a spool has left. `freeFiles` is infinite where a file system sets no limit to their number. */
export type Room = { freeBytes: number; totalBytes: number; freeFiles: number };

/** Too little of it: `disk-low` while some is left, `disk-full` when nothing can be written. `text` is a sentence without its full stop. */
export type Shortage = { kind: 'disk-low' | 'disk-full'; text: string };

/**
 * Whether so little room is left that nothing may be accepted or claimed; undefined when there is enough. Also where no bytes need
 * be free (`minFreeBytes` 0) a full disk is a shortage: what is run then has nowhere to record how it ended.
 */
export function shortageOf({ freeBytes, totalBytes, freeFiles }: Room, minFreeBytes: number): Shortage | undefined {
  if (freeFiles < MIN_FREE_FILES)
    return {
      kind: 'disk-full',
      text: `no more files can be made on the spool's disk: its inodes are used up (${size(freeBytes)} are free)`,
    };
  if (freeBytes < MIN_FREE_BYTES) return { kind: 'disk-full', text: "the spool's disk is full" };
  if (totalBytes < minFreeBytes) {
    const text = `the spool's whole disk has ${size(totalBytes)}, less than ${size(minFreeBytes)} that must stay free: set JOBSPOOL_MIN_FREE lower`;
    return { kind: 'disk-low', text };
  }
  if (freeBytes >= minFreeBytes) return undefined;
  return {
    kind: 'disk-low',
    text: `only ${size(freeBytes)} are free on the spool's disk, less than ${size(minFreeBytes)} (JOBSPOOL_MIN_FREE)`,
  };
}

/** A job in hand needs a few files and pages to be moved on: less than these is as good as nothing. */
const MIN_FREE_FILES = 16;
const MIN_FREE_BYTES = 65_536;

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

function size(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1_024 ** power;
  return `${value.toFixed(power === 0 || value >= 9.95 ? 0 : 1)} ${UNITS[power]}`;
}
