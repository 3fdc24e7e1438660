/** A time in ISO 8601 UTC, from milliseconds since the epoch. A job has several, most of them in one second: the text of that is kept. */
export function iso(ms: number): string {
  const whole = Math.trunc(ms);
  const second = Math.floor(whole / 1_000);
  if (second !== last) {
    text = new Date(second * 1_000).toISOString().slice(0, -'000Z'.length);
    last = second;
  }
  return `${text}${String(whole - second * 1_000).padStart(3, '0')}Z`;
}

let last = Number.NaN;
let text = '';

/** Whether a text such as 2026-02-28 is a day that the calendar has: `Date` takes 30 February for 2 March. */
export function isDay(text: string): boolean {
  const ms = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(text);
}
