/** Who submitted a job: the user whose its file is. What a file says of it counts only where nobody but the service can have written it. */
import { isDropFolder } from './drop-folder.ts';
import type { Job } from './job.ts';
import type { Request } from './request.ts';
import type { Spool } from './spool.ts';

/** Whose a file is; undefined on a platform that has no users. `isShared`: others than its owner may write it. */
export type Owner = { uid: number; isShared: boolean } | undefined;

/** How a request was submitted, beside what it says itself. */
export type Submission = Pick<Job, 'priority'>;

/**
 * What a file's owner says of those who wrote it; undefined on a platform that has no users. `maySayWho`: its text may say who submitted it. `isForgeable`: others than its owner may have
 * written that text.
 */
export type Author = { uid: number; maySayWho: boolean; isForgeable: boolean } | undefined;

export function authorOf(spool: Spool, owner: Owner): Author {
  if (!owner) return undefined;
  const maySayWho = mayTell(spool, owner.uid);
  // Where all trust each other, all may write the service's files. In a drop folder it writes none such: a person dropped it, and another may have changed it.
  const isForgeable = owner.isShared && (!maySayWho || keepsApart(spool));
  return { uid: owner.uid, maySayWho, isForgeable };
}

/** A request that was read just now from a file of this owner; it is told in place who submitted it, and whether that is beyond doubt. */
export function submittedIn(request: Request, author: Author): Request {
  if (!author) delete request.submittedBy;
  else if (!author.maySayWho || request.submittedBy === undefined) request.submittedBy = author.uid;
  // A doubt that the service has once noted stays, in whosever file.
  if (author?.isForgeable) request.isForgeable = true;
  return request;
}

/** The uid of who submitted what a file of the user `uid` holds; `told`: what the file says. Undefined on a platform that has no users. */
export const submitterOf = (spool: Spool, told: number | undefined, uid: number | undefined): number | undefined =>
  uid !== undefined && told !== undefined && mayTell(spool, uid) ? told : uid;

/**
 * Whether this user's files may say who submitted them: the service writes jobs anew and is their owner then. Root and whose the spool is may do anything in it anyway. A producer
 * that runs as the service's user is the service, as far as files can tell.
 */
function mayTell(spool: Spool, uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.() || uid === ownerOfSpool(spool);
}

/**
 * Lines of a batch, each with who submitted it: for a copy of them, whose owner is the service. Of two fields of one name the last counts, whatever the line says itself. What is no
 * request yet has it too: somebody may mend it and hand it in.
 */
export function markedLines(text: string, author: Author): string {
  const who = author && !author.maySayWho ? `,"submittedBy":${author.uid}` : '';
  const mark = `${who}${author?.isForgeable ? ',"isForgeable":true' : ''}`;
  return mark === ''
    ? text
    : text
        .split('\n')
        .map((line) => markedLine(line.trimEnd(), mark))
        .join('\n');
}

const markedLine = (line: string, mark: string): string => (line.endsWith('}') ? `${line.slice(0, -1)}${mark}}` : line);

// Asked only of files that are neither root's nor this user's, and known from then on.
function ownerOfSpool(spool: Spool): number | undefined {
  if (!owners.has(spool)) owners.set(spool, spool.disk.details(spool.pending)?.uid);
  return owners.get(spool);
}

const owners = new WeakMap<Spool, number | undefined>();

// A spool is laid out while no service runs: it is looked at once.
function keepsApart(spool: Spool): boolean {
  const known = dropFolders.get(spool) ?? isDropFolder(spool);
  dropFolders.set(spool, known);
  return known;
}

const dropFolders = new WeakMap<Spool, boolean>();
