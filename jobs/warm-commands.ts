/** The commands of the protocol "lines" that a runner keeps: each is started when its first job comes, and serves the jobs of all classes that name it. */
import type { End, Job } from '../spool/job.ts';
import type { Request } from '../spool/request.ts';
import type { Surroundings } from './execute.ts';
import { type Keeper, WarmCommand } from './warm-command.ts';

export class WarmCommands {
  readonly #keeper: Keeper;
  readonly #kept = new Map<string, WarmCommand>();
  /** Those that serve no more and have not ended yet. */
  readonly #ending = new Set<Promise<void>>();

  constructor(keeper: Keeper) {
    this.#keeper = keeper;
  }

  /** Runs a job of `command`. */
  async run(job: Job, command: readonly string[], params: Request['params'], around: Surroundings): Promise<End> {
    const key = JSON.stringify(command);
    for (;;) {
      const kept = this.#kept.get(key);
      const warm = kept?.isUsable ? kept : new WarmCommand(command, this.#keeper);
      this.#kept.set(key, warm);
      try {
        const served = await warm.serve(job, params, around);
        // One that has served before was just leaving: a new one says how the job ends.
        if (served.kind !== 'not-begun') return served;
      } finally {
        if (!warm.isUsable) this.#retire(key, warm);
      }
    }
  }

  /** Ends all of them; the next job of any starts it again. Resolves when none is left. */
  async end(): Promise<void> {
    for (const [key, warm] of this.#kept) this.#retire(key, warm);
    await Promise.all(this.#ending);
  }

  // Not waited for: the next job need not.
  #retire(key: string, warm: WarmCommand): void {
    this.#kept.delete(key);
    const ending = warm.end().finally(() => this.#ending.delete(ending));
    this.#ending.add(ending);
  }
}
