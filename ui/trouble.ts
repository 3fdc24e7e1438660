import { whyUnusable } from '../spool/access.ts';
import type { Dashboard } from './dashboard.ts';
import { byteSize } from './views/figures.ts';

/** What is so wrong with the spool that every page says it, in sentences. */
export type Trouble = { kind: 'unusable' | 'disk-low'; text: string };

/** Undefined when nothing is. */
export function troubleOf({ spool, minFreeBytes }: Pick<Dashboard, 'spool' | 'minFreeBytes'>): Trouble | undefined {
  const unusable = unusableSentence(spool);
  if (unusable !== undefined) return { kind: 'unusable', text: unusable };
  const freeBytes = spool.disk.freeBytes(spool.root);
  return freeBytes < minFreeBytes ? { kind: 'disk-low', text: diskLowSentence(freeBytes, minFreeBytes) } : undefined;
}

/** Why the spool cannot be used, and what that means here; undefined when it can. */
export function unusableSentence(spool: Dashboard['spool']): string | undefined {
  const why = whyUnusable(spool);
  return (
    why &&
    `${why.charAt(0).toUpperCase()}${why.slice(1)}. Nothing can be changed or run until it can, and what is shown may be missing or old.`
  );
}

/** That less is free than there must be. */
export const diskLowSentence = (freeBytes: number, minFreeBytes: number): string =>
  `Only ${byteSize(freeBytes)} are free on the spool's disk, less than ${byteSize(minFreeBytes)} (JOBSPOOL_MIN_FREE): nothing is accepted or run until there is more.`;
