/** Which jobs the parts of batches in a folder stand for, as spool/README.md says it. Written from that page, not from the code. */
import fs from 'node:fs';
import path from 'node:path';
import { iso } from './model.ts';

/** A part as a folder has it. `isBound`: on its way to another folder. */
type Part = { file: string; isBound: boolean; stem: string; id: string; from: number; to: number };

/** A line that waits or runs: the name that it would have as a file, and the part that stands for it. */
export type Line = { name: string; id: string; line: number; file: string; isBound: boolean };

const NAME = /^(\.pending=)?(p\d+-[^-]+-([^@]+))@(\d+)-(\d+)\.ndjson$/;

export const partsIn = (names: readonly string[]): Part[] =>
  names.flatMap((file) => {
    const [, bound, stem = '', id = '', from, to] = NAME.exec(file) ?? [];
    return stem ? [{ file, isBound: bound !== undefined, stem, id, from: Number(from), to: Number(to) }] : [];
  });

/** The lines in a folder. `isDone`: what a ledger has, by id and time of acceptance, needs no file any more. */
export function linesIn(folder: string, isDone: (id: string, acceptedAt: string) => boolean): Line[] {
  const names = fs.readdirSync(folder);
  const parts = partsIn(names);
  const lines = parts.flatMap((part) => Array.from({ length: part.to - part.from + 1 }, (_, index) => ({ part, line: part.from + index })));
  return lines.flatMap(({ part, line }) => {
    const id = `${part.id}.${line}`;
    const rivals = parts.filter((other) => other !== part && other.id === part.id && other.from <= line && other.to >= line);
    const isSingle = names.some((name) => name.endsWith(`-${id}.json`));
    const acceptedAt = iso(fs.statSync(path.join(folder, part.file)).mtimeMs);
    if (isSingle || rivals.some((rival) => isBefore(rival, part)) || isDone(id, acceptedAt)) return [];
    return [{ name: `${part.stem}.${line}.json`, id, line, file: part.file, isBound: part.isBound }];
  });
}

function isBefore(one: Part, other: Part): boolean {
  if (one.isBound !== other.isBound) return one.isBound;
  const [size, otherSize] = [one.to - one.from, other.to - other.from];
  return size === otherSize ? one.file < other.file : size < otherSize;
}

/** The ids for which parts stand, whether they are done or not, and those of their batches. */
export const idsStanding = (names: readonly string[]): string[] =>
  partsIn(names).flatMap(({ id, from, to }) => [id, ...Array.from({ length: to - from + 1 }, (_, index) => `${id}.${from + index}`)]);
