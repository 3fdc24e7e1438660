import { platform } from '../spool/platform.ts';
import type { GroupsOf } from './submitters.ts';

/** What is known of a user's groups is asked anew after so long: a person was put into one, or out of it. */
const KNOWN_MS = 60_000;
/** Of so many users at once. */
const MAX_KNOWN = 1_000;

/** Asks the system for the groups of users (passwd, LDAP, whatever it knows them by) and remembers them for a minute. `clock` in monotonic milliseconds. */
export function rememberedGroups(ask: GroupsOf = (uid) => platform.groupsOf(uid), clock = () => performance.now()): GroupsOf {
  const known = new Map<number, { groups: ReturnType<GroupsOf>; until: number }>();
  return (uid) => {
    const found = known.get(uid);
    if (found && clock() < found.until) return found.groups;
    if (known.size >= MAX_KNOWN) known.clear();
    const groups = ask(uid);
    known.set(uid, { groups, until: clock() + KNOWN_MS });
    return groups;
  };
}
