/** Milliseconds of the machine's monotonic clock: the same in every process of it, in Python (`time.monotonic`) and in PHP (`hrtime`) too. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
