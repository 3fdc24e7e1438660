/** The folders that hold a file per job: waiting, failed, cancelled. */

import { parseBatchName } from '../batch-name.ts';
import { readJob } from '../claim.ts';
import type { FileDetails } from '../disk.ts';
import { parseJobName } from '../filename.ts';
import type { Spool } from '../spool.ts';
import { unreadable } from './access.ts';
import { inBatch, overlaps } from './batches.ts';
import { type Flaw, note, wrong } from './flaw.ts';
import { future } from './future.ts';
import type { Look } from './look.ts';
import { toRejected } from './to-rejected.ts';

type JobFolder = 'pending' | 'retrying' | 'failed' | 'cancelled';

export function* inJobFolder(look: Look, folder: JobFolder): Generator<Flaw> {
  const { spool } = look;
  const names = spool.disk.names(spool[folder]);
  if (folder === 'pending') yield* overlaps(look, names);
  for (const name of names) {
    look.step(folder);
    const shown = `${folder}/${name}`;
    const details = spool.disk.details(`${spool[folder]}/${name}`);
    // It has moved on.
    if (!details) continue;
    const id = parseJobName(name)?.id;
    // Elsewhere no batch waits.
    const part = folder === 'pending' ? parseBatchName(name) : undefined;
    if (part) yield* inBatch(look, name, part, details);
    else if (id === undefined) yield stranger(spool, folder, name, details);
    else {
      look.see({ id, folder, shown, name });
      yield* aboutJob(look, folder, name, id, details);
    }
  }
}

function stranger(spool: Spool, folder: JobFolder, name: string, details: FileDetails): Flaw {
  const shown = `${folder}/${name}`;
  if (details.kind === 'a folder') {
    return wrong('foreign-folder', shown, `${shown} is a folder: jobs in it are not seen by anybody; mv them to incoming/ to enqueue them`);
  }
  if (name.startsWith('.'))
    return note('foreign-file', shown, `${shown} is no job (an editor's or a file server's file?); nobody reads it`);
  const reason = `it lay in ${folder}/ and is no job`;
  const repair = toRejected(spool, `${spool[folder]}/${name}`, name, reason);
  if (details.kind !== 'a file') return wrong('not-a-file', shown, `${shown} is ${details.kind}, not a job; nobody follows it`, { repair });
  const then = waits(folder) ? 'no runner will ever claim it; mv it to incoming/ to enqueue it' : 'it cannot be found by its id';
  return wrong('misnamed', shown, `${shown} has a name that no accepted job has (p5-20261122T101500.123Z-<id>.json): ${then}`, { repair });
}

function* aboutJob(look: Look, folder: JobFolder, name: string, id: string, details: FileDetails): Generator<Flaw> {
  const { spool } = look;
  const shown = `${folder}/${name}`;
  const file = `${spool[folder]}/${name}`;
  if (details.kind !== 'a file') {
    const repair = toRejected(spool, file, name, `expected a regular file, got ${details.kind}`, id);
    yield wrong('not-a-file', shown, `${shown} is ${details.kind}, not a job's file; nobody follows it`, { id, repair });
    return;
  }
  const hidden = unreadable(
    look,
    shown,
    details,
    waits(folder) ? 'it is rejected when a runner claims it' : 'it cannot be shown or retried',
  );
  if (hidden) {
    yield { ...hidden, id };
    return;
  }
  yield* future(look, shown, file, id, details);
  const read = readJob(spool, file, name);
  if (read.kind === 'spoilt') yield spoilt(spool, folder, name, id, read.reason);
}

function spoilt(spool: Spool, folder: JobFolder, name: string, id: string, reason: string): Flaw {
  const shown = `${folder}/${name}`;
  const then = waits(folder)
    ? 'it is rejected when a runner claims it'
    : 'it cannot be retried as it is: mend it, or remove it (jobspool rm)';
  // What is over stays where it is: a person may still read from it what happened.
  const repair = waits(folder) ? { repair: toRejected(spool, `${spool[folder]}/${name}`, name, reason, id) } : {};
  return wrong('spoilt', shown, `${shown} holds no request, ${reason}; ${then}`, { id, ...repair });
}

const waits = (folder: JobFolder): boolean => folder === 'pending' || folder === 'retrying';
