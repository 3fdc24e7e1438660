/**
 * A name by which the line of a batch stands where its job has its turn: among the jobs of the same priority and run-at where its batch's id stands, and
 * in the order of the file, which that of the ids as text is not. `name` is the one that it has as a job; no id has a `!`.
 */
export function lineOrder(name: string, line: number): string {
  return `${name.slice(0, -`.${line}.json`.length)}!${String(line).padStart(5, '0')}.json`;
}
