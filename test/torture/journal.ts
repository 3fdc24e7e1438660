import fs from 'node:fs';

/** What was done when, one JSON object per line, for whoever looks for the cause of something. Times in milliseconds since its beginning. */
export class Journal {
  readonly #fd: number;
  readonly #began = performance.now();

  constructor(file: string) {
    this.#fd = fs.openSync(file, 'a');
  }

  get elapsedMs(): number {
    return Math.round(performance.now() - this.#began);
  }

  note(what: string, fields: object = {}): void {
    fs.writeSync(this.#fd, `${JSON.stringify({ ms: this.elapsedMs, time: new Date().toISOString(), what, ...fields })}\n`);
  }
}
