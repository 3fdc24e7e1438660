/** The ledger: lines that are none, and jobs that it says were done twice. */
import { isId } from '../filename.ts';
import { holderOfSlot } from '../lease.ts';
import { type LedgerLine, ledgerDays, parseLine } from '../ledger.ts';
import { replaceFile, type Spool } from '../spool.ts';
import { inFolderMode, unreadable } from './access.ts';
import { type Flaw, note, type Repair, wrong } from './flaw.ts';
import { type RawLine, rawLines } from './lines.ts';
import type { Look } from './look.ts';

/** A file of the ledger; `shown` relative to the spool. */
export type LedgerFile = { day: string; slot: string; shown: string };

/** What the walk through the ledger is for, beside its flaws: each line that is one. */
export type OnLine = (line: LedgerLine, at: string) => void;

export function* inLedger(look: Look, onLine: OnLine): Generator<Flaw> {
  const { spool } = look;
  const days = new Set(ledgerDays(spool));
  for (const name of spool.disk.names(spool.completed)) {
    const shown = `completed/${name}`;
    const details = spool.disk.details(`${spool.completed}/${name}`);
    if (!days.has(name)) yield note('foreign-file', shown, `${shown} is no day of the ledger; nobody reads it`);
    else if (details && details.kind !== 'a folder')
      yield wrong(
        'not-a-folder',
        shown,
        `${shown} is ${details.kind}, where a folder of the ledger is expected: what completes on that day cannot be recorded`,
      );
    else if (details) yield* inFolderMode(look, shown, details);
  }
  for (const day of days) yield* inDay(look, day, onLine);
}

/** The files of the ledger that are regular files, oldest day first. */
export function ledgerFiles(spool: Spool): LedgerFile[] {
  return ledgerDays(spool)
    .reverse()
    .flatMap((day) =>
      spool.disk
        .names(spool.ledgerDay(day))
        .filter(isLedger)
        .map((name) => fileOf(day, name)),
    )
    .filter(({ shown }) => spool.disk.facts(`${spool.root}/${shown}`)?.isFile);
}

const isLedger = (name: string) => name.endsWith('.ndjson');

const fileOf = (day: string, name: string): LedgerFile => ({
  day,
  slot: name.slice(0, -'.ndjson'.length),
  shown: `completed/${day}/${name}`,
});

function* inDay(look: Look, day: string, onLine: OnLine): Generator<Flaw> {
  const { spool } = look;
  for (const name of spool.disk.names(spool.ledgerDay(day))) {
    const shown = `completed/${day}/${name}`;
    const details = spool.disk.details(`${spool.root}/${shown}`);
    if (!details) continue;
    if (!isLedger(name)) yield note('foreign-file', shown, `${shown} is no part of the ledger; nobody reads it`);
    else if (details.kind !== 'a file') yield wrong('not-a-file', shown, `${shown} is ${details.kind}, not a ledger; nobody follows it`);
    else {
      const hidden = unreadable(look, shown, details, 'its jobs count as never completed, and one whose runner died may run again');
      if (hidden) yield hidden;
      else yield* inFile(look, fileOf(day, name), onLine);
    }
  }
}

function* inFile(look: Look, file: LedgerFile, onLine: OnLine): Generator<Flaw> {
  for (const line of rawLines(look.spool, `${look.spool.root}/${file.shown}`)) {
    look.step(file.shown);
    if (line.bytes.length === 0) continue;
    const parsed = line.isWhole ? parseLine(line.bytes.toString()) : undefined;
    if (isRecord(parsed)) {
      look.completed += 1;
      onLine(parsed, `${file.shown}:${line.number}`);
    } else yield strangeLine(look.spool, file, line, parsed);
  }
}

function isRecord(line: LedgerLine | undefined): line is LedgerLine {
  const texts = [line?.class, line?.acceptedAt, line?.finishedAt, line?.runAt];
  return typeof line?.id === 'string' && isId(line.id) && Array.isArray(line.attempts) && texts.every((text) => typeof text === 'string');
}

function strangeLine(spool: Spool, file: LedgerFile, line: RawLine, parsed: unknown): Flaw {
  const where = `${file.shown}, line ${line.number}`;
  const id = /"id":"([^"]{1,100})"/.exec(line.bytes.toString('utf8', 0, 200))?.[1];
  const whose = id === undefined ? 'a job' : `the job "${id}"`;
  const what =
    parsed === undefined
      ? `is torn (a power cut, or a full disk): the record of ${whose} is lost, and it may have run again`
      : 'is JSON, but no record of a job';
  // A runner that lives may be writing to the end of its file.
  const isBusy = !line.isWhole && holderOfSlot(spool, file.slot) !== undefined;
  return wrong(parsed === undefined ? 'torn-line' : 'foreign-line', file.shown, `${where} ${what}; the line is passed over`, {
    line: line.number,
    ...(id !== undefined && isId(id) ? { id } : {}),
    ...(isBusy ? {} : { repair: setAside(spool, file, line, id) }),
  });
}

// Its bytes go to rejected/, and newlines take their place: nothing else in the file moves, whoever appends to it meanwhile.
function setAside(spool: Spool, { day, slot, shown }: LedgerFile, { number, start, bytes }: RawLine, id: string | undefined): Repair {
  const name = `ledger-${day}-${slot}-line-${number}`;
  const act = () => {
    const file = `${spool.root}/${shown}`;
    if (!spool.disk.readBytes(file, start, bytes.length).equals(bytes)) return false;
    const aside = freeName(spool, name);
    const reason = { rejectedAt: new Date().toISOString(), reason: `it stood in ${shown}, line ${number}, and is no record of a job`, id };
    replaceFile(spool, spool.reason(aside), `${JSON.stringify(reason, null, 2)}\n`);
    spool.disk.create(`${spool.rejected}/${aside}`, bytes, true);
    spool.disk.writeAt(file, start, Buffer.alloc(bytes.length, '\n'));
    return true;
  };
  return { how: `moved the bytes of ${shown}, line ${number}, to rejected/${name}.json, and left newlines in their place`, act };
}

function freeName(spool: Spool, stem: string): string {
  for (let number = 1; ; number++) {
    const name = `${stem}${number === 1 ? '' : `.${number}`}.json`;
    if (!spool.disk.facts(`${spool.rejected}/${name}`)) return name;
  }
}
