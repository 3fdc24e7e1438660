/** What became of the cases: a line for each as it ends, and the sum. */
export class Verdict {
  readonly #say: (line: string) => void;
  readonly #count = { kept: 0, broken: 0, skipped: 0 };

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  /** Notes a case: no sentence says that it was kept. */
  note(name: string, broken: readonly string[]): void {
    this.#count[broken.length === 0 ? 'kept' : 'broken'] += 1;
    this.#say(`${broken.length === 0 ? 'ok' : 'not ok'} - ${name}`);
    for (const sentence of broken) this.#say(`    ${sentence}`);
  }

  skip(name: string, why: string): void {
    this.#count.skipped += 1;
    this.#say(`SKIPPED: ${name}: ${why}`);
  }

  /** Says the sum, and gives the exit code. No case at all is no success. */
  end(): 0 | 1 {
    const { kept, broken, skipped } = this.#count;
    this.#say(`${kept} kept, ${broken} broken, ${skipped} skipped`);
    return broken === 0 && kept > 0 ? 0 : 1;
  }
}
