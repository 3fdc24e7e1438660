import { whyUnusable } from '../spool/access.ts';
import { type Shortage, shortageOf } from '../spool/room.ts';
import type { Dashboard } from './dashboard.ts';

/** What is so wrong with the spool that every page says it, in sentences. */
export type Trouble = { kind: 'unusable' | 'disk-low'; text: string };

/** Undefined when nothing is. */
export function troubleOf({ spool, minFreeBytes }: Pick<Dashboard, 'spool' | 'minFreeBytes'>): Trouble | undefined {
  const unusable = unusableSentence(spool);
  if (unusable !== undefined) return { kind: 'unusable', text: unusable };
  const shortage = shortageOf(spool.disk.room(spool.root), minFreeBytes);
  return shortage && { kind: 'disk-low', text: shortageSentence(shortage) };
}

/** Why the spool cannot be used, and what that means here; undefined when it can. */
export function unusableSentence(spool: Dashboard['spool']): string | undefined {
  const why = whyUnusable(spool);
  return (
    why &&
    `${why.charAt(0).toUpperCase()}${why.slice(1)}. Nothing can be changed or run until it can, and what is shown may be missing or old.`
  );
}

/** That there is too little room, and what that means. */
export const shortageSentence = ({ text }: Shortage): string =>
  `${text.charAt(0).toUpperCase()}${text.slice(1)}: nothing is accepted or run until there is more.`;
