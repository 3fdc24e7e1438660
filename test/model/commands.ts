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
import { completedLines } from '../../spool/query.ts';
import { cancel, remove, retry, runNow, setPriority } from '../../spool/steer.ts';
import { type Submission, submit } from '../../spool/submit.ts';
import { compare, isAmbiguous } from './compare.ts';
import { type End, type Model, type ModelJob, type ModelSlot, namedBy, nameOf, SNOOZE_MS, stamp, stateOf, TICK_MS } from './model.ts';
import type { World } from './world.ts';

export type Command = fc.AsyncCommand<Model, World, false>;

/** When every run begins: earlier than any real time, so that no folder's time is long ago to the catalog. */
export const START = Date.UTC(2026, 0, 5, 10);
/** What a step does, in the spool and in the model; it returns what it was done to, for the report. */
type Step = { name: string; isPossible?(model: Model): boolean; act(model: Model, world: World): Promise<string | undefined> };

class Doing implements Command {
  readonly #step: Step;
  #done = '';

  constructor(step: Step) {
    this.#step = step;
  }

  check(model: Readonly<Model>): boolean {
    return this.#step.isPossible?.(model as Model) ?? true;
  }

  async run(model: Model, world: World): Promise<void> {
    model.now += TICK_MS;
    world.tick(model.now);
    this.#done = '(did not end)';
    const subject = await this.#step.act(model, world);
    model.count(this.#step.name);
    this.#done = subject === undefined ? '' : ` -> ${subject}`;
    await compare(model, world);
  }

  // Each run has its own: what is printed is what this run did.
  [fc.cloneMethod](): Doing {
    return new Doing(this.#step);
  }

  toString(): string {
    return `${this.#step.name}${this.#done}`;
  }
}

const doing = (step: Step): Doing => new Doing(step);

const id = fc.constantFrom('a', 'b', 'c');

const priority = fc.constantFrom(1, 5, 9, 10);
const RUN_ATS = [START - 7_200_000, START - 3_600_000, START + 3_600_000];
const runAt = fc.constantFrom(...RUN_ATS);
const retries = fc.constantFrom(undefined, 0, 2, 5);
const listedClass = fc.constantFrom('Example', 'Example', 'Beside', 'Beside', 'Sometimes');
const which = fc.nat(11);

const chosen = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
const shown = ({ where, name }: ModelJob): string => `${where}/${name}`;

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

const textOf = (job: { serial: number; class: string; retries: number | undefined }, body: ModelJob['body'] = 'good'): string => {
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
      world.put(path.join(world.spool.incoming, job.name), textOf(job));
      Object.assign(job, { body: 'good', writtenAt: model.now, arrived: model.tick() });
      return shown(job);
    },
  }),
);

const halfWritten = (model: Model): ModelJob[] => model.in('incoming').filter(({ body }) => body === 'half');

const looking = fc.constant(null).map(() =>
  doing({
    name: 'look',
    async act(model, world) {
      // Their writers are at them still: how long a text may stay unfinished is told by another clock.
      for (const job of halfWritten(model)) {
        world.write(path.join(world.spool.incoming, job.name));
        Object.assign(job, { writtenAt: model.now, arrived: model.tick() });
      }
      await world.look();
      model.look();
      return undefined;
    },
  }),
);

const restarting = fc.constant(null).map(() =>
  doing({
    name: 'restart-dispatcher',
    async act(model, world) {
      world.restartDispatcher();
      // It has not seen any marker yet.
      model.nowhere.clear();
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

const idle = (model: Model): ModelSlot[] => model.slots.filter(({ life, job }) => life === 'alive' && !job);

const claiming = which.map((index) =>
  doing({
    name: 'claim-best',
    isPossible: (model) => !model.paused && idle(model).length > 0 && model.due().length > 0,
    async act(model, world) {
      const slot = chosen(idle(model), index);
      const due = model.due();
      const name = await firstProposal(model, world, due);
      const [best] = due as [ModelJob];
      const became = await world.claim(slot.slot, name);
      assert.equal(became, model.claim(slot, best) ?? 'running', `what became of ${name}`);
      return `${slot.slot} ${name}`;
    },
  }),
);

async function firstProposal(model: Model, world: World, due: ModelJob[]): Promise<string> {
  // The dispatcher's memory may hold names whose files are gone: a runner that reaches for one gets nothing.
  const names = (await world.proposals(64)).filter((name) => model.due().some((job) => job.name === name));
  assert.deepEqual(
    names,
    due.map(({ name }) => name),
    'the order in which jobs start',
  );
  return names[0] as string;
}

const racing = fc.constant(null).map(() =>
  doing({
    name: 'two-claim-one',
    isPossible: (model) => !model.paused && idle(model).length > 1 && model.due().length > 0,
    async act(model, world) {
      const [first, second] = idle(model) as [ModelSlot, ModelSlot];
      const [best] = model.due() as [ModelJob];
      const { name } = best;
      const [one, other] = [await world.claim(first.slot, name), await world.claim(second.slot, name)];
      assert.deepEqual([one, other], [model.claim(first, best) ?? 'running', 'missing'], 'what two runners get that reach for one job');
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
  return model.jobs.filter(({ where, runAt, name }) => where !== 'incoming' && where !== 'rejected' && runAt !== 'now' && !names.has(name));
}

/** A runner that was taken for dead, and whose slot was rescued, wakes up. */
const reachingAfterRescue = which.map((index) =>
  doing({
    name: 'claim-after-rescue',
    isPossible: (model) => rescued(model).length > 0 && model.due().length > 0,
    async act(model, world) {
      const slot = chosen(rescued(model), index);
      assert.equal(await world.claim(slot.slot, (model.due()[0] as ModelJob).name), 'missing', 'what a runner gets whose slot was rescued');
      return slot.slot;
    },
  }),
);

const rescued = (model: Model): ModelSlot[] => model.slots.filter(({ life, job, isGone }) => life === 'rescued' && !job && !isGone);

const busy = (model: Model): ModelSlot[] => model.slots.filter(({ job }) => job);

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
const mayEnd = (model: Model, end: End) => (slot: ModelSlot) => end !== 'cancelled' || model.markers.has(slot.job?.id as string);

const ending = fc.tuple(which, fc.constantFrom(...ENDS)).map(([index, end]) =>
  doing({
    name: `end(${end})`,
    isPossible: (model) => busy(model).some(mayEnd(model, end)),
    async act(model, world) {
      const slot = chosen(busy(model).filter(mayEnd(model, end)), index);
      const job = slot.job as ModelJob;
      const to = await world.end(slot.slot, HOW[end]);
      const isLate = slot.life === 'rescued';
      model.settle(slot, end);
      assert.equal(to, isLate ? 'missing' : job.where, 'where the runner says that the job went');
      return `${slot.slot} ${job.id}${isLate ? ', too late' : ''}`;
    },
  }),
);

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
      adopt(model, world, slot, job, end, from);
      return `${slot.slot} ${job.id}, ${to}`;
    },
  }),
);

const inTime = (model: Model): ModelSlot[] => busy(model).filter(({ life }) => life !== 'rescued');

// Which call was the last, only the disk tells. What is there must be the job as it was, or as it is afterwards.
function adopt(model: Model, world: World, slot: ModelSlot, job: ModelJob, end: End, from: string): void {
  const { spool } = world;
  const names = fs.readdirSync(spool.slot(slot.slot));
  for (const draft of fs.readdirSync(spool.tmp)) fs.unlinkSync(path.join(spool.tmp, draft));
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

const waiting = (model: Model): ModelJob[] => model.in('pending', 'retrying');

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
  (model) => model.in('pending', 'retrying', 'failed', 'cancelled'),
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

const marking = fc.tuple(id, fc.boolean()).map(([of, byHand]) =>
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
  .tuple(fc.constantFrom<Action>('cancel', 'retry', 'run-now', 'priority', 'remove', 'cancel', 'retry'), id, priority)
  .map(([action, of, high]) =>
    doing({
      name: `${action}(${of}${action === 'priority' ? `, ${high}` : ''})`,
      isPossible: (model) => !isAmbiguous(model, of),
      async act(model, world) {
        const job = model.located(of);
        const subject = job && shown(job);
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
      return cancel(spool, of, { now });
    case 'retry':
      return retry(spool, of, { now });
    case 'run-now':
      return runNow(spool, of, { now });
    case 'priority':
      return setPriority(spool, of, high, { now });
    case 'remove':
      return remove(spool, of, { now });
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
  if (!job) return model.known(of) ? { kind: 'conflict', state: 'completed' } : { kind: 'unknown' };
  const state = stateOf(job, model.now);
  if (!(ALLOWED[action] as readonly string[]).includes(state)) return { kind: 'conflict', state };
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
      if (job.where !== 'failed' && job.where !== 'cancelled' && job.where !== 'rejected') model.markers.delete(of);
      model.forget(job);
      return { kind: 'done' };
  }
}

function cancelInModel(model: Model, of: string, job: ModelJob): { kind: string } {
  if (job.where === 'pending' || job.where === 'retrying') {
    model.cancelWaiting(job);
    model.markers.delete(of);
    return { kind: 'cancelled' };
  }
  if (!model.markers.has(of)) model.mark(of);
  return { kind: 'asked' };
}

function renameInModel(model: Model, job: ModelJob, change: Partial<ModelJob>): { kind: string } {
  const name = nameOf({ ...job, ...change });
  if (name !== job.name && model.isTaken(job.where, name)) return { kind: 'taken' };
  Object.assign(job, change, { name });
  return { kind: 'done' };
}

const times = (count: number, ...of: fc.Arbitrary<Command>[]): fc.Arbitrary<Command>[] =>
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
