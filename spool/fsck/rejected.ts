/** `rejected/`: files and their reasons. */

import { REASON_ENDING } from '../layout.ts';
import { idIn } from '../query.ts';
import { replaceFile, type Spool } from '../spool.ts';
import { type Flaw, note, wrong } from './flaw.ts';
import type { Look } from './look.ts';

export function* inRejected(look: Look): Generator<Flaw> {
  const { spool } = look;
  const names = new Set(spool.disk.names(spool.rejected));
  for (const name of names) {
    look.step('rejected');
    if (name.endsWith(REASON_ENDING)) yield* inReason(look, name, names);
    else yield* inRejectedFile(look, name, names.has(`${name}${REASON_ENDING}`));
  }
}

function* inReason(look: Look, name: string, names: ReadonlySet<string>): Generator<Flaw> {
  const subject = name.slice(0, -REASON_ENDING.length);
  if (!names.has(subject)) yield reasonAlone(look, name, subject);
}

function* inRejectedFile(look: Look, name: string, hasReason: boolean): Generator<Flaw> {
  const shown = `rejected/${name}`;
  if (name.startsWith('.')) {
    yield note('foreign-file', shown, `${shown} is no rejected request; nobody reads it`);
    return;
  }
  look.see({ id: idIn('rejected', name) ?? name, folder: 'rejected', shown, name });
  if (!hasReason) yield fileAlone(look.spool, name);
}

/** Who rejects a file writes the reason first, and moves the file a moment later. */
const IN_HAND_MS = 60_000;

function reasonAlone({ spool, now }: Look, name: string, subject: string): Flaw {
  const file = `${spool.rejected}/${name}`;
  const act = () => !spool.disk.facts(`${spool.rejected}/${subject}`) && spool.disk.remove(file);
  const isOld = now - (spool.disk.facts(file)?.mtimeMs ?? now) > IN_HAND_MS;
  const what = `rejected/${name} is the reason of a file that is not there`;
  return note('reason-without-file', `rejected/${name}`, what, isOld ? { repair: { how: `removed rejected/${name}`, act } } : {});
}

function fileAlone(spool: Spool, name: string): Flaw {
  const act = () => {
    if (!spool.disk.facts(`${spool.rejected}/${name}`) || spool.disk.facts(spool.reason(name))) return false;
    replaceFile(spool, spool.reason(name), `${JSON.stringify({ rejectedAt: new Date().toISOString(), reason: LOST_REASON }, null, 2)}\n`);
    return true;
  };
  return wrong(
    'file-without-reason',
    `rejected/${name}`,
    `rejected/${name} has no reason beside it: nobody knows why it did not become a job`,
    {
      repair: { how: `wrote rejected/${name}${REASON_ENDING}, which says that the reason was lost`, act },
    },
  );
}

const LOST_REASON = 'the reason was lost; jobspool fsck --repair wrote this one';
