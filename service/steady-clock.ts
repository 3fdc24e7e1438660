/** More than clocks drift in an hour, or are put right by a little. */
const MAX_DRIFT_MS = 600_000;

/**
 * Tells a wall clock that was set from one that merely went on. What is decided by age cannot be taken back (a file that is too old is removed): a
 * clock that is a year ahead for a moment must not decide it, and one that stays so may.
 */
export class SteadyClock {
  #ahead: number | undefined;

  /** Whether the clock has gone on since the last look as one that nobody sets. `now` in milliseconds since the epoch, `clock` in monotonic ones. */
  isSteady(now: number, clock: number): boolean {
    const before = this.#ahead;
    this.#ahead = now - clock;
    return before === undefined || Math.abs(this.#ahead - before) <= MAX_DRIFT_MS;
  }
}
