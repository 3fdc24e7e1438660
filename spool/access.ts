import { denialOf } from './denial.ts';
import { messageOf } from './errors.ts';
import { FOLDERS } from './layout.ts';
import type { Spool } from './spool.ts';

/**
 * Why an open spool cannot be worked with any more, as a sentence without its full stop; undefined while it can. A volume may go away, a disk
 * become read-only, permissions change. Cheap enough for every request: opens nothing.
 */
export function whyUnusable(spool: Spool): string | undefined {
  try {
    for (const folder of FOLDERS) spool.disk.checkAccess(spool[folder]);
    return undefined;
  } catch (error) {
    const denial = denialOf(spool.disk, error);
    return `the spool cannot be used: ${messageOf(error)}${denial === undefined ? '' : `; ${denial}`}`;
  }
}
