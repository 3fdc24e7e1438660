import { parseBatchName } from '../spool/batch-name.ts';
import { textOf } from '../spool/part.ts';
import type { Spool } from '../spool/spool.ts';
import { takeLines } from '../spool/take-line.ts';

/** So many lines at once; each becomes a file, and with `durability: full` each file is synced while everything else waits. */
const AT_ONCE = { none: 64, full: 8 } as const;

/**
 * Takes the first lines out of a part of a batch that waits, as files of their own: jobs that share a runner begin and end there each by itself, and to take them out when they
 * are claimed, one by one, costs a trip to the dispatcher for each. Returns the names of those that wait instead of the part; undefined when it cannot be
 * done now, or the part waits no more. `slot` is the dispatcher's own.
 */
export function singleLines(spool: Spool, slot: string, name: string): string[] | undefined {
  const part = parseBatchName(name);
  // A rescue that could not be brought to its end: its own comes first.
  if (!part || spool.disk.exists(spool.slot(slot))) return undefined;
  const lines = { from: part.from, to: Math.min(part.to, part.from + AT_ONCE[spool.durability] - 1) };
  const taken = takeLines(spool, slot, name, lines, (line, { writtenAt }) => ({
    folder: 'pending',
    name: line.job.name,
    // Who claims it rejects what is no request.
    text: line.spoilt === undefined ? textOf(line.job, writtenAt) : line.text,
  }));
  return taken?.moved.map((move) => move.name);
}
