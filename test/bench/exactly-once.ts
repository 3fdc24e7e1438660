import type { Run } from './tally.ts';

/** Which jobs there were: numbers from `first`. Every `failEvery`th was told to fail its first attempt, so it must have run twice; 0: none. */
export type Expected = { first: number; count: number; failEvery: number };

/**
 * What is wrong with a run, a sentence for each kind; none when each job ran exactly once (and each that was told to fail, exactly twice). `partial`: the run was
 * ended before all had run, so that only doubles and strangers are wrong.
 */
export function notExactlyOnce(runs: readonly Run[], expected: Expected, partial = false): string[] {
  const times = new Map<number, number>();
  for (const { number } of runs) times.set(number, (times.get(number) ?? 0) + 1);
  const missing: number[] = [];
  const doubled: number[] = [];
  for (let index = 0; index < expected.count; index++) {
    const number = expected.first + index;
    const got = times.get(number) ?? 0;
    const due = isToldToFail(number, expected.failEvery) ? 2 : 1;
    if (got < due) missing.push(number);
    if (got > due) doubled.push(number);
    times.delete(number);
  }
  return [
    ...(partial ? [] : sentence(missing, 'ran too seldom')),
    ...sentence(doubled, 'ran too often'),
    ...sentence([...times.keys()], 'ran and were never submitted'),
  ];
}

/** Whether the job of this number fails its first attempt. */
export const isToldToFail = (number: number, failEvery: number): boolean => failEvery > 0 && number % failEvery === 0;

/** How many runs there have to be. */
export function expectedRuns({ first, count, failEvery }: Expected): number {
  let runs = count;
  for (let number = first; number < first + count; number++) if (isToldToFail(number, failEvery)) runs += 1;
  return runs;
}

function sentence(numbers: number[], what: string): string[] {
  if (numbers.length === 0) return [];
  const some = numbers.slice(0, 5).join(', ');
  return [`${numbers.length} jobs ${what}: ${some}${numbers.length > 5 ? ', …' : ''}`];
}
