/** What may happen to batches: they come as one file, wait and are claimed in parts, and what is done by hand to a part is done to all of its jobs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { adoptLines } from './adopt.ts';
import {
  batchText,
  claiming,
  endingOfPart,
  idle,
  inTime,
  linesOf,
  look,
  priority,
  RUN_ATS,
  retries,
  runAt,
  textOf,
  times,
} from './commands.ts';
import { partsIn } from './lines.ts';
import { type Model, type ModelJob, type ModelSlot, namedBy, nameOf, stamp } from './model.ts';
import { type Command, chosen, doing, which } from './step.ts';
import type { World } from './world.ts';

const name = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(priority, fc.constantFrom('now', 'now', ...RUN_ATS.map(stamp)), fc.constantFrom('a', 'b'))
      .map(([high, when, id]) => `p${high}-${when}-${id}.ndjson`),
  },
  { weight: 1, arbitrary: fc.constantFrom('a.ndjson', 'b.ndjson', 'p99-now-a.ndjson', 'p5-now-a.1.ndjson') },
);
const line = fc.record({ class: fc.constantFrom('Example', 'Example', 'Example', 'Example', 'Sometimes', 'Beside'), retries });

const dropping = fc
  .record({
    name,
    isSeen: fc.boolean(),
    lines: fc.array(line, { minLength: 2, maxLength: 6 }),
    body: fc.constantFrom('good', 'good', 'good', 'good', 'good', 'good', 'good', 'half', 'mistaken', 'foreign'),
  })
  .map((file) =>
    doing({
      name: `drop-batch${file.isSeen ? '-and-look' : ''}(${file.name}, ${file.body}: ${file.lines.map((one) => `${one.class} ${one.retries}`).join('; ')})`,
      isPossible: (model) => !model.isTaken('incoming', file.name),
      async act(model, world) {
        const body = file.body === 'foreign' ? 'good' : (file.body as ModelJob['body']);
        const members = file.lines.map((one, index) =>
          memberOf(model, file.body === 'foreign' && index === 1 ? { ...one, class: 'Nobody' } : one, index + 1),
        );
        // The last of its lines is what is wrong with it.
        const text = body === 'good' ? batchText(members) : batchText(members.slice(0, -1)) + textOf(members.at(-1) as ModelJob, body);
        world.put(path.join(world.spool.incoming, file.name), text);
        model.arrive({ ...namedBy(file.name), name: file.name, body, members, serial: 0 });
        // What waits to be accepted keeps all else waiting.
        if (file.isSeen) await look(model, world);
        return undefined;
      },
    }),
  );

function memberOf(model: Model, one: { class: string; retries: number | undefined }, line: number): ModelJob {
  const job = model.arrive({ ...one, line, name: '', serial: model.nextSerial });
  model.forget(job);
  return job;
}

const givingBack = which.map((index) =>
  doing({
    name: 'give-back',
    isPossible: (model) => atParts(model).length > 0,
    async act(model, world) {
      const slot = chosen(atParts(model), index);
      world.giveBack(slot.slot);
      model.giveBack(slot);
      return slot.slot;
    },
  }),
);

const atParts = (model: Model): ModelSlot[] =>
  inTime(model).filter((slot) => slot.job?.batch !== undefined && model.claimedIn(slot).length > 0);

const dyingGivingBack = fc.tuple(which, fc.nat(3)).map(([index, calls]) =>
  doing({
    name: `die-giving-back(after ${calls} calls)`,
    isPossible: (model) => atParts(model).length > 0,
    async act(model, world) {
      const slot = chosen(atParts(model), index);
      const lines = [slot.job as ModelJob, ...model.claimedIn(slot)];
      world.burn(slot.slot, calls);
      try {
        world.giveBack(slot.slot);
      } catch {
        // It died.
      }
      die(model, world, slot, lines);
      return slot.slot;
    },
  }),
);

function die(model: Model, world: World, slot: ModelSlot, lines: ModelJob[]): void {
  world.kill(slot.slot);
  Object.assign(slot, { life: 'dead', isGone: true });
  adoptLines(model, world, slot, lines);
}

const dyingClaiming = fc.tuple(which, fc.constantFrom(1, 2, 3, 6), fc.nat(6)).map(([index, count, calls]) =>
  doing({
    name: `die-claiming(${count}, after ${calls} calls)`,
    isPossible: (model) => !model.paused && idle(model).length > 0 && model.due().some(({ batch }) => batch !== undefined),
    async act(model, world) {
      const slot = chosen(idle(model), index);
      const name = waitingParts(world).find((one) => linesOf(model, one).some(({ runAt }) => (runAt as number) <= model.now)) as string;
      const lines = linesOf(model, name);
      world.burn(slot.slot, calls);
      await world.claim(slot.slot, name, count);
      die(model, world, slot, lines);
      return `${slot.slot} ${name}`;
    },
  }),
);

/** The watchdog ends what does not stop, and its process with it. */
const killingStuck = which.map((index) =>
  doing({
    name: 'kill-stuck',
    isPossible: (model) => inTime(model).some(({ isPart }) => isPart),
    async act(model, world) {
      const slot = chosen(
        inTime(model).filter(({ isPart }) => isPart),
        index,
      );
      const { id } = slot.job as ModelJob;
      assert.ok(world.killStuck(slot.slot), 'its end was recorded');
      model.giveBack(slot);
      model.settle(slot, 'timed-out');
      world.kill(slot.slot);
      Object.assign(slot, { life: 'dead', isGone: true });
      return `${slot.slot} ${id}`;
    },
  }),
);

// By hand, to a part as to the file of a job.

const waitingParts = ({ spool }: World): string[] =>
  partsIn(fs.readdirSync(spool.pending))
    .map(({ file }) => file)
    .sort();

function byHand(what: string, act: (model: Model, world: World, name: string, lines: ModelJob[]) => void): fc.Arbitrary<Command> {
  return which.map((index) =>
    doing({
      name: what,
      isPossible: (model) => model.in('pending').some(({ batch }) => batch !== undefined),
      async act(model, world) {
        const name = chosen(waitingParts(world), index);
        act(model, world, name, linesOf(model, name));
        return name;
      },
    }),
  );
}

const removing = byHand('rm pending/part', (model, world, name, lines) => {
  fs.unlinkSync(path.join(world.spool.pending, name));
  for (const job of lines) model.forget(job);
});

const holding = byHand('mv pending/part held/', (model, world, name, lines) => {
  world.move(path.join(world.spool.pending, name), path.join(world.held, name));
  for (const job of lines) {
    model.forget(job);
    job.batch = undefined;
  }
  const file = model.arrive({ ...namedBy(name), name, members: lines, serial: 0, writtenAt: (lines[0] as ModelJob).writtenAt });
  file.where = 'held';
});

const reranking = priority.chain((high) =>
  byHand(`mv pending/part, priority ${high}`, (_model, world, name, lines) =>
    rename(world, name, lines, name.replace(/^p\d+/, `p${high}`), { priority: high }),
  ),
);

const hurrying = runAt.chain((ms) =>
  byHand(`mv pending/part, run-at ${stamp(ms)}`, (_model, world, name, lines) =>
    rename(world, name, lines, name.replace(/-\d{8}T[\d.]+Z-/, `-${stamp(ms)}-`), { runAt: ms }),
  ),
);

function rename({ spool }: World, from: string, lines: ModelJob[], to: string, change: Partial<ModelJob>): void {
  fs.renameSync(path.join(spool.pending, from), path.join(spool.pending, to));
  for (const job of lines) {
    Object.assign(job, change);
    job.name = nameOf(job);
  }
}

export const batchCommands: fc.Arbitrary<Command>[] = [
  ...times(7, dropping),
  ...times(14, claiming, endingOfPart),
  ...times(3, givingBack, dyingGivingBack, killingStuck),
  ...times(7, dyingClaiming),
  removing,
  holding,
  reranking,
  hurrying,
];
