/** Who submitted a job: the user whose its file is. What a file says of it counts only where nobody but the service can have written it. */
import type { Job } from './job.ts';
import type { Request } from './request.ts';
import type { Spool } from './spool.ts';

/** Whose a file is; undefined on a platform that has no users. `isShared`: others than its owner may write it. */
export type Owner = { uid: number; isShared: boolean } | undefined;

/** How a request was submitted. `isForgeable`: others than its submitter may have written it. */
export type Submission = Pick<Job, 'priority' | 'isForgeable'>;

/** A request, and whether others may have written it. */
export type Submitted = Pick<Job, 'request' | 'isForgeable'>;

/** A request that was read just now from a file of this owner; it is told in place who submitted it. */
export function submittedIn(spool: Spool, request: Request, owner: Owner): Submitted {
  const submittedBy = submitterOf(spool, request.submittedBy, owner?.uid);
  if (submittedBy === undefined) delete request.submittedBy;
  else request.submittedBy = submittedBy;
  return owner?.isShared && !mayTell(spool, owner.uid) ? { request, isForgeable: true } : { request };
}

/** The uid of who submitted what a file of the user `uid` holds; `told`: what the file says. Undefined on a platform that has no users. */
export const submitterOf = (spool: Spool, told: number | undefined, uid: number | undefined): number | undefined =>
  uid !== undefined && told !== undefined && mayTell(spool, uid) ? told : uid;

/**
 * Whether this user's files may say who submitted them: the service writes jobs anew and is their owner then. Root and whose the spool is may do anything in it anyway. A producer
 * that runs as the service's user is the service, as far as files can tell.
 */
export function mayTell(spool: Spool, uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.() || uid === ownerOfSpool(spool);
}

/**
 * Lines of a batch, each with who submitted it: for a copy of them, whose owner is the service. Of two fields of one name the last counts, whatever the line says itself. What is no
 * request yet has it too: somebody may mend it and hand it in.
 */
export const markedLines = (text: string, submittedBy: number): string =>
  text
    .split('\n')
    .map((line) => markedLine(line.trimEnd(), submittedBy))
    .join('\n');

const markedLine = (line: string, submittedBy: number): string =>
  line.endsWith('}') ? `${line.slice(0, -1)},"submittedBy":${submittedBy}}` : line;

// Asked only of files that say something and are neither root's nor this user's: for the command line of a person.
function ownerOfSpool(spool: Spool): number | undefined {
  if (!owners.has(spool)) owners.set(spool, spool.disk.details(spool.pending)?.uid);
  return owners.get(spool);
}

const owners = new WeakMap<Spool, number | undefined>();
