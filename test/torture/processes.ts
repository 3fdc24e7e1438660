/** Processes as /proc shows them. */
import fs from 'node:fs';

/** What a process uses; sizes in bytes. */
export type Usage = { pss: number; peakRss: number; descriptors: number; threads: number };

/** Names a process for as long as the machine runs; undefined when there is none (a zombie counts as none). */
export function startOf(pid: number): string | undefined {
  const fields = statOf(pid);
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

export const isAlive = (pid: number): boolean => startOf(pid) !== undefined;

/** Whether a process stands still after SIGSTOP. */
export const isStopped = (pid: number): boolean => statOf(pid)?.[0] === 'T';

/** Undefined when the process is gone. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    const pss = kibibytes(/^Pss:\s*(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')));
    return {
      pss,
      peakRss: kibibytes(/^VmHWM:\s*(\d+) kB$/m.exec(status)),
      descriptors: fs.readdirSync(`/proc/${pid}/fd`).length,
      threads: Number(/^Threads:\s*(\d+)$/m.exec(status)?.[1] ?? 0),
    };
  } catch {
    return undefined;
  }
}

/** The most memory that a process has had in use so far; 0 when it is gone. */
export function peakRssOf(pid: number): number {
  try {
    return kibibytes(/^VmHWM:\s*(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8')));
  } catch {
    return 0;
  }
}

/** Sends a signal to a process, or with `group` to its process group; false when it is gone. */
export function signal(pid: number, name: NodeJS.Signals, group = false): boolean {
  try {
    process.kill(group ? -pid : pid, name);
    return true;
  } catch {
    return false;
  }
}

const kibibytes = (match: RegExpExecArray | null): number => Number(match?.[1] ?? 0) * 1_024;

// From the third field on: the second, the command's name, may hold spaces and parentheses.
function statOf(pid: number): string[] | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
