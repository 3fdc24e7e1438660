/** The markers: `cancel/<id>` and `paused`. */
import { isId } from '../filename.ts';
import { jobStatus } from '../query.ts';
import { isFinal } from '../state.ts';
import { type Flaw, note } from './flaw.ts';
import type { Look } from './look.ts';

export function* inMarkers(look: Look): Generator<Flaw> {
  const { spool } = look;
  for (const id of spool.disk.names(spool.cancel)) {
    look.step('cancel');
    const shown = `cancel/${id}`;
    const details = spool.disk.details(`${spool.cancel}/${id}`);
    if (!details) continue;
    if (!isId(id)) yield note('foreign-file', shown, `${shown} asks for nothing: its name is no job's id`);
    else if (details.kind !== 'a file')
      yield note('not-a-file', shown, `${shown} is ${details.kind}, where an empty file is expected; remove it`);
    else yield* marker(look, id);
  }
  const paused = spool.disk.details(spool.paused);
  if (paused && paused.kind !== 'a file')
    yield note('not-a-file', 'paused', `paused is ${paused.kind}, and pauses the spool as a file would; jobspool resume cannot remove it`);
}

function* marker({ spool, sightings, batches }: Look, id: string): Generator<Flaw> {
  // All that is left of the batch is to be cancelled.
  if (batches.has(id)) return;
  const isLive = sightings.get(id)?.some(({ folder }) => !['failed', 'cancelled', 'rejected'].includes(folder));
  if (isLive || isAskedFor()) return;
  const act = () => !isAskedFor() && spool.disk.remove(spool.cancelMarker(id));
  const what = `cancel/${id} asks for nothing: no job of that id waits or runs. A dispatcher removes it`;
  yield note('marker-for-nothing', `cancel/${id}`, what, { id, repair: { how: `removed cancel/${id}`, act } });

  function isAskedFor(): boolean {
    const state = jobStatus(spool, id)?.state;
    return state !== undefined && !isFinal(state);
  }
}
