import path from 'node:path';
import { formatRunAt, parseJobName } from './filename.ts';
import type { JobStatus, Place } from './query.ts';
import type { Spool } from './spool.ts';
import { allows, type State } from './state.ts';

/** What a shell command does to a job, in a word or two, and the command. */
export type HandCommand = { does: string; command: string };

/** The shell commands that do to a job at `place` what `steer.ts` does, as far as its state allows. `now` in milliseconds since the epoch. */
export function shellCommands(spool: Spool, { id, state }: JobStatus, place: Place, now = Date.now()): HandCommand[] {
  if (place.line !== undefined) return lineCommands(spool, id, place.file, place.line, state);
  const { file, name } = place;
  const reason = state === 'rejected' ? [spool.reason(name)] : [];
  // What somebody dropped may be one.
  const isFolder = state === 'rejected' && spool.disk.facts(file)?.isFolder === true;
  return [
    ...(allows(state, 'retry') ? [{ does: 'run again', command: words('mv', '-n', file, `${spool.incoming}/`) }] : []),
    ...(allows(state, 'cancel') ? [{ does: 'cancel', command: words('touch', spool.cancelMarker(id)) }] : []),
    ...(allows(state, 'run-now') ? renamed(place, 'run now', (rest) => rest.replace(STAMP, `$1${formatRunAt(now)}-`)) : []),
    ...(allows(state, 'priority') ? renamed(place, 'priority', (rest) => rest.replace(/^p\d+-/, `p${otherPriority(name)}-`)) : []),
    ...(allows(state, 'remove') ? [{ does: 'delete', command: words('rm', ...(isFolder ? ['-r'] : []), file, ...reason) }] : []),
  ];
}

// A line has no file that could be moved.
function lineCommands(spool: Spool, id: string, file: string, line: number, state: State): HandCommand[] {
  return [
    { does: 'read it', command: words('sed', '-n', `${line}p`, file) },
    ...(allows(state, 'cancel') ? [{ does: 'cancel', command: words('touch', spool.cancelMarker(id)) }] : []),
  ];
}

const STAMP = /^(p\d+-)[^-]*-/;

// What is not accepted yet may have a name of any form: nothing to rename by rule.
function renamed({ file, name }: Place, does: string, change: (name: string) => string): HandCommand[] {
  if (!parseJobName(name)) return [];
  return [{ does, command: words('mv', '-n', file, path.join(path.dirname(file), change(name))) }];
}

// An example must change something: the highest, or the default for what has that already.
const otherPriority = (name: string): number => (name.startsWith('p10-') ? 5 : 10);

const words = (...all: string[]): string => all.map(quoted).join(' ');

/** A word for a shell. What no eye sees, or what turns text around, is written as its bytes: what is copied is what one reads. */
export function quoted(text: string): string {
  if (/^[\w./=+@-]+$/.test(text)) return text;
  if (!/[\p{C}\p{Zl}\p{Zp}]/u.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const bytes = (character: string) => [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  return `$'${text.replace(/[\\']/g, '\\$&').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, bytes)}'`;
}
