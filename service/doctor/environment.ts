import { type Answer, ok, warn } from '../../spool/doctor/finding.ts';
import { type Environment, SECRETS, unknownVariables, VARIABLES } from '../config.ts';

/** Variables that look like ours and are not. */
export function environment(variables: Environment): Answer[] {
  const unknown = unknownVariables(variables);
  if (unknown.length === 0) return [ok('every variable JOBSPOOL_… that is set is one of Jobspool')];
  return unknown.map((name) => warn(`${name} is set, but it is no variable of Jobspool${meant(name)}`));
}

function meant(name: string): string {
  const known = [...Object.keys(VARIABLES), ...SECRETS.map((secret) => `${secret}_FILE`)];
  const [best] = known.map((word) => ({ word, far: distance(name, word) })).sort((a, b) => a.far - b.far);
  return best && best.far <= 3 ? `: ${best.word} is` : ': misspelt?';
}

/** How many letters must be changed, left out or put in (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [at, letter] of [...a].entries()) {
    const next = [at + 1];
    for (let to = 1; to <= b.length; to++) {
      const swap = (row[to - 1] ?? 0) + (letter === b[to - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
