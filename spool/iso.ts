/** A time in ISO 8601 UTC, from milliseconds since the epoch. The texts of a job's times are mostly of one millisecond: the last is kept. */
export function iso(ms: number): string {
  if (ms !== last) {
    text = new Date(ms).toISOString();
    last = ms;
  }
  return text;
}

let last = Number.NaN;
let text = '';
