import { parseJobName } from '../filename.ts';
import { compareJobs } from '../order.ts';
import { type Place, runningPlaces } from '../query.ts';
import type { Spool } from '../spool.ts';

/** The jobs that run: as many as there are runners, so that they are looked at anew each time. */
export class Running {
  version = 0;
  readonly #spool: Spool;
  #items: readonly Place[] = [];
  #looks = '';

  constructor(spool: Spool) {
    this.#spool = spool;
  }

  /** In the order in which they are listed. */
  get items(): readonly Place[] {
    return this.#items;
  }

  look(): void {
    this.#items = runningPlaces(this.#spool).sort((a, b) => compareJobs(a.name, b.name));
    const looks = this.#items.map((place) => this.#looksOf(place)).join('\n');
    if (looks === this.#looks) return;
    this.#looks = looks;
    this.version += 1;
  }

  // What a list shows of it besides its name: how far it is, and whether it is being cancelled.
  #looksOf({ name, file, slot = '' }: Place): string {
    const { disk } = this.#spool;
    const progressAt = disk.facts(this.#spool.progress(slot))?.mtimeMs ?? 0;
    const isCancelling = disk.exists(this.#spool.cancelMarker(parseJobName(name)?.id ?? ''));
    return `${file} ${progressAt} ${isCancelling}`;
  }
}
