/** Looks a whole spool over for what should not be in it. It may be in use: what is seen twice, with a pause between, is true. */
import { readJob } from './claim.ts';
import { parseJobName, parseRequestName } from './filename.ts';
import { FOLDERS, REASON_ENDING } from './layout.ts';
import { holderOfSlot, slots } from './lease.ts';
import { ledgerDays, parseLine } from './ledger.ts';
import type { Liveness } from './liveness.ts';
import { jobStatus } from './query.ts';
import { MAX_FILE_BYTES } from './request.ts';
import { isBound } from './settle.ts';
import { replaceFile, type Spool } from './spool.ts';
import { isFinal } from './state.ts';

/** Something that is not as it should be, in a sentence. `wrong`: a job or its record is affected; `note`: nothing is. */
export type Flaw = {
  level: 'wrong' | 'note';
  what: string;
  /** Puts it right without a decision that a person should take. */
  repair?: { how: string; act(): void };
};

/** Every flaw of the spool as it is in this moment. Reads every file but the logs. */
export function* flaws(spool: Spool, liveness: Liveness): Generator<Flaw> {
  yield* strangers(spool);
  yield* inIncoming(spool);
  for (const folder of JOB_FOLDERS) yield* inJobFolder(spool, folder);
  yield* inRunning(spool, liveness);
  yield* twins(spool);
  yield* inLedger(spool);
  yield* inRejected(spool);
  yield* inCancel(spool);
}

/** The flaws of the second look that the first had too: what is on its way between two folders is no flaw. */
export function lasting(first: readonly Flaw[], second: readonly Flaw[]): Flaw[] {
  const seen = new Set(first.map(({ what }) => what));
  return second.filter(({ what }) => seen.has(what));
}

const JOB_FOLDERS = ['pending', 'retrying', 'failed', 'cancelled'] as const;
type JobFolder = (typeof JOB_FOLDERS)[number];

function* strangers(spool: Spool): Generator<Flaw> {
  const known = new Set<string>([...FOLDERS.filter((folder) => folder !== 'jobLogs'), 'version', 'paused']);
  for (const name of spool.disk.names(spool.root)) {
    if (!known.has(name)) yield note(`${name} is not part of a spool; nobody reads it`);
  }
}

function* inIncoming(spool: Spool): Generator<Flaw> {
  for (const name of spool.disk.names(spool.incoming)) {
    if (parseRequestName(name).kind === 'ignored')
      yield note(`incoming/${name} is no request (its name begins with ".", does not end in .json, or is not UTF-8) and is ignored`);
    else yield* unreadable(spool, `incoming/${name}`);
  }
}

function* inJobFolder(spool: Spool, folder: JobFolder): Generator<Flaw> {
  const waits = folder === 'pending' || folder === 'retrying';
  for (const name of spool.disk.names(spool[folder])) {
    const shown = `${folder}/${name}`;
    if (!parseJobName(name)) {
      const outcome = waits ? 'no runner will ever claim it; mv it to incoming/ to enqueue it' : 'it cannot be found by its id';
      yield wrong(`${shown} has a name that no accepted job has (p5-20261122T101500.123Z-<id>.json): ${outcome}`);
      continue;
    }
    const read = readJob(spool, `${spool[folder]}/${name}`, name);
    if (read.kind !== 'spoilt') continue;
    yield wrong(
      `${shown} holds no request, ${read.reason}; ${waits ? 'it is rejected when a runner claims it' : 'it cannot be retried as it is'}`,
    );
  }
}

function* inRunning(spool: Spool, liveness: Liveness): Generator<Flaw> {
  for (const slot of slots(spool)) {
    const isFolder = spool.disk.facts(spool.slot(slot))?.isFile === false;
    const holder = holderOfSlot(spool, slot);
    if (!isFolder && !holder && !spool.disk.exists(spool.lock(slot))) {
      yield wrong(`running/${slot} belongs to no slot; remove it`);
      continue;
    }
    const isAlive = liveness.of(slot, performance.now()) === 'alive';
    const who = holder ? `its ${holder.kind} (pid ${holder.pid} on ${holder.host})` : 'nobody says who holds it, and it';
    yield* inSlot(slot, isFolder ? spool.disk.names(spool.slot(slot)) : [], isAlive && holder ? undefined : who);
  }
}

/** `dead`: who held the slot, when that is not alive. */
function* inSlot(slot: string, names: string[], dead: string | undefined): Generator<Flaw> {
  for (const name of names) {
    const shown = `running/${slot}/${name}`;
    const rescue = rescueOf(name);
    if (rescue === undefined) yield wrong(`${shown} has a name that no accepted job has; the slot cannot be given back while it is there`);
    else if (dead) yield wrong(`${shown} ${rescue.is}: ${dead} is not alive; the next dispatcher's rescue ${rescue.does} it`);
  }
  if (dead && names.length === 0) yield note(`running/${slot} is an empty slot: ${dead} is not alive; the next dispatcher clears it away`);
}

/** What a file in the slot of a dead holder is, and what a rescue does with it; undefined for a stranger. */
function rescueOf(name: string): { is: string; does: string } | undefined {
  if (parseJobName(name)) return { is: 'was left behind', does: 'settles' };
  return isBound(name) ? { is: 'is a move that was not finished', does: 'finishes' } : undefined;
}

function* twins(spool: Spool): Generator<Flaw> {
  const seen = new Map<string, string>();
  for (const [shown, name] of liveFiles(spool)) {
    const id = parseJobName(name)?.id;
    if (id === undefined) continue;
    const other = seen.get(id);
    if (other)
      yield wrong(`the id "${id}" is that of two live jobs, ${other} and ${shown}; both will run. Move one of them away to prevent it`);
    seen.set(id, shown);
  }
}

function* liveFiles(spool: Spool): Generator<[shown: string, name: string]> {
  for (const folder of ['pending', 'retrying'] as const)
    for (const name of spool.disk.names(spool[folder])) yield [`${folder}/${name}`, name];
  for (const slot of slots(spool)) {
    if (spool.disk.facts(spool.slot(slot))?.isFile !== false) continue;
    for (const name of spool.disk.names(spool.slot(slot))) yield [`running/${slot}/${name}`, name];
  }
}

function* inLedger(spool: Spool): Generator<Flaw> {
  const days = new Set(ledgerDays(spool));
  for (const name of spool.disk.names(spool.completed))
    if (!days.has(name)) yield note(`completed/${name} is no day of the ledger; nobody reads it`);
  for (const day of days) {
    for (const name of spool.disk.names(spool.ledgerDay(day))) {
      if (name.endsWith('.ndjson')) yield* inLedgerFile(spool, `completed/${day}/${name}`);
      else yield note(`completed/${day}/${name} is no part of the ledger; nobody reads it`);
    }
  }
}

function* inLedgerFile(spool: Spool, shown: string): Generator<Flaw> {
  const lines = (spool.disk.read(`${spool.root}/${shown}`) ?? '').split('\n');
  for (const [index, line] of lines.entries()) {
    if (line === '' || parseLine(line)?.id !== undefined) continue;
    yield wrong(
      `${shown}, line ${index + 1} is torn (a power cut, or a full disk): that job's record is lost, and it may have run again; the line is passed over`,
    );
  }
}

function* inRejected(spool: Spool): Generator<Flaw> {
  const names = new Set(spool.disk.names(spool.rejected));
  for (const name of names) {
    const subject = name.endsWith(REASON_ENDING) ? name.slice(0, -REASON_ENDING.length) : undefined;
    if (subject === undefined) yield* ofRejected(spool, name, names.has(`${name}${REASON_ENDING}`));
    else if (!names.has(subject)) {
      const how = `removed rejected/${name}`;
      yield {
        ...wrong(`rejected/${name} is the reason of a file that is not there`),
        repair: { how, act: () => void spool.disk.remove(`${spool.rejected}/${name}`) },
      };
    }
  }
}

function* ofRejected(spool: Spool, name: string, hasReason: boolean): Generator<Flaw> {
  if (hasReason) return;
  const act = () =>
    replaceFile(spool, spool.reason(name), `${JSON.stringify({ rejectedAt: new Date().toISOString(), reason: LOST_REASON }, null, 2)}\n`);
  yield {
    ...wrong(`rejected/${name} has no reason beside it`),
    repair: { how: `wrote rejected/${name}${REASON_ENDING}, which says that the reason was lost`, act },
  };
}

function* inCancel(spool: Spool): Generator<Flaw> {
  for (const id of spool.disk.names(spool.cancel)) {
    const state = jobStatus(spool, id)?.state;
    if (state !== undefined && !isFinal(state)) continue;
    const why = state === undefined ? 'no job of that id is known' : `that job is ${state} already`;
    const how = `removed cancel/${id}`;
    yield { ...note(`cancel/${id} asks for nothing: ${why}`), repair: { how, act: () => void spool.disk.remove(spool.cancelMarker(id)) } };
  }
}

function* unreadable(spool: Spool, shown: string): Generator<Flaw> {
  const file = spool.disk.inspect(`${spool.root}/${shown}`, MAX_FILE_BYTES);
  if (file.kind === 'unreadable') yield wrong(`${shown} cannot be read: ${file.reason}; it is rejected when it is accepted`);
  if (file.kind === 'not-a-file') yield wrong(`${shown} is ${file.what}, not a regular file; it is rejected when it is accepted`);
}

const LOST_REASON = 'the reason was lost; jobspool fsck --repair wrote this one';

const wrong = (what: string): Flaw => ({ level: 'wrong', what });
const note = (what: string): Flaw => ({ level: 'note', what });
