import type { TestContext } from 'node:test';

const undoing = new WeakMap<TestContext, (() => unknown)[]>();

/**
 * Undoes something after the test, the last thing done first. (`t.after` begins with the first: it would remove a folder under a
 * service that still writes there.)
 */
export function afterwards(t: TestContext, undo: () => unknown): void {
  const known = undoing.get(t);
  if (known) {
    known.unshift(undo);
    return;
  }
  const steps = [undo];
  undoing.set(t, steps);
  t.after(async () => {
    for (const step of steps) await step();
  });
}
