/** What the steps of a history have in common. */
import fc from 'fast-check';
import { compare } from './compare.ts';
import { type Model, type ModelJob, TICK_MS } from './model.ts';
import type { World } from './world.ts';

export type Command = fc.AsyncCommand<Model, World, false>;

/** When every run begins: earlier than any real time, so that no folder's time is long ago to the catalog. */
export const START = Date.UTC(2026, 0, 5, 10);
/** What a step does, in the spool and in the model; it returns what it was done to, for the report. */
export type Step = { name: string; isPossible?(model: Model): boolean; act(model: Model, world: World): Promise<string | undefined> };

class Doing implements Command {
  readonly #step: Step;
  #done = '';

  constructor(step: Step) {
    this.#step = step;
  }

  check(model: Readonly<Model>): boolean {
    return this.#step.isPossible?.(model as Model) ?? true;
  }

  async run(model: Model, world: World): Promise<void> {
    model.now += TICK_MS;
    world.tick(model.now);
    this.#done = '(did not end)';
    const subject = await this.#step.act(model, world);
    model.count(this.#step.name);
    this.#done = subject === undefined ? '' : ` -> ${subject}`;
    await compare(model, world);
  }

  // Each run has its own: what is printed is what this run did.
  [fc.cloneMethod](): Doing {
    return new Doing(this.#step);
  }

  toString(): string {
    return `${this.#step.name}${this.#done}`;
  }
}

export const doing = (step: Step): Doing => new Doing(step);

export const chosen = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
export const shown = ({ where, name }: ModelJob): string => `${where}/${name}`;
export const which = fc.nat(11);
