import { reject } from '../reject.ts';
import type { Spool } from '../spool.ts';
import type { Repair } from './flaw.ts';

/** Moves a file to `rejected/`, from where `jobspool retry` hands it in again. */
export function toRejected(spool: Spool, file: string, name: string, reason: string, id?: string): Repair {
  const act = () => reject(spool, file, name.replace(/^\.+/, ''), { reason: `${reason} (jobspool fsck --repair)`, id }) !== undefined;
  return { how: `moved ${file.slice(spool.root.length + 1)} to rejected/, with its reason`, act };
}
