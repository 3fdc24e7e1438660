import { cutOut, linesText } from './batches.ts';
import { type Flaw, type FlawKind, wrong } from './flaw.ts';
import type { Look, Sighting } from './look.ts';

/** Lines of a waiting part of which the same is to be said: where the first of them is too. */
type Found = { kind: FlawKind; sighting: Sighting; lines: Set<number>; where: string };

const SAYS: Partial<Record<FlawKind, string>> = {
  twin: 'also live elsewhere, and would be run twice',
  'two-outcomes': 'over already, and would be run again',
  'already-completed': 'recorded as completed, and would be done twice',
};

/** Collects lines that wait in parts and are jobs elsewhere already: a flaw is said of each part, and not of thousands of lines. */
export function lineKeeper(look: Look): { note(kind: FlawKind, sighting: Sighting, where: string): void; flaws(): Generator<Flaw> } {
  const found = new Map<string, Found>();
  return {
    note(kind, sighting, where) {
      // What is in a slot is a runner's; what overlaps within the folder is said of the larger file.
      if (sighting.folder !== 'pending' || sighting.line === undefined) return;
      const key = `${kind} ${sighting.shown}`;
      const known = found.get(key) ?? { kind, sighting, lines: new Set(), where };
      known.lines.add(sighting.line);
      found.set(key, known);
    },
    *flaws() {
      for (const { kind, sighting, lines, where } of found.values()) {
        const { shown, name, id } = sighting;
        const are = lines.size === 1 ? 'is' : 'are';
        const what = `${linesText([...lines])} of ${shown} ${are} ${SAYS[kind]}: see ${where}`;
        yield wrong(kind, shown, what, { id, repair: cutOut(look, name, lines) });
      }
    },
  };
}
