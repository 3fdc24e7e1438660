/**
 * What differs between operating systems, in one place. `platform` is the running system's; `platformFor` makes
 * another's, so that the branches of all of them are tested on one.
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { errnoOf } from './errors.ts';

export type Signal = 'SIGTERM' | 'SIGKILL';

/** A process as its system lists it. `start` as `processStart` gives it. */
export type ProcessFacts = { pid: number; parent: number; group: number; session: number; start: string };

/** The system calls behind a platform; tests give their own. */
export type SystemCalls = {
  readFile(file: string): string;
  readFolder(folder: string): string[];
  readLink(file: string): string;
  writeFile(file: string, text: string): void;
  run(command: string, args: string[]): string;
  kill(pid: number, signal: NodeJS.Signals | 0): void;
};

export type Platform = ReturnType<typeof platformFor>;

export function platformFor(name: NodeJS.Platform, calls: SystemCalls = systemCalls) {
  const isWindows = name === 'win32';
  const isLinux = name === 'linux';
  return {
    name,
    /** Whether a folder can be synced to make renames durable. */
    syncsFolders: !isWindows,

    /**
     * When a process started, in the system's own unit: with the pid it names one process for as long as the system
     * runs, however often pids are used again. Undefined: no such process (a zombie counts as none). Throws when that cannot be found
     * out.
     */
    processStart(pid: number): string | undefined {
      if (isLinux) return startFromProc(calls, pid);
      return isWindows ? startFromWindows(calls, pid) : startFromPs(calls, pid);
    },

    /** Whether `bootId` and `pidNamespace` mean something here. Where they are empty all the same, it is not known what they are. */
    namesBoots: isLinux,

    /** Names this boot of the machine, so that a pid from before a restart is not mistaken for a living process. */
    bootId(): string {
      return isLinux ? orElse('', () => calls.readFile('/proc/sys/kernel/random/boot_id').trim()) : '';
    },

    /** Names the pid namespace: two containers on one machine may both have a pid 7. */
    pidNamespace(): string {
      return isLinux && seesOwnProcesses(calls) ? orElse('', () => calls.readLink('/proc/self/ns/pid')) : '';
    },

    /**
     * The groups of a user, by number and by name; none of a user that this system does not know (one of the host, in a container). Throws when that cannot be found out. Of who
     * is in one whose name has a space, by number alone: each word of it might be the name of another.
     */
    groupsOf(uid: number): ReadonlySet<number | string> {
      const numbers = groupsFrom(calls, '-G', uid).map(Number);
      const names = numbers.length > 0 ? groupsFrom(calls, '-Gn', uid) : [];
      return new Set([...numbers, ...(names.length === numbers.length ? names : [])]);
    },

    /** The memory that a process has in use (its resident set), in bytes. Linux only, and only in our own pid namespace; undefined elsewhere. */
    residentBytes(pid: number): number | undefined {
      if (!isLinux) return undefined;
      const kibibytes = /^VmRSS:\s*(\d+) kB$/m.exec(orElse('', () => calls.readFile(`/proc/${pid}/status`)))?.[1];
      return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024;
    },

    /**
     * Signals a process and those it started. POSIX: its process group, of which it must be the leader.
     * False when none is left.
     */
    signalTree(pid: number, signal: Signal): boolean {
      return isWindows ? killWindowsTree(calls, pid, signal) : signalGroup(calls, pid, signal);
    },

    /** Whether `processes` lists any on this system. */
    findsStragglers: isLinux,

    /** All processes but the dead that nobody has reaped. Linux only; elsewhere none are listed. */
    processes(): ProcessFacts[] {
      return isLinux && seesOwnProcesses(calls) ? pidsIn(calls).flatMap((pid) => factsFromProc(calls, pid) ?? []) : [];
    },

    /** Whether a process was started with all of these variables in its environment: what it starts inherits them. Only of our own user. */
    hasEnvironment(pid: number, variables: Readonly<Record<string, string>>): boolean {
      const environment = isLinux ? orElse('', () => `\0${calls.readFile(`/proc/${pid}/environ`)}`) : '';
      return environment !== '' && Object.entries(variables).every(([name, value]) => environment.includes(`\0${name}=${value}\0`));
    },

    /** Whether any process of the tree that `signalTree` reaches is left. Zombies that nobody reaped count. */
    treeExists(pid: number): boolean {
      return isWindows ? startFromWindows(calls, pid) !== undefined : sent(() => calls.kill(-pid, 0));
    },

    /** Lets a process and its group go on where somebody has stopped them (SIGSTOP); nothing happens to those that run. */
    wakeTree(pid: number): boolean {
      return !isWindows && sent(() => calls.kill(-pid, 'SIGCONT'));
    },

    /**
     * Has the kernel end this process, and what it starts from now on, before others when memory runs out (proc(5), oom_score_adj). Linux only;
     * where it may not be asked for, nothing happens.
     */
    endFirstWithoutMemory(pid: number): void {
      if (isLinux) orElse(undefined, () => calls.writeFile(`/proc/${pid}/oom_score_adj`, '500'));
    },

    /** Signals one process; false when it is gone. */
    signal(pid: number, signal: Signal): boolean {
      return sent(() => calls.kill(pid, signal));
    },
  };
}

const systemCalls: SystemCalls = {
  readFile: (file) => fs.readFileSync(file, 'utf8'),
  readFolder: (folder) => fs.readdirSync(folder),
  readLink: (file) => fs.readlinkSync(file),
  writeFile: (file, text) => fs.writeFileSync(file, text),
  run: (command, args) => execFileSync(command, args, { encoding: 'utf8', windowsHide: true, stdio: ['ignore', 'pipe', 'ignore'] }),
  kill: (pid, signal) => void process.kill(pid, signal),
};

export const platform = platformFor(process.platform);

// A container that was given no /proc of its own sees another one's: the numbers in it are of other processes than ours.
function seesOwnProcesses(calls: SystemCalls): boolean {
  return orElse(true, () => calls.readLink('/proc/self') === String(process.pid));
}

// What ends with an exit code has answered that there is no such user, or that a group of it has no name.
function groupsFrom(calls: SystemCalls, flag: string, uid: number): string[] {
  try {
    return wordsOf(calls.run('id', [flag, String(uid)]));
  } catch (error) {
    const { status, stdout } = error as { status?: number | null; stdout?: string };
    if (typeof status === 'number') return wordsOf(stdout ?? '');
    throw error;
  }
}

const wordsOf = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

const startFromProc = (calls: SystemCalls, pid: number): string | undefined =>
  parseStat(
    pid,
    readOfProcess(calls, pid, () => calls.readFile(`/proc/${pid}/stat`)),
  )?.start;

const factsFromProc = (calls: SystemCalls, pid: number): ProcessFacts | undefined =>
  parseStat(
    pid,
    orElse(undefined, () => calls.readFile(`/proc/${pid}/stat`)),
  );

// Fields 3, 4, 5, 6 and 22 of /proc/<pid>/stat, the last in clock ticks since boot (proc(5)). The second field, the command's name, may
// hold spaces and parentheses, so counting begins after the last ")". Zombies count as gone.
function parseStat(pid: number, stat: string | undefined): ProcessFacts | undefined {
  const [state, parent, group, session, ...rest] = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const start = rest[15];
  if (state === 'Z' || state === 'X' || start === undefined) return undefined;
  return { pid, parent: Number(parent), group: Number(group), session: Number(session), start };
}

function startFromPs(calls: SystemCalls, pid: number): string | undefined {
  return readOfProcess(calls, pid, () => calls.run('ps', ['-o', 'lstart=', '-p', String(pid)]).trim() || undefined);
}

function startFromWindows(calls: SystemCalls, pid: number): string | undefined {
  const script = `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CreationDate.ToFileTimeUtc()`;
  return readOfProcess(calls, pid, () => calls.run('powershell', ['-NoProfile', '-Command', script]).trim() || undefined);
}

// That something could not be read (no descriptor left, a hidden /proc) proves no death: only the kernel's word that there is no
// such process does. Without it the error is thrown, and who asks takes the process for alive.
function readOfProcess(calls: SystemCalls, pid: number, read: () => string | undefined): string | undefined {
  try {
    return read();
  } catch (error) {
    if (!exists(calls, pid)) return undefined;
    throw error;
  }
}

function exists(calls: SystemCalls, pid: number): boolean {
  try {
    calls.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) !== 'ESRCH';
  }
}

function signalGroup(calls: SystemCalls, pid: number, signal: Signal): boolean {
  return sent(() => calls.kill(-pid, signal));
}

// Windows has neither groups nor a TERM that a process could catch: without /F, taskkill asks windows to close.
function killWindowsTree(calls: SystemCalls, pid: number, signal: Signal): boolean {
  const force = signal === 'SIGKILL' ? ['/F'] : [];
  return orElse(false, () => {
    calls.run('taskkill', ['/PID', String(pid), '/T', ...force]);
    return true;
  });
}

function pidsIn(calls: SystemCalls): number[] {
  return orElse([], () => calls.readFolder('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function sent(send: () => void): boolean {
  try {
    send();
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ESRCH') return false;
    throw error;
  }
}

// A process may end between any two calls: what cannot be read of it is not there.
function orElse<T>(fallback: T, read: () => T): T {
  try {
    return read();
  } catch {
    return fallback;
  }
}
