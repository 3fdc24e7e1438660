/** What the kernel says of the limits of this process. Nothing where it is no Linux. */
import type { Disk } from '../disk.ts';

/** The text of /proc/self/limits. */
export const limitsOfProcess = (disk: Disk): string | undefined => read(disk, '/proc/self/limits');

/** The number of processes and threads that the control group allows; undefined where it has no limit of its own. */
export function pidsMax(disk: Disk): string | undefined {
  const group = /^0::(\/.*)$/m.exec(read(disk, '/proc/self/cgroup') ?? '')?.[1];
  return group === undefined ? undefined : read(disk, `/sys/fs/cgroup${group === '/' ? '' : group}/pids.max`);
}

/** The memory that this process, and what it starts, may still use: of the machine or of its control group. */
export const availableBytes = (): number => process.availableMemory();

function read(disk: Disk, file: string): string | undefined {
  try {
    return disk.readAnywhere(file);
  } catch {
    // Hidden from this user, or not to be read: then it is not known.
    return undefined;
  }
}
