/** What comes after the chaos: everybody goes on, producers end, all jobs end, and then the dispatchers are told to stop. */
import fs from 'node:fs';
import path from 'node:path';
import { waitFor } from '../support/wait-for.ts';
import { liveFiles } from './books.ts';
import { signal } from './processes.ts';
import { STOP_MS, type World } from './world.ts';

/** Throws when the jobs do not end, or the dispatchers do not, in `timeoutMs`. */
export async function drain(world: World, timeoutMs: number): Promise<void> {
  for (const { pid } of [...world.members, ...world.runners()]) signal(pid, 'SIGCONT');
  fs.rmSync(path.join(world.spool, 'paused'), { force: true });
  await endProducers(world);
  cancelWhatWaitsForIt(world.spool);
  world.journal.note('drain', { live: liveFiles(world.spool).length });
  await waitFor(() => isQuiet(world), 'all jobs to be over', { timeoutMs });
  world.sample();
  world.retire('dispatcher');
  world.journal.note('stop');
  for (const { pid } of world.of('dispatcher')) world.term(pid);
  await waitFor(() => world.members.length === 0, 'the dispatchers to stop', { timeoutMs: STOP_MS });
}

async function endProducers(world: World): Promise<void> {
  world.retire('producer');
  for (const { pid } of world.of('producer')) world.term(pid);
  await waitFor(() => world.of('producer').length === 0, 'the producers to end', { timeoutMs: 30_000 });
}

// Their producers were killed before they could ask for it.
function cancelWhatWaitsForIt(spool: string): void {
  for (const file of liveFiles(spool)) {
    const id = /-(\w*cancel\w+\..*)\.json$/.exec(file)?.[1];
    if (id !== undefined) fs.writeFileSync(path.join(spool, 'cancel', id), '');
  }
}

// Two looks, because a job on its way between two folders may be seen in neither.
const isQuiet = ({ spool }: World): boolean =>
  [1, 2].every(() => liveFiles(spool).length === 0) && fs.readdirSync(path.join(spool, 'cancel')).length === 0;
