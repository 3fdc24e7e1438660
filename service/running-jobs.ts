import { type BatchName, parseBatchName } from '../spool/batch-name.ts';
import { lineIn } from '../spool/batch-place.ts';
import { parseJobName } from '../spool/filename.ts';
import { claimedNames } from '../spool/lease.ts';
import type { Spool } from '../spool/spool.ts';

/** The jobs in the slots, of all runners on all hosts, as they were at one moment. */
export class RunningJobs {
  readonly #ids = new Set<string>();
  readonly #parts: BatchName[] = [];

  constructor(names: readonly string[] = []) {
    for (const name of names) {
      const part = parseBatchName(name);
      const id = part ? undefined : parseJobName(name)?.id;
      if (part) this.#parts.push(part);
      if (id !== undefined) this.#ids.add(id);
    }
  }

  /** Whether a job of this id runs, or any of a batch of this id. */
  has(id: string): boolean {
    return this.#ids.has(id) || this.#parts.some((part) => part.id === id || lineIn(part, id) !== undefined);
  }
}

export const runningJobs = (spool: Spool): RunningJobs => new RunningJobs(claimedNames(spool));

export const isAnythingRunning = (spool: Spool): boolean => claimedNames(spool).some((name) => parseJobName(name) ?? parseBatchName(name));
