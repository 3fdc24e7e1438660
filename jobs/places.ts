import { Board } from './board.ts';

/** Room for one of the jobs that share a runner. `number` counts from 1. */
export type Place = { readonly number: number; readonly board: Board };

/** The places of a runner that jobs share; as many as there have ever been taken at once. */
export class Places {
  readonly #free: Place[] = [];
  readonly #onNew: (place: Place) => void;
  #count = 0;

  /** `onNew` hears of each place that is made. */
  constructor(onNew: (place: Place) => void) {
    this.#onNew = onNew;
  }

  /** Takes a place before its job is claimed: from now on until it is given back, the watchdog waits for it before it kills. */
  take(): Place {
    const place = this.#free.pop() ?? this.#add();
    place.board.reserve();
    return place;
  }

  giveBack(place: Place): void {
    place.board.rest();
    this.#free.push(place);
  }

  #add(): Place {
    this.#count += 1;
    const place = { number: this.#count, board: new Board() };
    this.#onNew(place);
    return place;
  }
}
