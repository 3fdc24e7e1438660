import type { FileDetails } from '../disk.ts';
import { type Flaw, note } from './flaw.ts';
import type { Look } from './look.ts';

/** The flaw of a file whose time has not come. */
export function* future({ spool, now }: Look, shown: string, file: string, id: string, { mtimeMs }: FileDetails): Generator<Flaw> {
  if (mtimeMs <= now + FUTURE_MS) return;
  const act = () => {
    if (!spool.disk.facts(file)?.isFile) return false;
    spool.disk.setTimes(file, Date.now());
    return true;
  };
  const what = `${shown} has a time in the future (a clock was wrong?): it is kept for longer than it should be, and its age is shown wrongly`;
  yield note('future', shown, what, { id, repair: { how: `set the time of ${shown} to now`, act } });
}

/** Clocks may differ by so much. */
const FUTURE_MS = 60_000;
