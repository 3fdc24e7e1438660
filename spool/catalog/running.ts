import { parseJobName } from '../filename.ts';
import { slots } from '../lease.ts';
import { compareJobs } from '../order.ts';
import { type Place, workIn } from '../query.ts';
import type { SlotLines } from '../slot-lines.ts';
import type { Spool } from '../spool.ts';

/** The jobs that run: as many as there are runners, so that they are looked at anew each time. */
export class Running {
  version = 0;
  readonly #spool: Spool;
  #items: readonly Place[] = [];
  #claimed: readonly SlotLines[] = [];
  #looks = '';

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** In the order in which they are listed. */
  get items(): readonly Place[] {
    return this.#items;
  }

  /** Lines of batches that were claimed with one that runs, and wait for their turn. */
  get claimed(): readonly SlotLines[] {
    return this.#claimed;
  }

  look(): void {
    const work = slots(this.#spool).map((slot) => workIn(this.#spool, slot));
    this.#claimed = work.flatMap(({ claimed }) => claimed);
    this.#items = work.flatMap(({ running }) => running).sort((a, b) => compareJobs(a.name, b.name));
    const looks = this.#items.map((place) => this.#looksOf(place)).join('\n');
    if (looks === this.#looks) return;
    this.#looks = looks;
    this.version += 1;
  }

  // What a list shows of it besides its name: how far it is, and whether it is being cancelled.
  #looksOf({ name, file, line = 0, slot = '' }: Place): string {
    const { disk } = this.#spool;
    const progressAt = disk.facts(this.#spool.progress(slot))?.mtimeMs ?? 0;
    const isCancelling = disk.exists(this.#spool.cancelMarker(parseJobName(name)?.id ?? ''));
    return `${file} ${line} ${progressAt} ${isCancelling}`;
  }
}
