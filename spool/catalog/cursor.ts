import { SpoolError } from '../errors.ts';
import type { RowKey } from './columns.ts';

/** Where a list goes on: behind this job. `name` is that of its file; `isIncoming`, whether it is not accepted yet. */
export type Position =
  | { section: 'running' | 'pending' | 'retrying' | 'scheduled'; name: string; isIncoming: boolean }
  /** `file` is `failed/<name>`. */
  | { section: 'over'; finishedAt: number; file: string }
  | { section: 'over'; finishedAt: number; row: RowKey };

/** A position as text for an address; it means the same in another process. */
export function writeCursor(position: Position): string {
  return Buffer.from(JSON.stringify(partsOf(position))).toString('base64url');
}

/** Throws SpoolError `INVALID_REQUEST` for a text that is no cursor. */
export function readCursor(text: string): Position {
  const position = positionOf(parsed(text));
  if (position) return position;
  throw new SpoolError('INVALID_REQUEST', 'list: expected a cursor that a page before gave, got another text; begin at the first page');
}

function partsOf(position: Position): unknown[] {
  if (position.section !== 'over') return [position.section, position.name, ...(position.isIncoming ? [1] : [])];
  if ('file' in position) return ['over', position.finishedAt, position.file];
  return ['over', position.finishedAt, position.row.file, position.row.offset];
}

function parsed(text: string): unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

function positionOf([section, first, second, third]: unknown[]): Position | undefined {
  if (section === 'running' || section === 'pending' || section === 'retrying' || section === 'scheduled')
    return typeof first === 'string' ? { section, name: first, isIncoming: second === 1 } : undefined;
  if (section !== 'over' || typeof first !== 'number' || typeof second !== 'string') return undefined;
  if (third === undefined) return { section, finishedAt: first, file: second };
  return typeof third === 'number' ? { section, finishedAt: first, row: { finishedAt: first, file: second, offset: third } } : undefined;
}
