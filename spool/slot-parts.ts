import { type BatchName, parseBatchName, parseMemberId } from './batch-name.ts';
import { jobNameIn, parseJobName } from './filename.ts';

/** Lines of a batch that a file in a slot's folder stands for. `isBound`: it is on its way out of the slot. */
export type SlotPart = BatchName & { file: string; isBound: boolean };

/**
 * Which lines the files of one slot stand for. Claiming, giving back and taking out are done in several steps, and a crash may come between any two:
 * a line belongs to the smallest file that names it, to one that is bound elsewhere before one that is the runner's own.
 */
export function partsInSlot(files: readonly string[]): SlotPart[] {
  const named = files.flatMap((file) => {
    const part = parseBatchName(jobNameIn(file));
    return part ? [{ ...part, file, isBound: jobNameIn(file) !== file }] : [];
  });
  if (named.length === 0) return [];
  const taken = [...linesOfFiles(files)];
  return named.sort(byClaim).flatMap((part) => {
    const left = without(
      part,
      taken.filter(({ id }) => id === part.id),
    );
    taken.push(part);
    return left.map(({ from, to }) => ({ ...part, from, to }));
  });
}

type Range = { from: number; to: number };

/** What is left of a range of lines, in order. */
export function without({ from, to }: Range, taken: readonly Range[]): Range[] {
  const left: Range[] = [];
  let next = from;
  for (const one of taken.toSorted((a, b) => a.from - b.from)) {
    if (one.from > next) left.push({ from: next, to: Math.min(to, one.from - 1) });
    next = Math.max(next, one.to + 1);
    if (next > to) break;
  }
  return next <= to ? [...left, { from: next, to }] : left.filter((range) => range.from <= range.to);
}

// A line that has a file of its own.
function* linesOfFiles(files: readonly string[]): Generator<Range & { id: string }> {
  for (const file of files) {
    const member = parseMemberId(parseJobName(jobNameIn(file))?.id ?? '');
    if (member) yield { id: member.id, from: member.line, to: member.line };
  }
}

const byClaim = (a: SlotPart, b: SlotPart): number => Number(b.isBound) - Number(a.isBound) || a.to - a.from - (b.to - b.from);
