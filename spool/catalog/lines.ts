import { type BatchName, memberName, parseBatchName } from '../batch-name.ts';
import { isBatchFile } from '../drop-name.ts';
import { lineOrder } from '../line-order.ts';
import { idOf } from '../order.ts';
import type { Entry } from './job-folder.ts';

/** Lines of a batch that wait: one thing to remember for thousands of jobs. `slot`: they were claimed there and have not begun. */
export type Lines = BatchName & {
  file: string;
  slot: string | undefined;
  /** By which they stand among others: that of the first of them. */
  order: string;
};

/** The lines that a file of this name stands for; undefined where it is a job's. */
export function linesOf(name: string, file: string, slot?: string): Lines | undefined {
  const part = isBatchFile(name) ? parseBatchName(name) : undefined;
  return part && { ...part, file, slot, order: orderAt(part, part.from) };
}

/** The name by which a line stands in a list. */
export const orderAt = (lines: BatchName, line: number): string => lineOrder(memberName(lines, line), line);

/** The name by which an entry stands in a list. */
export const orderOf = ({ name, lines }: Pick<Entry, 'name' | 'lines'>): string => lines?.order ?? name;

/** The first of the lines that stands behind a position in a list; one that is no more of them when all stand before it. */
export function lineBehind(lines: Lines, after: string | undefined, compare: (a: string, b: string) => number): number {
  if (after === undefined || compare(lines.order, after) > 0) return lines.from;
  if (compare(orderAt(lines, lines.to), after) <= 0) return lines.to + 1;
  return Number(/!(\d+)$/.exec(idOf(after))?.[1]) + 1;
}

/** How many jobs the entries of a list are. Lists are replaced when they change: each is counted once. */
export function jobsIn(entries: readonly Entry[]): number {
  const known = counted.get(entries);
  if (known !== undefined) return known;
  let count = 0;
  for (const { lines } of entries) count += lines ? lines.to - lines.from + 1 : 1;
  counted.set(entries, count);
  return count;
}

const counted = new WeakMap<readonly Entry[], number>();
