/** What a runner that died in the middle of something has left: the model believes the disk, which must say what may be there. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { completedLines } from '../../spool/query.ts';
import type { End, Model, ModelJob, ModelSlot } from './model.ts';
import type { World } from './world.ts';

// Which call was the last, only the disk tells. What is there must be the job as it was, or as it is afterwards.
export function adopt(model: Model, world: World, slot: ModelSlot, job: ModelJob, end: End, from: string): void {
  const { spool } = world;
  const names = fs.readdirSync(spool.slot(slot.slot));
  removeDrafts(world);
  const marker = model.markers.get(job.id as string);
  const hasOld = names.includes(from);
  const bound = names.find((name) => name.startsWith('.'));
  const lines = [...completedLines(spool)].filter(({ params }) => (params as number[])[0] === job.serial);
  if (hasOld && lines.length > 0) {
    Object.assign(job, { recorded: true, finishedAt: model.now });
    slot.job = undefined;
  } else if (hasOld && bound === undefined) slot.job = undefined;
  else if (bound !== undefined) {
    const after = { ...job, outcomes: [...job.outcomes] };
    slot.job = after;
    model.settle(slot, end);
    job.bound = { to: after.where, name: after.name, after, hasOld };
    if (marker !== undefined) model.markers.set(job.id as string, marker);
  } else {
    model.settle(slot, end);
    if (marker !== undefined && fs.existsSync(spool.cancelMarker(job.id as string))) model.markers.set(job.id as string, marker);
  }
}

const removeDrafts = ({ spool }: World): void => {
  for (const draft of fs.readdirSync(spool.tmp)) fs.unlinkSync(path.join(spool.tmp, draft));
};

/** As `adopt`, of lines of a batch: those that it had claimed or reached for. `ending`: how the one that ran was to end. */
export function adoptLines(model: Model, world: World, slot: ModelSlot, lines: ModelJob[], ending?: { job: ModelJob; end: End }): void {
  removeDrafts(world);
  const markers = new Map(model.markers);
  slot.job = undefined;
  for (const job of lines) adoptLine(model, world, slot, job, ending?.job === job ? ending.end : undefined);
  model.beginFirst(slot);
  // What the runner did with a marker, the disk tells.
  for (const [id, since] of markers) if (fs.existsSync(world.spool.cancelMarker(id))) model.markers.set(id, since);
  for (const name of fs.readdirSync(world.spool.rejected))
    if (name.endsWith('.reason.json') && !model.isTaken('rejected', name.replace('.reason.json', '')))
      fs.unlinkSync(path.join(world.spool.rejected, name));
}

function adoptLine(model: Model, world: World, slot: ModelSlot, job: ModelJob, end: End | undefined): void {
  const { spool } = world;
  const isIt = ({ name }: { name: string }) => name === job.name;
  const held = world.lines(spool.slot(slot.slot)).find(isIt);
  const names = fs.existsSync(spool.slot(slot.slot)) ? fs.readdirSync(spool.slot(slot.slot)) : [];
  const bound = names.find((name) => name.startsWith('.') && name.endsWith(`-${job.id}.json`));
  if ([...completedLines(spool)].some(({ params }) => (params as number[])[0] === job.serial)) {
    assert.equal(end, 'completed', `how ${job.id} ended, which the ledger has`);
    model.complete(job);
  } else if (held) Object.assign(job, { where: 'claimed', slot: slot.slot, isLeaving: held.isBound });
  else if (bound !== undefined) settleBound(model, slot, job, end);
  else if (names.includes(job.name)) {
    model.singleOut(job);
    Object.assign(job, { where: 'running', slot: slot.slot });
  } else if (world.lines(spool.pending).some(isIt)) Object.assign(job, { where: 'pending', slot: undefined });
  else settleGone(model, slot, job, end);
}

function settleBound(model: Model, slot: ModelSlot, job: ModelJob, end: End | undefined): void {
  assert.ok(end, `${job.id} had not begun`);
  const after = { ...job, outcomes: [...job.outcomes] };
  slot.job = after;
  model.settle(slot, end);
  Object.assign(job, {
    where: 'running',
    slot: slot.slot,
    batch: undefined,
    bound: { to: after.where, name: after.name, after, hasOld: false },
  });
}

// It has left the slot whole: it ended, or was cancelled or refused before it began.
function settleGone(model: Model, slot: ModelSlot, job: ModelJob, end: End | undefined): void {
  slot.job = job;
  if (end) return model.settle(slot, end);
  slot.job = undefined;
  if (model.isCancelAsked(job)) {
    model.cancelWaiting(job);
    model.markers.delete(job.id as string);
  } else {
    assert.ok(!model.isListed(job), `${job.id} was given up, and is allowed`);
    model.singleOut(job);
    model.reject(job);
  }
}
