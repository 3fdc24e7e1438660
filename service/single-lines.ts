import { isPartName, parseBatchName, parseMemberId } from '../spool/batch-name.ts';
import { idOf } from '../spool/order.ts';
import type { Spool } from '../spool/spool.ts';
import { takeLines, waitingAs } from '../spool/take-line.ts';

/** The names of what waits instead of a part: of its first lines, and of the part that is left. */
export type Singled = { singles: string[]; rest: string | undefined };

/** So many lines at once; each becomes a file, and with `durability: full` each file is synced while everything else waits. */
const AT_ONCE = { none: 64, full: 8 } as const;

/**
 * Takes the first lines out of a part of a batch that waits, as files of their own: jobs that share a runner begin and end there each by itself, and to take them out when they
 * are claimed, one by one, costs a trip to the dispatcher for each. Undefined when it cannot be done now, or the part waits no more. `slot` is the dispatcher's own;
 * `count` is how many lines are wanted.
 */
export function singleLines(spool: Spool, slot: string, name: string, count: number): Singled | undefined {
  const part = parseBatchName(name);
  // A rescue that could not be brought to its end: its own comes first.
  if (!part || count < 1 || spool.disk.exists(spool.slot(slot))) return undefined;
  const lines = { from: part.from, to: Math.min(part.to, part.from + Math.min(count, AT_ONCE[spool.durability]) - 1) };
  const taken = takeLines(spool, slot, name, lines, (line, text) => waitingAs(line.job.name, line, text));
  const names = taken?.moved.map((move) => move.name);
  return names && { singles: names.filter((one) => !isPartName(one)).sort(byLine), rest: names.find(isPartName) };
}

const byLine = (a: string, b: string): number => lineOf(a) - lineOf(b);
const lineOf = (name: string): number => parseMemberId(idOf(name))?.line ?? 0;
