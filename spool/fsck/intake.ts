/** What producers put into `incoming/`, and what they left in `tmp/`. */
import { parseDropName, stemOf } from '../drop-name.ts';
import { unreadable } from './access.ts';
import { type Flaw, note } from './flaw.ts';
import type { Look } from './look.ts';

/** A producer that is still writing after a day has died. */
const OLD_DRAFT_MS = 24 * 3_600_000;

export function* inTmp({ spool, now, step }: Pick<Look, 'spool' | 'now' | 'step'>): Generator<Flaw> {
  for (const name of spool.disk.names(spool.tmp)) {
    step('tmp');
    const details = spool.disk.details(`${spool.tmp}/${name}`);
    const shown = `tmp/${name}`;
    if (details?.kind === 'a folder') yield note('foreign-folder', shown, `${shown} is a folder; nobody looks into it or removes it`);
    else if (details && now - details.mtimeMs > OLD_DRAFT_MS) yield note('old-draft', shown, `${shown} ${OLD_DRAFT}`);
  }
}

const OLD_DRAFT =
  'has not been touched for a day: a producer died before it submitted it; mv it to incoming/ to enqueue it, or leave it to the service, which removes it after 36 h';

export function* inIncoming(look: Look): Generator<Flaw> {
  const { spool } = look;
  for (const name of spool.disk.names(spool.incoming)) {
    look.step('incoming');
    const shown = `incoming/${name}`;
    const parsed = parseDropName(name);
    if (parsed.kind === 'ignored') {
      yield note('ignored-name', shown, `${shown} ${IGNORED}`);
      continue;
    }
    const details = spool.disk.details(`${spool.incoming}/${name}`);
    if (!details) continue;
    const id = (parsed.kind === 'request' ? parsed.id : undefined) ?? stemOf(name);
    look.see({ id, folder: 'incoming', shown, name });
    if (details.kind !== 'a file')
      yield note('not-a-file', shown, `${shown} is ${details.kind}; it is rejected when a dispatcher comes to it`);
    else yield* said(unreadable(look, shown, details, 'it is rejected when a dispatcher comes to it'));
  }
}

const IGNORED =
  'is no request (its name begins with ".", does not end in .json or .ndjson, or is not UTF-8) and is ignored; rename it to enqueue it';

function* said(flaw: Flaw | undefined): Generator<Flaw> {
  if (flaw) yield flaw;
}
