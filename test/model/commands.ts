/** What may happen to a spool: by functions, by hand, and by runners that work, race and die. Each is done to the spool and to the model. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { PermanentError, Snooze } from '../../jobs/handler.ts';
import type { Bench } from '../../jobs/run-attempt.ts';
import { stopError } from '../../jobs/stop.ts';
import { pause, requestCancel, resume } from '../../spool/marker.ts';
import { prune } from '../../spool/prune.ts';
import { cancel, remove, retry, runNow, setPriority } from '../../spool/steer.ts';
import { type Submission, submit } from '../../spool/submit.ts';
import { adopt, adoptLines } from './adopt.ts';
import { isAmbiguous } from './compare.ts';
import { partsIn } from './lines.ts';
import { type End, isPart, type Model, type ModelJob, type ModelSlot, namedBy, nameOf, SNOOZE_MS, stamp, stateOf } from './model.ts';
import { type Command, chosen, doing, START, shown, which } from './step.ts';
import { TOOL, type World } from './world.ts';

const id = fc.constantFrom('a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c', 'a.1', 'b.2');
/** Also of lines of batches. */
const anyId = fc.constantFrom('a', 'b', 'c', 'a.1', 'a.2', 'a.3', 'b.1', 'b.2');

export const priority = fc.constantFrom(1, 5, 9, 10);
export const RUN_ATS = [START - 7_200_000, START - 3_600_000, START + 3_600_000];
export const runAt = fc.constantFrom(...RUN_ATS);
export const retries = fc.constantFrom(undefined, 0, 2, 5);
const listedClass = fc.constantFrom('Example', 'Example', 'Beside', 'Beside', 'Sometimes');

const request = fc.record({
  id: fc.option(id, { nil: undefined }),
  priority,
  at: fc.option(runAt, { nil: undefined }),
  retries,
  class: listedClass,
});

const submitting = fc.array(request, { minLength: 1, maxLength: 3 }).map((requests) =>
  doing({
    name: `submit(${requests.map((one) => `${one.id ?? 'made'} p${one.priority} ${one.at ? stamp(one.at) : 'now'} retries ${one.retries}`).join('; ')})`,
    async act(model, world) {
      const drafts = requests.map((one) => ({ ...one, serial: model.nextSerial }));
      const submissions = drafts.map(
        ({ at, serial, ...rest }): Submission => ({ ...rest, params: [serial], ...(at ? { at: new Date(at) } : {}) }) as Submission,
      );
      const given = drafts.flatMap((draft) => draft.id ?? []);
      const nameIn = (draft: (typeof drafts)[number]) => nameOf({ ...draft, runAt: draft.at ?? 'now' });
      const isTwice = new Set(given).size < given.length;
      if (isTwice || drafts.some((draft) => draft.id !== undefined && model.isTaken('incoming', nameIn(draft)))) {
        await assert.rejects(submit(world.spool, submissions, model.now), { code: isTwice ? 'INVALID_ID' : 'CONFLICT' });
        return 'refused';
      }
      const made = await submit(world.spool, submissions, model.now);
      for (const [index, draft] of drafts.entries()) {
        const job = { ...draft, id: made[index] as string, runAt: draft.at ?? ('now' as const) };
        model.arrive({ ...job, name: nameOf(job) });
      }
      return undefined;
    },
  }),
);

export const textOf = (job: { serial: number; class: string; retries: number | undefined }, body: ModelJob['body'] = 'good'): string => {
  if (body === 'half') return '{"class":"Exam';
  if (body === 'mistaken') return JSON.stringify({ class: job.class, params: [job.serial], priority: 3 });
  return JSON.stringify({ class: job.class, params: [job.serial], ...(job.retries === undefined ? {} : { retries: job.retries }) });
};

const droppedName = fc.oneof(
  fc
    .tuple(
      priority,
      fc.constantFrom('now', ...RUN_ATS.flatMap((ms) => [stamp(ms), stamp(ms).replace('.000Z', 'Z'), String(ms), String(ms / 1_000)])),
      id,
    )
    .map(([high, when, name]) => `p${high}-${when}-${name}.json`),
  id.map((name) => `${name}.json`),
  fc.constantFrom('p99-now-a.json', 'p5-now-.json', '.a.json', 'a.txt'),
);

const dropping = fc
  .record({
    name: droppedName,
    class: fc.constantFrom('Example', 'Example', 'Beside', 'Beside', 'Sometimes', 'Nobody'),
    retries,
    body: fc.constantFrom('good', 'good', 'good', 'good', 'good', 'good', 'half', 'mistaken'),
  })
  .map((file) =>
    doing({
      name: `drop(${file.name}, ${file.body} ${file.class}, retries ${file.retries})`,
      isPossible: (model) => !model.isTaken('incoming', file.name),
      async act(model, world) {
        const body = file.body as ModelJob['body'];
        const job = { ...file, body, serial: model.nextSerial };
        world.put(path.join(world.spool.incoming, file.name), textOf(job, body));
        const isRequest = file.name.endsWith('.json') && !file.name.startsWith('.');
        model.arrive({ ...job, ...(isRequest ? namedBy(file.name) : {}) });
        return undefined;
      },
    }),
  );

const finishing = which.map((index) =>
  doing({
    name: 'finish-writing',
    isPossible: (model) => halfWritten(model).length > 0,
    async act(model, world) {
      const job = chosen(halfWritten(model), index);
      world.put(path.join(world.spool.incoming, job.name), job.members ? batchText(job.members) : textOf(job));
      Object.assign(job, { body: 'good', writtenAt: model.now, arrived: model.tick() });
      return shown(job);
    },
  }),
);

export const batchText = (members: ModelJob[]): string => members.map((job) => `${textOf(job)}\n`).join('');

const halfWritten = (model: Model): ModelJob[] => model.in('incoming').filter(({ body }) => body === 'half');

const looking = fc.constant(null).map(() =>
  doing({
    name: 'look',
    async act(model, world) {
      await look(model, world);
      return undefined;
    },
  }),
);

export async function look(model: Model, world: World): Promise<void> {
  // Their writers are at them still: how long a text may stay unfinished is told by another clock.
  for (const job of halfWritten(model)) {
    world.write(path.join(world.spool.incoming, job.name));
    Object.assign(job, { writtenAt: model.now, arrived: model.tick() });
  }
  model.standing = world.standing();
  await world.look();
  model.look();
}

const restarting = fc.constant(null).map(() =>
  doing({
    name: 'restart-dispatcher',
    async act(model, world) {
      world.restartDispatcher();
      // It has not seen any marker yet.
      model.nowhere.clear();
      model.batches.clear();
      return undefined;
    },
  }),
);

const passing = fc.constantFrom(1_000, 5_000, 5_000, 61_000, 3_600_000, 86_400_000).map((ms) =>
  doing({
    name: `pass(${ms / 1_000} s)`,
    async act(model, world) {
      model.now += ms;
      world.tick(model.now);
      return undefined;
    },
  }),
);

const pausing = fc.tuple(fc.constantFrom(true, false, false), fc.boolean()).map(([on, byHand]) =>
  doing({
    name: `${on ? 'pause' : 'resume'}${byHand ? ' by hand' : ''}`,
    async act(model, { spool }) {
      if (on && byHand) fs.writeFileSync(spool.paused, '', { mode: 0o660 });
      else if (on) pause(spool);
      else if (byHand) fs.rmSync(spool.paused, { force: true });
      else resume(spool);
      model.paused = on;
      return undefined;
    },
  }),
);

const deploying = fc.constantFrom(true, true, false).map((listed) =>
  doing({
    name: `deploy(Sometimes ${listed ? 'listed' : 'not listed'})`,
    async act(model, world) {
      world.deploy(listed);
      model.listed = listed;
      return undefined;
    },
  }),
);

const pruning = fc.constant(null).map(() =>
  doing({
    name: 'prune(1 d)',
    async act(model, world) {
      prune(world.spool, { keepCompletedMs: DAY_MS, keepFailedMs: DAY_MS, keepLogsMs: DAY_MS }, model.now);
      model.prune(DAY_MS, DAY_MS);
      return undefined;
    },
  }),
);

const DAY_MS = 86_400_000;

// Runners.

const starting = fc.constant(null).map(() =>
  doing({
    name: 'start-runner',
    isPossible: (model) => model.slots.filter(({ life }) => life === 'alive').length < 3,
    async act(model, world) {
      return startRunner(model, world);
    },
  }),
);

/** One more runner, idle. */
export function startRunner(model: Model, world: World): string {
  const slot = `box-${model.slots.length + 1}`;
  world.startRunner(slot);
  model.slots.push({ slot, life: 'alive', job: undefined });
  return slot;
}

export const idle = (model: Model): ModelSlot[] => model.slots.filter(({ life, job }) => life === 'alive' && !job);

export const claiming = fc.tuple(which, fc.constantFrom(1, 2, 2, 3, 6)).map(([index, count]) =>
  doing({
    name: `claim-best(${count})`,
    isPossible: (model) => !model.paused && idle(model).length > 0 && model.due().length > 0,
    async act(model, world) {
      const slot = chosen(idle(model), index);
      const name = await firstProposal(model, world);
      const became = await world.claim(slot.slot, name, count);
      assert.equal(became, claimInModel(model, slot, name, count), `what became of ${name}`);
      return `${slot.slot} ${name}: ${became}`;
    },
  }),
);

function claimInModel(model: Model, slot: ModelSlot, name: string, count: number): string {
  const lines = linesOf(model, name);
  if (lines.length > 0) return model.claimPart(slot, lines, count);
  return model.claim(slot, model.due().find((job) => job.name === name) as ModelJob) ?? 'running';
}

async function firstProposal(model: Model, world: World): Promise<string> {
  const { pending, retrying } = world.spool;
  const due = model.due().map(({ name }) => name);
  // The dispatcher's memory may hold names whose files are gone: a runner that reaches for one gets nothing.
  const names = (await world.proposals()).filter((name) => [pending, retrying].some((folder) => fs.existsSync(path.join(folder, name))));
  assert.deepEqual(
    names.flatMap((name) => (name.endsWith('.ndjson') ? linesOf(model, name).map((job) => job.name) : [name])),
    due,
    'the order in which jobs start',
  );
  return names[0] as string;
}

/** The waiting lines for which a part in `pending/` stands. */
export function linesOf(model: Model, name: string): ModelJob[] {
  const [part] = partsIn([name]);
  if (!part) return [];
  const lines = model.in('pending').filter(({ batch, line = 0 }) => batch === part.id && line >= part.from && line <= part.to);
  return lines.sort((a, b) => (a.line as number) - (b.line as number));
}

const racing = fc.constantFrom(1, 3).map((count) =>
  doing({
    name: `two-claim-one(${count})`,
    isPossible: (model) => !model.paused && idle(model).length > 1 && model.due().length > 0,
    async act(model, world) {
      const [first, second] = idle(model) as [ModelSlot, ModelSlot];
      const name = await firstProposal(model, world);
      const [one, other] = [await world.claim(first.slot, name, count), await world.claim(second.slot, name, count)];
      assert.deepEqual([one, other], [claimInModel(model, first, name, count), 'missing'], 'what two runners get that reach for one job');
      return name;
    },
  }),
);

/** A runner that reaches for what does not wait any more, or not yet. */
const reachingInVain = fc.tuple(which, which).map(([index, which]) =>
  doing({
    name: 'claim-in-vain',
    isPossible: (model) => idle(model).length > 0 && notDue(model).length > 0,
    async act(model, world) {
      const job = chosen(notDue(model), which);
      const became = await world.claim(chosen(idle(model), index).slot, job.name);
      assert.equal(became, (job.runAt as number) > model.now ? 'early' : 'missing', `what a runner gets that reaches for ${shown(job)}`);
      return shown(job);
    },
  }),
);

function notDue(model: Model): ModelJob[] {
  const names = new Set(model.due().map(({ name }) => name));
  return model.jobs.filter(
    ({ where, runAt, name, batch, members }) =>
      batch === undefined && !members && where !== 'incoming' && where !== 'rejected' && runAt !== 'now' && !names.has(name),
  );
}

/** A runner that was taken for dead, and whose slot was rescued, wakes up. */
const reachingAfterRescue = which.map((index) =>
  doing({
    name: 'claim-after-rescue',
    isPossible: (model) => rescued(model).length > 0 && model.due().length > 0,
    async act(model, world) {
      const slot = chosen(rescued(model), index);
      assert.equal(await world.claim(slot.slot, await firstProposal(model, world)), 'missing', 'what a runner gets whose slot was rescued');
      return slot.slot;
    },
  }),
);

const rescued = (model: Model): ModelSlot[] => model.slots.filter(({ life, job, isGone }) => life === 'rescued' && !job && !isGone);

export const busy = (model: Model): ModelSlot[] => model.slots.filter(({ job }) => job);

const ENDS = ['completed', 'completed', 'failed', 'failed', 'permanent', 'timed-out', 'snoozed', 'released', 'cancelled'] as const;

/** How the handler's end comes about. */
const HOW: Record<End, Parameters<World['end']>[1]> = {
  completed: (attempting) => attempting.complete('done'),
  failed: (attempting) => attempting.throw(new Error('it broke')),
  permanent: (attempting) => attempting.throw(new PermanentError('it never works')),
  snoozed: (attempting) => attempting.throw(new Snooze(SNOOZE_MS / 1_000)),
  'timed-out': (attempting, bench) => {
    runningOn(bench)?.stop('timed-out');
    attempting.complete(undefined);
  },
  released: (attempting, bench) => {
    runningOn(bench)?.stop('shutdown');
    attempting.throw(stopError('shutdown'));
  },
  cancelled: (attempting, bench) => {
    runningOn(bench)?.stop('cancelled');
    attempting.complete(undefined);
  },
};

/** The attempt that has the runner to itself, or the one that shares it. */
const runningOn = ({ current, company }: Bench) => current ?? company?.attempts.values().next().value;

/** A job is stopped only where its marker asks for it. */
const mayEnd = (model: Model, end: End) => (slot: ModelSlot) => end !== 'cancelled' || model.isCancelAsked(slot.job as ModelJob);

/** How an attempt ends, of the runners that `isOne` says. */
const endingOf = (ends: readonly End[], isOne: (slot: ModelSlot) => boolean): fc.Arbitrary<Command> =>
  fc.tuple(which, fc.constantFrom(...ends), fc.constantFrom(false, false, false, true)).map(([index, end, mustStop]) =>
    doing({
      name: `end(${end}${mustStop ? ', and give back' : ''})`,
      isPossible: (model) => busy(model).filter(isOne).some(mayEnd(model, end)),
      async act(model, world) {
        const slot = chosen(busy(model).filter(isOne).filter(mayEnd(model, end)), index);
        const job = slot.job as ModelJob;
        const isLine = job.batch !== undefined;
        const to = await world.end(slot.slot, HOW[end], mustStop);
        assert.equal(to, endInModel(model, slot, end, mustStop), 'where the runner says that the job went');
        return `${slot.slot} ${job.id}${isLine ? ', a line' : ''}: ${to}`;
      },
    }),
  );

const ending = endingOf(ENDS, () => true);
/** Of a part many end, one after the other. */
export const endingOfPart = endingOf(['completed', 'completed', 'completed', 'failed', 'snoozed'], ({ isPart }) => isPart === true);

function endInModel(model: Model, slot: ModelSlot, end: End, mustStop: boolean): string {
  const job = slot.job as ModelJob;
  const isLine = slot.isPart;
  const isLate = slot.life === 'rescued';
  model.settle(slot, end);
  const to = isLate ? 'missing' : job.where;
  if (!isLine) return to;
  return [to, ...(isLate ? ['over'] : model.goOn(slot, job, mustStop))].join(' ');
}

const killing = which.map((index) =>
  doing({
    name: 'kill-runner',
    isPossible: (model) => model.slots.some(({ life }) => life === 'alive'),
    async act(model, world) {
      const alive = model.slots.filter(({ life }) => life === 'alive');
      const atWork = alive.filter(({ job }) => job);
      const slot = chosen(atWork.length > 0 ? atWork : alive, index);
      world.kill(slot.slot);
      slot.life = 'dead';
      return `${slot.slot}${slot.job ? ` with ${slot.job.id}` : ''}`;
    },
  }),
);

const dying = fc.tuple(which, fc.constantFrom(...ENDS), fc.nat(5)).map(([index, end, calls]) =>
  doing({
    name: `die-settling(${end}, after ${calls} calls)`,
    isPossible: (model) => inTime(model).some(mayEnd(model, end)),
    async act(model, world) {
      const slot = chosen(inTime(model).filter(mayEnd(model, end)), index);
      const job = slot.job as ModelJob;
      const from = job.name;
      const to = await world.end(slot.slot, (attempting, bench) => {
        world.burn(slot.slot, calls);
        HOW[end](attempting, bench);
      });
      world.kill(slot.slot);
      Object.assign(slot, { life: 'dead', isGone: true });
      if (slot.isPart) adoptLines(model, world, slot, [job, ...model.claimedIn(slot)], { job, end });
      else adopt(model, world, slot, job, end, from);
      return `${slot.slot} ${job.id}, ${to}`;
    },
  }),
);

export const inTime = (model: Model): ModelSlot[] => busy(model).filter(({ life }) => life !== 'rescued');

const rescuing = fc.constant(null).map(() =>
  doing({
    name: 'rescue',
    isPossible: (model) => model.slots.some(({ life }) => life === 'dead'),
    async act(model, world) {
      world.rescue();
      model.rescue();
      return undefined;
    },
  }),
);

// By hand.

const single = (jobs: ModelJob[]): ModelJob[] => jobs.filter(({ batch }) => batch === undefined);
const waiting = (model: Model): ModelJob[] => single(model.in('pending', 'retrying'));

/** A by-hand action on one of the files that `of` gives. */
function byHand(
  name: string,
  of: (model: Model) => ModelJob[],
  act: (model: Model, world: World, job: ModelJob) => void,
): fc.Arbitrary<Command> {
  return which.map((index) =>
    doing({
      name,
      isPossible: (model) => of(model).length > 0,
      async act(model, world) {
        const job = chosen(of(model), index);
        const subject = shown(job);
        act(model, world, job);
        return subject;
      },
    }),
  );
}

const fileOf = ({ spool, held }: World, { where, name }: ModelJob): string =>
  path.join(where === 'held' ? held : path.join(spool.root, where), name);

const freeInIncoming =
  (...from: ModelJob['where'][]) =>
  (model: Model): ModelJob[] =>
    model.in(...from).filter(({ name }) => !model.isTaken('incoming', name));

const retryingByHand = byHand('mv -n failed|cancelled/X incoming/', freeInIncoming('failed', 'cancelled'), (model, world, job) => {
  world.move(fileOf(world, job), path.join(world.spool.incoming, job.name));
  model.moveIn(job);
});

const retryingRejectedByHand = byHand('mv -n rejected/X incoming/, rm its reason', freeInIncoming('rejected'), (model, world, job) => {
  world.move(fileOf(world, job), path.join(world.spool.incoming, job.name));
  fs.unlinkSync(world.spool.reason(job.name));
  model.moveIn(job);
});

const removingByHand = byHand(
  'rm pending|retrying|failed|cancelled/X',
  (model) => single(model.in('pending', 'retrying', 'failed', 'cancelled')),
  (model, world, job) => {
    fs.unlinkSync(fileOf(world, job));
    model.forget(job);
  },
);

const holding = byHand('mv pending|retrying/X held/', waiting, (_model, world, job) => {
  world.move(fileOf(world, job), path.join(world.held, job.name));
  job.where = 'held';
});

const letting = byHand('mv -n held/X incoming/', freeInIncoming('held'), (model, world, job) => {
  world.move(fileOf(world, job), path.join(world.spool.incoming, job.name));
  model.moveIn(job);
});

const reranking = priority.chain((high) =>
  byHand(`mv -n pending|retrying/pN-X pending|retrying/p${high}-X`, waiting, (_model, world, job) => {
    const name = nameOf({ ...job, priority: high });
    world.move(fileOf(world, job), path.join(world.spool.root, job.where, name));
    Object.assign(job, { priority: high, name });
  }),
);

const hurrying = runAt.chain((ms) =>
  byHand(`mv -n pending|retrying/X, run-at ${stamp(ms)}`, waiting, (_model, world, job) => {
    const name = nameOf({ ...job, runAt: ms });
    world.move(fileOf(world, job), path.join(world.spool.root, job.where, name));
    Object.assign(job, { runAt: ms, name });
  }),
);

const editing = fc
  .tuple(fc.constantFrom('good', 'good', 'half', 'mistaken'), fc.constantFrom('Example', 'Beside', 'Sometimes', 'Nobody'), retries)
  .chain(([body, name, count]) =>
    byHand(`mv tmp/edited pending|retrying/X (${body} ${name}, retries ${count})`, waiting, (model, world, job) => {
      const edited = { class: name, retries: count, serial: model.nextSerial, body: body as ModelJob['body'] };
      world.put(fileOf(world, job), textOf(edited, edited.body));
      // A new text has no history.
      const blank = { outcomes: [], spent: 0, crashes: 0, snoozes: 0, acceptedAt: undefined, writtenAt: model.now };
      Object.assign(job, edited, blank);
    }),
  );

const marking = fc.tuple(anyId, fc.boolean()).map(([of, byHand]) =>
  doing({
    name: byHand ? `touch cancel/${of}` : `requestCancel(${of})`,
    async act(model, world) {
      // The function leaves a marker that is there already as it is.
      if (byHand || !model.markers.has(of)) model.mark(of);
      if (!byHand) requestCancel(world.spool, of);
      world.touch(byHand ? world.spool.cancelMarker(of) : undefined);
      return undefined;
    },
  }),
);

// By the functions of steer.ts.

const ALLOWED = {
  cancel: ['scheduled', 'pending', 'running', 'retrying'],
  retry: ['failed', 'cancelled', 'rejected'],
  'run-now': ['scheduled', 'retrying'],
  priority: ['scheduled', 'pending', 'retrying'],
  remove: ['scheduled', 'pending', 'retrying', 'failed', 'cancelled', 'rejected'],
} as const;

type Action = keyof typeof ALLOWED;

const steering = fc
  .tuple(fc.constantFrom<Action>('cancel', 'retry', 'run-now', 'priority', 'remove', 'cancel', 'retry'), anyId, priority)
  .map(([action, of, high]) =>
    doing({
      name: `${action}(${of}${action === 'priority' ? `, ${high}` : ''})`,
      isPossible: (model) => !isAmbiguous(model, of),
      async act(model, world) {
        const job = model.located(of);
        const subject = job && shown(job);
        model.standing = world.standing();
        const expected = expectSteered(model, action, of, job, high);
        const result = steer(world, action, of, high, model.now);
        const { kind, state } = result as { kind: string; state?: string };
        assert.deepEqual({ kind, state }, { kind: expected.kind, state: expected.state }, `what ${action} of ${of} says`);
        if (kind === 'asked') world.touch(undefined);
        return `${subject ?? 'none'}: ${kind}`;
      },
    }),
  );

function steer({ spool }: World, action: Action, of: string, high: number, now: number): object {
  switch (action) {
    case 'cancel':
      return cancel(spool, of, { now, slot: TOOL });
    case 'retry':
      return retry(spool, of, { now, slot: TOOL });
    case 'run-now':
      return runNow(spool, of, { now, slot: TOOL });
    case 'priority':
      return setPriority(spool, of, high, { now, slot: TOOL });
    case 'remove':
      return remove(spool, of, { now, slot: TOOL });
  }
}

/** Does it to the model, and says what the function must answer. */
function expectSteered(
  model: Model,
  action: Action,
  of: string,
  job: ModelJob | undefined,
  high: number,
): { kind: string; state?: string } {
  if (action === 'cancel' && (!job || isOver(job)) && model.isLive(of)) return askInModel(model, of);
  if (!job) return model.known(of) ? { kind: 'conflict', state: 'completed' } : { kind: 'unknown' };
  const state = stateOf(job, model.now);
  if (job.where === 'claimed' && (action === 'priority' || action === 'remove')) return { kind: 'conflict', state: 'running' };
  return (ALLOWED[action] as readonly string[]).includes(state) ? steerInModel(model, action, of, job, high) : { kind: 'conflict', state };
}

function steerInModel(model: Model, action: Action, of: string, job: ModelJob, high: number): { kind: string } {
  switch (action) {
    case 'cancel':
      return cancelInModel(model, of, job);
    case 'retry':
      if (model.isTaken('incoming', job.name)) return { kind: 'taken' };
      model.moveIn(job);
      return { kind: 'done' };
    case 'run-now':
      return renameInModel(model, job, { runAt: model.now });
    case 'priority':
      return renameInModel(model, job, { runAt: job.runAt === 'now' ? model.now : job.runAt, priority: high });
    case 'remove':
      if (!isOver(job)) model.markers.delete(of);
      model.forget(job);
      return { kind: 'done' };
  }
}

function askInModel(model: Model, of: string): { kind: string } {
  if (!model.markers.has(of)) model.mark(of);
  return { kind: 'asked' };
}

const isOver = ({ where }: ModelJob): boolean => where === 'failed' || where === 'cancelled' || where === 'rejected';

function cancelInModel(model: Model, of: string, job: ModelJob): { kind: string } {
  if (job.where === 'pending' || job.where === 'retrying') {
    model.cancelWaiting(job);
    model.markers.delete(of);
    return { kind: 'cancelled' };
  }
  return askInModel(model, of);
}

function renameInModel(model: Model, job: ModelJob, change: Partial<ModelJob>): { kind: string } {
  const name = nameOf({ ...job, ...change }, isPart(job.name));
  model.singleOut(job);
  if (name !== job.name && model.isTaken(job.where, name)) return { kind: 'taken' };
  Object.assign(job, change, { name });
  return { kind: 'done' };
}

export const times = (count: number, ...of: fc.Arbitrary<Command>[]): fc.Arbitrary<Command>[] =>
  of.flatMap((one) => Array<fc.Arbitrary<Command>>(count).fill(one));

/** All of them; those that make the others possible are more frequent. */
export const commands: fc.Arbitrary<Command>[] = [
  ...times(12, claiming, ending),
  ...times(7, looking),
  ...times(5, submitting),
  ...times(4, dropping, steering),
  ...times(5, dying),
  ...times(3, passing, rescuing),
  ...times(2, killing),
  ...times(4, starting),
  ...times(2, marking, retryingByHand, retryingRejectedByHand, editing),
  finishing,
  restarting,
  pausing,
  deploying,
  pruning,
  racing,
  reachingInVain,
  reachingAfterRescue,
  removingByHand,
  holding,
  letting,
  reranking,
  hurrying,
];
