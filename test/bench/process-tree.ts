/** CPU time and memory of processes and of all that they started, from /proc. */
import fs from 'node:fs';

/** `roots` and their descendants that are alive. */
export function processTree(roots: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const name of fs.readdirSync('/proc')) {
    const parent = /^\d+$/.test(name) ? statOf(Number(name))?.parent : undefined;
    if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = new Set<number>();
  const visit = (pid: number) => {
    if (found.has(pid)) return;
    found.add(pid);
    for (const child of children.get(pid) ?? []) visit(child);
  };
  roots.forEach(visit);
  return [...found];
}

/** CPU seconds of the tree below `roots` so far, of children that ended and were waited for too. */
export function cpuSeconds(roots: readonly number[]): number {
  return processTree(roots).reduce((sum, pid) => sum + (statOf(pid)?.cpuSeconds ?? 0), 0);
}

/** Memory of the tree below `roots` in MB: what processes share counts once (PSS). */
export function memoryMb(roots: readonly number[]): number {
  return processTree(roots).reduce((sum, pid) => sum + pssOf(pid), 0) / 1_024;
}

/** Watches the memory of a tree; `stop` returns its peak. */
export function watchMemory(roots: () => number[]): { stop(): number } {
  let peak = 0;
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const began = performance.now();
    peak = Math.max(peak, memoryMb(roots()));
    // Many processes take long to look at: watching must not become the load.
    timer = setTimeout(look, Math.max(500, (performance.now() - began) * 20));
  };
  timer = setTimeout(look, 200);
  return {
    stop: () => {
      clearTimeout(timer);
      return Math.max(peak, memoryMb(roots()));
    },
  };
}

const TICKS_PER_SECOND = 100;

function statOf(pid: number): { parent: number; cpuSeconds: number } | undefined {
  const text = readOf(pid, 'stat');
  // The name of a program may hold anything, also a bracket.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  if (!fields) return undefined;
  const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map(Number);
  return {
    parent: Number(fields[1]),
    cpuSeconds: ((user ?? 0) + (system ?? 0) + (childrenUser ?? 0) + (childrenSystem ?? 0)) / TICKS_PER_SECOND,
  };
}

const pssOf = (pid: number): number => Number(/^Pss:\s+(\d+)/m.exec(readOf(pid, 'smaps_rollup') ?? '')?.[1] ?? 0);

// Processes end while they are looked at.
function readOf(pid: number, what: string): string | undefined {
  try {
    return fs.readFileSync(`/proc/${pid}/${what}`, 'utf8');
  } catch {
    return undefined;
  }
}
