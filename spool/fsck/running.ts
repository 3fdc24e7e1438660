/** The slots: who holds them, what lies in them, and what stands beside them. */
import { type Lines, linesByPart } from '../batch-place.ts';
import { parseJobName } from '../filename.ts';
import { forgetSlot, type Holder, holderOfSlot, slots } from '../lease.ts';
import { finishMoves, isBound } from '../settle.ts';
import type { Spool } from '../spool.ts';
import { inFolderMode } from './access.ts';
import { partInSlot, seeLines } from './batches.ts';
import { type Flaw, note, type Repair, wrong } from './flaw.ts';
import type { Look } from './look.ts';
import { toRejected } from './to-rejected.ts';

/**
 * A slot as it was found. `isHeld`: somebody has it who is not proven dead, nor of another machine or boot and silent. `isFree`: nobody
 * can come back to it. `isQuiet`: nothing of it was touched for a while.
 */
type Slot = { name: string; holder: Holder | undefined; isHeld: boolean; isFree: boolean; isQuiet: boolean; who: string };

export function* inRunning(look: Look): Generator<Flaw> {
  // Listed before the slots are: what stands here for a slot that is taken meanwhile is no stranger's.
  const names = look.spool.disk.names(look.spool.running);
  const known = slots(look.spool);
  for (const name of known) yield* inSlot(look, slotOf(look, name));
  yield* strangers(look, names, new Set(known));
}

/** What stands in `running/` for a slot: its folder, and files with these endings. */
const SIDE = ['lock', 'holder', 'out', 'progress', 'result', 'lines', 'drain'] as const;

function slotOf({ spool, liveness, now }: Look, name: string): Slot {
  const holder = holderOfSlot(spool, name);
  const isAlive = liveness.of(name, performance.now()) === 'alive';
  const isQuiet = now - lastTouched(spool, name) > QUIET_MS;
  const isHeld = holder !== undefined && isAlive && (liveness.isHere(holder) || !isQuiet);
  const isFree = holder ? !isAlive : isQuiet;
  const who = holder ? `its ${holder.kind} (pid ${holder.pid} on ${holder.host})` : 'nobody says who holds it, and it';
  return { name, holder, isHeld, isFree, isQuiet, who };
}

/** A slot that is being taken or given back just now is touched more often. */
const QUIET_MS = 60_000;

function lastTouched(spool: Spool, name: string): number {
  const files = SIDE.map((ending) => `${spool.slot(name)}.${ending}`);
  return Math.max(0, ...[spool.slot(name), ...files].map((file) => spool.disk.facts(file)?.mtimeMs ?? 0));
}

function* inSlot(look: Look, slot: Slot): Generator<Flaw> {
  const { spool } = look;
  const shown = `running/${slot.name}`;
  const details = spool.disk.details(spool.slot(slot.name));
  if (details && details.kind !== 'a folder') {
    const repair = toRejected(spool, spool.slot(slot.name), slot.name, `it lay in running/ and is no slot`);
    yield wrong('not-a-file', shown, `${shown} is ${details.kind}, where only folders of slots are; it belongs to no slot; remove it`, {
      repair,
    });
    return;
  }
  const isUnknown = !slot.holder && spool.disk.exists(spool.holder(slot.name));
  if (isUnknown) yield wrong('holder-unreadable', `${shown}.holder`, `${shown}.holder ${UNKNOWN}`);
  if (details && slot.isHeld) yield* inFolderMode(look, shown, details);
  const names = spool.disk.names(spool.slot(slot.name));
  const lines = linesByPart(names);
  for (const name of names) yield* inSlotFolder(look, slot, name, lines.get(name));
  if (!slot.isHeld && names.length === 0 && !isUnknown) yield emptySlot(spool, slot, details !== undefined);
}

const UNKNOWN =
  'does not say who holds the slot: nobody can prove that holder dead, so its jobs are rescued only once its heartbeat stands still; if no such process runs, remove the file';

function* inSlotFolder(look: Look, found: Slot, name: string, lines: readonly Lines[] = []): Generator<Flaw> {
  const { spool } = look;
  const { name: slot, isHeld, isFree, isQuiet, who } = found;
  look.step('running');
  const shown = `running/${slot}/${name}`;
  const part = partInSlot(name);
  const id = (parseJobName(name) ?? boundJob(name) ?? part)?.id;
  if (id === undefined) {
    yield slotStranger(spool, found, name);
    return;
  }
  const where = { folder: 'running' as const, shown, name, slot: { name: slot, isHeld } };
  if (part) seeLines(look, part, lines, where);
  else look.see({ ...where, id });
  if (isHeld) return;
  // With a living dispatcher its rescue is a matter of seconds.
  const say = look.isServed && !isQuiet ? note : wrong;
  if (isBound(name)) {
    const what = `${shown} is a move that was not finished: ${who} is not alive; the next dispatcher's rescue finishes it`;
    yield say('bound-file', shown, what, { id, ...(isFree ? { repair: finish(spool, slot, shown) } : {}) });
  } else yield say('left-behind', shown, `${shown} was left behind: ${who} is not alive; the next dispatcher's rescue settles it`, { id });
}

const boundJob = (name: string) => (isBound(name) ? parseJobName(name.slice(name.indexOf('=') + 1)) : undefined);

// As the rescue does it; whoever is first does it, and the other finds nothing.
function finish(spool: Spool, slot: string, shown: string): Repair {
  const act = () => {
    const isDone = finishMoves(spool, slot).length > 0;
    clearAway(spool, slot);
    return isDone;
  };
  return { how: `finished the move of ${shown}`, act };
}

function clearAway(spool: Spool, slot: string): boolean {
  if (spool.disk.names(spool.slot(slot)).length > 0) return false;
  forgetSlot(spool, slot);
  return true;
}

function slotStranger(spool: Spool, { name: slot, isFree }: Slot, name: string): Flaw {
  const shown = `running/${slot}/${name}`;
  const file = spool.claimed(slot, name);
  const { how, act } = toRejected(spool, file, name, `it lay in the slot ${slot} and is no job`);
  const actAndClear = () => {
    const isDone = act();
    if (isFree) clearAway(spool, slot);
    return isDone;
  };
  const repair = spool.disk.facts(file)?.isFolder ? {} : { repair: { how, act: actAndClear } };
  const what = `${shown} has a name that no accepted job has; the slot cannot be given back while it is there`;
  return wrong('slot-stranger', shown, what, repair);
}

function emptySlot(spool: Spool, { name, isFree, who, holder }: Slot, hasFolder: boolean): Flaw {
  const shown = `running/${name}`;
  const act = () => clearAway(spool, name);
  // Who takes or gives back a slot does it in several steps.
  const repair = isFree ? { repair: { how: `cleared ${shown} away`, act } } : {};
  if (hasFolder || holder)
    return note('dead-slot', shown, `${shown} is an empty slot: ${who} is not alive; the next dispatcher clears it away`, repair);
  return note(
    'orphan-slot-file',
    shown,
    `${shown} has files beside it and no slot, and nobody holds it; the next dispatcher clears them away`,
    repair,
  );
}

function* strangers({ spool }: Look, names: readonly string[], known: ReadonlySet<string>): Generator<Flaw> {
  for (const name of names) {
    if (known.has(name.replace(SIDE_ENDING, ''))) continue;
    const details = spool.disk.details(`${spool.running}/${name}`);
    if (details) yield stranger(spool, name, details.kind);
  }
}

function stranger(spool: Spool, name: string, kind: string): Flaw {
  const shown = `running/${name}`;
  const file = `${spool.running}/${name}`;
  if (kind === 'a folder')
    return wrong('foreign-folder', shown, `${shown} is a folder and no slot: jobs in it are not seen by anybody; mv them to incoming/`);
  if (name.endsWith('.drain') && kind === 'a file') {
    const repair = { how: `removed ${shown}`, act: () => spool.disk.remove(file) };
    return note('orphan-slot-file', shown, `${shown} asks a runner to drain that is gone; the next dispatcher removes it`, { repair });
  }
  if (name.startsWith('.')) return note('foreign-file', shown, `${shown} is not part of a spool; nobody reads it`);
  const repair = toRejected(spool, file, name, 'it lay in running/ and is no slot');
  return wrong('foreign-file', shown, `${shown} belongs to no slot: nobody reads it`, { repair });
}

const SIDE_ENDING = new RegExp(`\\.(${SIDE.join('|')})$`);
