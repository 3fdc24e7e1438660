/** Numbers, as people read them. */

const grouped = new Intl.NumberFormat('en-US');
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `1,204`. */
export const figure = (value: number): string => grouped.format(value);

/** `1 job`, `1,204 jobs`. `many` defaults to `one` with an s. */
export const counted = (value: number, one: string, many = `${one}s`): string => `${figure(value)} ${value === 1 ? one : many}`;

/** `512 B`, `1.5 GiB`: three digits at most, so that two values can be compared at a glance. */
export function byteSize(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1_024 ** power;
  return `${value.toFixed(power === 0 || value >= 9.95 ? 0 : 1)} ${UNITS[power]}`;
}

/** `97.3%`; undefined when there is nothing to take a share of. What is not all of it is never rounded up to all. */
export function share(part: number, whole: number): string | undefined {
  if (whole === 0) return undefined;
  const percent = (100 * part) / whole;
  return `${part === whole ? '100' : Math.min(99.9, percent).toFixed(1)}%`;
}
