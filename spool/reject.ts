import path from 'node:path';
import { EACH_ENDING } from './batch-name.ts';
import { errnoOf } from './errors.ts';
import { REASON_ENDING } from './layout.ts';
import type { Request } from './request.ts';
import { replaceFile, type Spool } from './spool.ts';

/** Why a file is in `rejected/`; stands beside it as `<name>.reason.json`. */
export type Reason = {
  reason: string;
  rejectedAt: string;
  id?: string;
  class?: string;
  method?: string;
  /** The uid of who submitted it. */
  submittedBy?: number;
};

/**
 * Moves a file to `rejected/` and says why beside it; returns the name it has there, or undefined when it was gone. The reason is
 * written first: a crash in between leaves the file where it was, never a rejected file without a reason.
 */
export function reject(
  spool: Spool,
  file: string,
  name: string,
  why: { [Field in Exclude<keyof Reason, 'rejectedAt'>]?: Reason[Field] | undefined } & { reason: string },
): string | undefined {
  const { disk } = spool;
  if (!disk.facts(file)) return undefined;
  const free = freeName(spool, name);
  const reason: Reason = JSON.parse(JSON.stringify({ rejectedAt: new Date().toISOString(), ...why }));
  replaceFile(spool, spool.reason(free), `${JSON.stringify(reason, null, 2)}\n`);
  try {
    if (disk.rename(file, `${spool.rejected}/${free}`)) return free;
  } catch (error) {
    disk.remove(spool.reason(free));
    throw error;
  }
  // Another dispatcher that rejected it in this moment gave it the same name: the reason is its file's now.
  if (!disk.facts(`${spool.rejected}/${free}`)) disk.remove(spool.reason(free));
  return undefined;
}

/** Takes the spent budget out of the text of a job that is to be rejected: a retry begins afresh, wherever the job ended. */
export function dropBudget(spool: Spool, file: string, { spent, crashes, ...rest }: Request): void {
  if ((spent === undefined && crashes === undefined) || !spool.disk.facts(file)) return;
  try {
    replaceFile(spool, file, `${JSON.stringify(rest)}\n`);
  } catch (error) {
    // The whole slot was taken over in this moment.
    if (spool.disk.facts(file)) throw error;
  }
}

/**
 * Moves a file to its place in one step, false when there is nothing (left) to move. A folder that stands there is a stranger's, and
 * nothing can be renamed over it: it goes to `rejected/`.
 */
export function moveTo(spool: Spool, from: string, to: string): boolean {
  try {
    return spool.disk.rename(from, to);
  } catch (error) {
    if (!['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(errnoOf(error) ?? '') || !spool.disk.facts(to)?.isFolder) throw error;
    clearAway(spool, to, 'it stood where the file of a job belongs');
    return spool.disk.rename(from, to);
  }
}

/** Removes what stands at the path of a file of ours; a folder, which a stranger made and which may hold anything, goes to `rejected/`. */
export function clearAway(spool: Spool, file: string, reason: string): void {
  if (!spool.disk.facts(file)?.isFolder) spool.disk.remove(file);
  else if (!spool.disk.removeFolder(file)) reject(spool, file, path.basename(file).replace(/^\.+/, ''), { reason });
}

// What is there already stays as it is, under the name or in the place of its reason: the newcomer is numbered. A program that drops
// the same bad file every second must not make each take longer than the last: its number is found by halving.
function freeName(spool: Spool, name: string): string {
  // A batch stays one: it may be handed in again.
  const ending = [EACH_ENDING, '.ndjson'].find((one) => name.endsWith(one)) ?? '.json';
  const stem = cutTo(MAX_STEM_BYTES, name.endsWith(ending) ? name.slice(0, -ending.length) : name) || 'unnamed';
  const numbered = (number: number) => `${stem}${number === 1 ? '' : `.${number}`}${ending}`;
  const isTaken = (number: number) => {
    const candidate = numbered(number);
    // Under such a name it would pass for the reason of another.
    if (candidate.endsWith(REASON_ENDING)) return true;
    // A reason without its file was left by a crash: it is written anew. Anything else there is a stranger's.
    return spool.disk.facts(`${spool.rejected}/${candidate}`) !== undefined || spool.disk.facts(spool.reason(candidate))?.isFile === false;
  };
  let [taken, free] = [0, 1];
  while (isTaken(free)) [taken, free] = [free, 2 * free];
  while (free - taken > 1) {
    const middle = Math.floor((taken + free) / 2);
    if (isTaken(middle)) taken = middle;
    else free = middle;
  }
  return numbered(free);
}

// Names have at most 255 bytes, and ours grow by ".<n>" and ".reason.json".
const MAX_STEM_BYTES = 220;

function cutTo(bytes: number, text: string): string {
  const characters = [...text];
  while (Buffer.byteLength(characters.join('')) > bytes) characters.pop();
  return characters.join('');
}
