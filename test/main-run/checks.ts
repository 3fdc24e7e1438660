import { isDeepStrictEqual } from 'node:util';

const SHOWN = 5;

/** Collects what held and what did not, and prints each as it is known. */
export class Checks {
  passed = 0;
  failed = 0;

  /** Passes when there is no problem; else prints the first of them. */
  none(promise: string, problems: string[]): void {
    if (problems.length === 0) this.passed += 1;
    else this.failed += 1;
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${promise}`);
    for (const problem of problems.slice(0, SHOWN)) console.log(`         ${problem}`);
    if (problems.length > SHOWN) console.log(`         … and ${problems.length - SHOWN} more`);
  }

  equal(promise: string, got: unknown, expected: unknown): void {
    this.none(promise, isDeepStrictEqual(got, expected) ? [] : [`expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`]);
  }

  get summary(): string {
    return `${this.passed} passed, ${this.failed} failed`;
  }
}
