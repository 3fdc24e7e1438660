/** Who may submit what the allow-list limits, and up to which priority: the first of a list that means the user decides. */
import { z } from 'zod';
import { MAX_PRIORITY } from '../spool/filename.ts';
import type { Request } from '../spool/request.ts';
import type { Submission } from '../spool/submitter.ts';

/** The largest uid and gid; the one above it stands for none. */
const MAX_ID = 4_294_967_294;
const PRIORITY_RULE = `expected a whole number from 1 to ${MAX_PRIORITY}`;

const Submitter = z
  .strictObject({
    uid: z.int().min(0).max(MAX_ID).optional(),
    group: z.union([z.int().min(0).max(MAX_ID), z.string().min(1)]).optional(),
    maxPriority: z.int(PRIORITY_RULE).min(1).max(MAX_PRIORITY).optional(),
  })
  .refine(({ uid, group }) => uid === undefined || group === undefined, {
    path: ['group'],
    message: 'belongs to another entry than "uid": expected one of the two, or neither, which means everybody',
  });

/** A user (`uid`), the members of a group (its number or name), or, with neither, everybody; `maxPriority` is the highest that they may ask for. */
export type Submitter = z.infer<typeof Submitter>;

export const Submitters = z.array(Submitter).min(1);

/** The groups of a user: numbers, and names where they have any. Throws when they cannot be found out. */
export type GroupsOf = (uid: number) => ReadonlySet<number | string>;

/** Why a request may not be submitted as it was, as a sentence; undefined when it may. `what` is its class and method. */
export function submitterRefusal(
  what: string,
  submitters: readonly Submitter[],
  { submittedBy, isForgeable, priority }: Submission & Pick<Request, 'submittedBy' | 'isForgeable'>,
  groupsOf: GroupsOf,
): string | undefined {
  const those = inWords(submitters);
  if (submittedBy === undefined) return `${what} may be submitted by ${those} only, and this platform does not say who submitted it`;
  // Where everybody may, with one limit for all, nobody can gain by another's name.
  const isForAll = submitters[0]?.uid === undefined && submitters[0]?.group === undefined;
  if (isForgeable && !isForAll)
    return `${what} may be submitted by ${those} only, and others than uid ${submittedBy} may have written it: let its producer have the umask 027, and submit it anew`;
  const own = submitters.find((one) => isMeant(one, submittedBy, groupsOf));
  if (!own) return `uid ${submittedBy} may not submit ${what}; who may: ${those}`;
  const { maxPriority = MAX_PRIORITY } = own;
  if (priority <= maxPriority) return undefined;
  return `uid ${submittedBy} may submit ${what} with a priority of at most ${maxPriority}, got ${priority}; who may: ${those}`;
}

function isMeant({ uid, group }: Submitter, submittedBy: number, groupsOf: GroupsOf): boolean {
  if (group !== undefined) return groupsOf(submittedBy).has(group);
  return uid === undefined || uid === submittedBy;
}

function inWords(submitters: readonly Submitter[]): string {
  const told = submitters.slice(0, MAX_TOLD).map(({ uid, group, maxPriority }) => {
    const who = group !== undefined ? `group ${group}` : uid !== undefined ? `uid ${uid}` : 'everybody';
    return maxPriority === undefined ? who : `${who} (priority at most ${maxPriority})`;
  });
  return `${told.join(', ')}${submitters.length > MAX_TOLD ? ` and ${submitters.length - MAX_TOLD} more` : ''}`;
}

const MAX_TOLD = 10;
