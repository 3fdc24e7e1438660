import { type Disk, disk } from '../../spool/disk.ts';

/** Thrown in the place of a crash: the process ends here, and nothing after it happens. */
export class Crash extends Error {}

const READING = new Set<string>([
  'names',
  'namesOf',
  'read',
  'inspect',
  'facts',
  'details',
  'fileSystemType',
  'exists',
  'checkAccess',
  'sizeOf',
  'inodeOf',
  'readBytes',
  'readFrom',
  'freeBytes',
  'room',
]);

/** A real disk on which the step number `crashAt` (1 is the first that changes anything) and all after it throw `Crash`. */
export function breakingDisk(crashAt: number): { disk: Disk; steps(): number } {
  let steps = 0;
  const breaking = new Proxy(disk, {
    get(target, name, receiver) {
      const call = Reflect.get(target, name, receiver) as (...args: unknown[]) => unknown;
      if (READING.has(String(name))) return call;
      return (...args: unknown[]) => {
        steps += 1;
        if (steps >= crashAt) throw new Crash(`crashed before step ${steps}, ${String(name)}`);
        return call(...args);
      };
    },
  });
  return { disk: breaking, steps: () => steps };
}

/**
 * Does `act` on a disk that crashes before its first step, then before its second, and so on until it gets through; `prepare` begins
 * each anew and `check` looks at what was left. Returns how many steps `act` has.
 */
export async function crashAtEveryStep<T>(
  prepare: () => T,
  act: (world: T, disk: Disk) => unknown,
  check: (world: T, step: number) => void,
): Promise<number> {
  for (let crashAt = 1; ; crashAt++) {
    const world = prepare();
    const { disk: breaking } = breakingDisk(crashAt);
    let crashed = false;
    try {
      await act(world, breaking);
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      crashed = true;
    }
    check(world, crashAt);
    if (!crashed) return crashAt - 1;
  }
}
