/**
 * Which file stands for which line of a batch: a pure question about names. In one folder a line belongs to the smallest file that names it,
 * and in a slot to one on its way to another folder (`.pending=`, `.retrying=`, …) before one that is held there. So every step of
 * a claim, a cut or a move may be the last of a process that dies: what is left says who has what.
 */
import { type BatchName, memberId, parseBatchName, parseMemberId } from './batch-name.ts';
import { jobNameIn, parseJobName } from './filename.ts';

/** Lines `from` to `to`, both included. */
export type Lines = { from: number; to: number };

/** A file that holds lines of a batch: the name that it has, and what the name says. */
export type Part = { name: string; part: BatchName };

/** The line of the job `id` in a part; undefined when it has none of that id. */
export function lineIn({ id: batch, from, to }: BatchName, id: string): number | undefined {
  const member = id.startsWith(batch) ? parseMemberId(id) : undefined;
  return member?.id === batch && member.line >= from && member.line <= to ? member.line : undefined;
}

/** The part of a batch that holds the job `id`, of the names in one folder; a single file of that id comes before it, and is not looked for here. */
export function partWith(names: Iterable<string>, id: string): (Part & { line: number }) | undefined {
  const member = parseMemberId(id);
  if (!member) return undefined;
  let best: (Part & { line: number }) | undefined;
  for (const name of names) {
    // Most names are of single jobs: told apart before anything is parsed.
    const part = name.endsWith('.ndjson') ? parseBatchName(jobNameIn(name)) : undefined;
    if (part?.id !== member.id || member.line < part.from || member.line > part.to) continue;
    if (!best || ranksBefore(fileOf(name, part), fileOf(best.name, best.part))) best = { name, part, line: member.line };
  }
  return best;
}

/** The parts of the batch `id` among the names of one folder. */
export function partsOf(names: Iterable<string>, id: string): Part[] {
  const parts: Part[] = [];
  for (const name of names) {
    const part = name.endsWith('.ndjson') ? parseBatchName(jobNameIn(name)) : undefined;
    if (part?.id === id) parts.push({ name, part });
  }
  return parts;
}

/**
 * The lines that each part in a folder stands for, by its name there: those that it names, but for those that belong to another file. Parts
 * that stand for none any more are there too.
 */
export function linesByPart(names: readonly string[]): Map<string, Lines[]> {
  const files = names.flatMap((name) => batchFile(name) ?? []);
  const parts = files.filter(({ isPart }) => isPart);
  return new Map(parts.map((part) => [part.name, linesOf(part, files)]));
}

/** The ids of the jobs that the parts in a folder stand for. */
export function* idsInParts(names: readonly string[]): Generator<string> {
  for (const [name, ranges] of linesByPart(names)) {
    const { id } = parseBatchName(jobNameIn(name)) as BatchName;
    for (const { from, to } of ranges) for (let line = from; line <= to; line++) yield memberId(id, line);
  }
}

/** Takes `gone` out of some lines. */
export const without = (lines: readonly Lines[], gone: Lines): Lines[] =>
  lines.flatMap(({ from, to }) => [
    ...(from < gone.from ? [{ from, to: Math.min(to, gone.from - 1) }] : []),
    ...(to > gone.to ? [{ from: Math.max(from, gone.to + 1), to }] : []),
  ]);

/** Ascending numbers of lines as the ranges that they form. */
export function rangesOf(lines: readonly number[]): Lines[] {
  const ranges: Lines[] = [];
  for (const line of lines) {
    const last = ranges.at(-1);
    if (last?.to === line - 1) last.to = line;
    else ranges.push({ from: line, to: line });
  }
  return ranges;
}

/** A file that names lines of a batch: a part of it, or one line that has become a file of its own. */
type BatchFile = Lines & { name: string; batch: string; isPart: boolean; isBound: boolean };

function batchFile(name: string): BatchFile | undefined {
  const named = jobNameIn(name);
  const part = named.endsWith('.ndjson') ? parseBatchName(named) : undefined;
  if (part) return fileOf(name, part);
  const id = parseJobName(named)?.id;
  const member = id === undefined ? undefined : parseMemberId(id);
  if (!member) return undefined;
  return { name, batch: member.id, from: member.line, to: member.line, isPart: false, isBound: named !== name };
}

const fileOf = (name: string, { id, from, to }: BatchName): BatchFile => ({
  name,
  batch: id,
  from,
  to,
  isPart: true,
  isBound: jobNameIn(name) !== name,
});

function linesOf(part: BatchFile, files: readonly BatchFile[]): Lines[] {
  const betters = files.filter((file) => file.name !== part.name && file.batch === part.batch && ranksBefore(file, part));
  return betters.reduce<Lines[]>(without, [{ from: part.from, to: part.to }]);
}

// A line of both belongs to the first.
function ranksBefore(one: BatchFile, other: BatchFile): boolean {
  if (one.isBound !== other.isBound) return one.isBound;
  const [size, otherSize] = [one.to - one.from, other.to - other.from];
  return size === otherSize ? one.name < other.name : size < otherSize;
}
