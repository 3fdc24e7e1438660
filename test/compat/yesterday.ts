/** Loaded into a process before all else: its clock goes a day slow. */
const DAY_MS = 86_400_000;
const RealDate = Date;

globalThis.Date = class extends RealDate {
  constructor(...given: ConstructorParameters<DateConstructor>[]) {
    super(...((given.length === 0 ? [RealDate.now() - DAY_MS] : given) as [number]));
  }

  static override now(): number {
    return RealDate.now() - DAY_MS;
  }
} as DateConstructor;
