/** Whether processes can be told apart: dead holders are proven dead by it. */
import { messageOf } from '../errors.ts';
import { platform as realPlatform } from '../platform.ts';
import { type Answer, fail, ok, warn } from './finding.ts';

type Sight = Pick<typeof realPlatform, 'name' | 'processStart' | 'bootId' | 'pidNamespace'>;

export function processTable(platform: Sight = realPlatform): Answer {
  const blind = blindness(platform);
  if (blind !== undefined) return fail(`${blind}: nobody can prove that a runner is dead, and its jobs wait for ever; mount /proc`);
  const unread = [platform.bootId() === '' ? 'its boot id' : '', platform.pidNamespace() === '' ? 'the pid namespace' : ''].filter(Boolean);
  if (platform.name === 'linux' && unread.length > 0)
    return warn(
      `of this machine ${unread.join(' and ')} cannot be read in /proc: after a restart a pid may be taken for a runner that is gone`,
    );
  if (platform.name === 'linux' && !isSeen(platform, 1)) return warn(HIDDEN);
  return ok('processes can be told apart by their start times, boot and pid namespace');
}

function blindness({ processStart }: Sight): string | undefined {
  try {
    return processStart(process.pid) === undefined ? 'this process does not see itself in the process table' : undefined;
  } catch (error) {
    return `the process table cannot be read, ${messageOf(error)}`;
  }
}

// Of a process that is there and hidden, the platform says that it does not know.
function isSeen({ processStart }: Sight, pid: number): boolean {
  try {
    return processStart(pid) !== undefined;
  } catch {
    return false;
  }
}

const HIDDEN =
  'processes of other users are hidden from this one (/proc is mounted with hidepid): runners of another user are never proven dead; run all dispatchers as one user, or mount /proc without it';
