/** Everything that is done to a spool, a row each, so that every kind of break is tried on all of them. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { singleLines } from '../../service/single-lines.ts';
import { type BatchName, batchFileName, memberName } from '../../spool/batch-name.ts';
import { cancelClaimed, cancelLines, cancelWaiting } from '../../spool/cancel.ts';
import { claim } from '../../spool/claim.ts';
import { BatchTexts, claimPart } from '../../spool/claim-part.ts';
import { clearLogs } from '../../spool/clear-logs.ts';
import { SpoolError } from '../../spool/errors.ts';
import { jobFileName } from '../../spool/filename.ts';
import { type End, type Job, jobOf } from '../../spool/job.ts';
import { dayOf } from '../../spool/layout.ts';
import { slots } from '../../spool/lease.ts';
import { Ledger, type LedgerLine, ledgerLine } from '../../spool/ledger.ts';
import { pause, requestDrain, resume } from '../../spool/marker.ts';
import { giveBack } from '../../spool/part.ts';
import { prune } from '../../spool/prune.ts';
import { locate } from '../../spool/query.ts';
import { rescue, settleTaken } from '../../spool/rescue.ts';
import { finishMoves, settle } from '../../spool/settle.ts';
import { type Durability, openSpool, type Spool } from '../../spool/spool.ts';
import { cancel, remove, retry, runNow, setPriority } from '../../spool/steer.ts';
import { type Submission, submit } from '../../spool/submit.ts';
import { submitCall } from '../../spool/submit-call.ts';
import { attemptAt } from './job-files.ts';
import { intakeOf, LATER, rescueOptions } from './run-to-end.ts';

/** A spool in which something is about to be done. */
export type World = {
  spool: Spool;
  /** The ids that must be found, once each. */
  acknowledged: Set<string>;
  /** The ids that the act may take away for good. */
  expendable: Set<string>;
  /** Of a runner that records: its ledger, what it has not appended yet, and whether it has given up. */
  recording?: { ledger: Ledger; lines: Recorded[]; gaveUp: boolean };
};

type Recorded = { line: LedgerLine; name: string };

export type Act = {
  name: string;
  durability: Durability;
  prepare(world: World): void;
  act(world: World): unknown;
  /** What the act says of itself is not so, in a sentence; `value` is what it returned. Asked in a spool that is whole and when it got through. */
  untrue(world: World, value: unknown): string | undefined | false;
  /** When it threw (no crash): what must not be so then. */
  wrongAfterError?(world: World, error: unknown): string | undefined | false;
  /** Once the disk works again, whoever did it does it again. Not a runner: it gives up and is rescued. */
  isRepeated: boolean;
  /** What the spool is wrong in from the beginning, because a stranger made it so. */
  tolerates?: RegExp;
};

/** A fresh spool for an act, on a disk in memory where there is one; `remove` takes it down. */
export function worldOf(act: Act): { world: World; remove(): void } {
  const dir = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'jobspool-act-'));
  const world: World = {
    spool: openSpool(path.join(dir, 'spool'), { durability: act.durability }),
    acknowledged: new Set<string>(),
    expendable: new Set<string>(),
  };
  act.prepare(world);
  return {
    world,
    remove: () => {
      world.recording?.ledger.close();
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}

const SLOT = 'host-1';
const OWN = 'own-1';
const NOW = Date.UTC(2026, 10, 22, 10, 15);
const DUE = NOW - 5_000;
const SPAN = { startedAt: NOW - 1_000, finishedAt: NOW, runner: SLOT };
const ERROR = { name: 'E', message: 'm' };
const DAY_MS = 86_400_000;

type Folder = 'incoming' | 'pending' | 'retrying' | 'failed' | 'cancelled' | 'rejected';

const nameOf = (id: string, runAt = DUE, priority = 5): string => jobFileName({ id, runAt, priority });
const jobAt = (id: string, over: object = {}): Job => jobOf(nameOf(id), { class: 'Example', method: 'handle', params: ['x'], ...over });
const bodyOf = (over: object = {}): string => JSON.stringify({ class: 'Example', method: 'handle', params: ['x'], ...over });
const has = ({ spool }: World, folder: Folder, name: string): boolean => fs.existsSync(path.join(spool[folder], name));
const names = ({ spool }: World, folder: Folder): string[] => fs.readdirSync(spool[folder]);

/** Puts a job's file somewhere; from then on it is acknowledged. */
function put({ spool, acknowledged }: World, folder: Folder | `running/${string}`, name: string, id: string, over: object = {}): string {
  const file = path.join(spool.root, folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, bodyOf(over));
  acknowledged.add(id);
  return file;
}

function putRejected(world: World, id: string, body = bodyOf()): void {
  fs.writeFileSync(put(world, 'rejected', nameOf(id), id), body);
  fs.writeFileSync(
    world.spool.reason(nameOf(id)),
    JSON.stringify({ reason: 'no such class', rejectedAt: new Date(NOW).toISOString(), id }),
  );
}

const failed = { attempts: [attemptAt(NOW - 60_000, 'failed', 'it broke')], acceptedAt: new Date(DUE).toISOString() };

const BOTH: Durability[] = ['none', 'full'];
const plain = { durability: 'none' as Durability, isRepeated: true, prepare: () => undefined, untrue: () => undefined };

const one = (over: Partial<Submission> = {}): Submission => ({ class: 'Example', params: ['x'], ...over });

const SUBMISSIONS: { name: string; jobs: Submission[] }[] = [
  { name: 'one job', jobs: [one()] },
  { name: 'one job with an id', jobs: [one({ id: 'a' })] },
  { name: 'a batch', jobs: [one({ priority: 2 }), one({ priority: 9 }), one({ delay: 60 })] },
  { name: 'a batch with ids', jobs: [one({ id: 'a' }), one({ id: 'b', priority: 9 })] },
];

const submits: Act[] = SUBMISSIONS.flatMap(({ name, jobs }) =>
  BOTH.map((durability) => ({
    ...plain,
    name: `submit ${name}, durability ${durability}`,
    durability,
    act: (world: World) => submitAll(world, jobs),
    untrue: (world: World) => names(world, 'incoming').length < jobs.length && 'not all of them are in incoming/',
    // Whoever gets an error submits again what is not named in it.
    wrongAfterError: (world: World) =>
      names(world, 'incoming').length !== world.acknowledged.size &&
      `${world.acknowledged.size} of ${jobs.length} are said to be submitted, and ${names(world, 'incoming').length} are`,
    isRepeated: false,
  })),
);

const IN_FLIGHT = 8;

const calls: Act[] = BOTH.map((durability) => ({
  ...plain,
  name: `submit by calls in flight, durability ${durability}`,
  durability,
  act: callAll,
  untrue: (world) => submittedIn(world) < IN_FLIGHT && 'not all of them are in incoming/',
  wrongAfterError: (world) =>
    submittedIn(world) !== world.acknowledged.size &&
    `${world.acknowledged.size} of ${IN_FLIGHT} are said to be submitted, and ${submittedIn(world)} are`,
  isRepeated: false,
}));

async function callAll({ spool, acknowledged }: World): Promise<void> {
  const settled = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, () => submitCall(spool, one())));
  for (const call of settled) {
    if (call.status === 'fulfilled') acknowledged.add(call.value);
    else if (call.reason instanceof SpoolError) for (const id of call.reason.submitted) acknowledged.add(id);
  }
  const failed = settled.find(({ status }) => status === 'rejected');
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

/** How many requests are in incoming/, in files of their own or as lines. */
const submittedIn = (world: World): number =>
  names(world, 'incoming').reduce((sum, name) => {
    const text = fs.readFileSync(path.join(world.spool.incoming, name), 'utf8');
    return sum + (name.endsWith('.ndjson') ? text.trimEnd().split('\n').length : 1);
  }, 0);

// What an error names as submitted is acknowledged all the same.
async function submitAll({ spool, acknowledged }: World, jobs: Submission[]): Promise<void> {
  const note = (ids: readonly string[]) => ids.forEach((id) => void acknowledged.add(id));
  await submit(spool, jobs).then(note, (error) => {
    if (error instanceof SpoolError) note(error.submitted);
    throw error;
  });
}

const accepting = (name: string, prepare: (world: World) => string, to: Folder, tolerates?: RegExp): Act => ({
  ...plain,
  ...(tolerates ? { tolerates } : {}),
  name: `accept, ${name}`,
  prepare: (world) => void prepare(world),
  act: ({ spool }) => {
    const intake = intakeOf(spool);
    return [0, 5_000].flatMap((clock) => intake.names().map((file) => intake.accept(file, NOW, clock).kind));
  },
  untrue: (world) => names(world, to).length === 0 && `nothing is in ${to}/`,
});

const accepts: Act[] = [
  accepting('a good request', (world) => put(world, 'incoming', 'p5-now-a.json', 'a'), 'pending'),
  accepting('one with a time', (world) => put(world, 'incoming', 'p5-20261122T101500Z-a.json', 'a'), 'pending'),
  accepting(
    'one whose name a failed job has',
    (world) => {
      fs.renameSync(put(world, 'incoming', nameOf('a'), 'a'), path.join(world.spool.incoming, nameOf('a')));
      fs.mkdirSync(path.join(world.spool.cancelled, nameOf('a')));
      return '';
    },
    'pending',
  ),
  accepting('a class that may not run', (world) => put(world, 'incoming', 'p5-now-a.json', 'a', { class: 'Forbidden' }), 'rejected'),
  accepting(
    'a duplicate',
    (world) => {
      put(world, 'pending', nameOf('a'), 'a');
      return put(world, 'incoming', 'p5-now-a.json', 'a');
    },
    'rejected',
    /it is in several places: incoming.* and pending/,
  ),
  accepting('a wrong name', (world) => put(world, 'incoming', 'p99-now-a.json', 'p99-now-a.json'), 'rejected'),
  accepting(
    'no JSON',
    (world) => {
      const file = put(world, 'incoming', 'p5-now-a.json', 'a');
      fs.writeFileSync(file, 'no');
      return file;
    },
    'rejected',
  ),
  accepting(
    'a folder',
    (world) => {
      fs.mkdirSync(path.join(world.spool.incoming, 'p5-now-a.json'));
      world.acknowledged.add('a');
      return '';
    },
    'rejected',
  ),
];

/** A job in a living runner's slot. */
const claimed = (world: World, over: object = {}): Job => {
  put(world, `running/${SLOT}`, nameOf('a'), 'a', over);
  return jobAt('a', over);
};

const claims: Act[] = (['pending', 'retrying'] as const).map((folder) => ({
  ...plain,
  name: `claim from ${folder}/`,
  prepare: (world) => {
    put(world, folder, nameOf('a'), 'a', folder === 'retrying' ? { ...failed, spent: 1 } : {});
    fs.mkdirSync(world.spool.slot(SLOT));
    fs.writeFileSync(world.spool.holder(SLOT), '{}');
  },
  act: ({ spool }) => claim(spool, SLOT, nameOf('a'), NOW).kind,
  untrue: ({ spool }, value) => {
    const isOurs = fs.existsSync(spool.claimed(SLOT, nameOf('a')));
    return (
      isOurs !== (value === 'claimed' || value === 'spoilt' || value === 'unread') &&
      `claim says ${value}, and the job is ${isOurs ? '' : 'not '}in the slot`
    );
  },
  isRepeated: false,
}));

type Unfinished = Exclude<Parameters<typeof settle>[4], { to: 'completed' }>;
const SETTLEMENTS: { name: string; end: End; move: Unfinished }[] = [
  {
    name: 'retrying',
    end: { kind: 'failed', error: ERROR, permanent: false, names: [] },
    move: { to: 'retrying', outcome: 'failed', runAt: NOW + 5_000, crashed: false },
  },
  {
    name: 'retrying after a timeout',
    end: { kind: 'timed-out', error: ERROR },
    move: { to: 'retrying', outcome: 'timed-out', runAt: NOW + 5_000, crashed: false },
  },
  {
    name: 'failed',
    end: { kind: 'failed', error: ERROR, permanent: true, names: [] },
    move: { to: 'failed', outcome: 'failed', why: 'the failure is permanent' },
  },
  { name: 'timed out', end: { kind: 'timed-out', error: ERROR }, move: { to: 'failed', outcome: 'timed-out', why: 'it has no retries' } },
  { name: 'cancelled', end: { kind: 'cancelled' }, move: { to: 'cancelled', outcome: 'cancelled' } },
  { name: 'snoozed', end: { kind: 'snoozed', delayMs: 60_000 }, move: { to: 'pending', runAt: NOW + 60_000 } },
  { name: 'released', end: { kind: 'released' }, move: { to: 'pending' } },
  { name: 'refused', end: { kind: 'refused', reason: 'why' }, move: { to: 'rejected', reason: 'why' } },
];

const settles: Act[] = SETTLEMENTS.flatMap(({ name, end, move }) =>
  BOTH.map((durability) => ({
    name: `settle as ${name}, durability ${durability}`,
    durability,
    prepare: (world) => void claimed(world),
    // As a runner does that tries again: a move that was begun is finished.
    act: ({ spool }) =>
      finishMoves(spool, SLOT).find(({ folder }) => folder === move.to) ?? settle(spool, SLOT, jobAt('a'), end, move, SPAN, NOW - 9_000),
    untrue: (world, value) => {
      if (value === undefined) return names(world, move.to).length === 0 && 'the outcome was discarded, though nobody rescued the slot';
      const to = (value as { name: string }).name;
      return !has(world, move.to, to) && `it says ${move.to}/${to}, and that is not there`;
    },
    isRepeated: true,
  })),
);

function recordedLine(world: World, id: string, finishedAt = Date.now()): Recorded {
  const job = jobAt(id);
  const acceptedAt = new Date(fs.statSync(world.spool.claimed(SLOT, job.name)).mtimeMs).toISOString();
  return { line: ledgerLine(job, { ...SPAN, finishedAt }, acceptedAt, 'done'), name: job.name };
}

const completions: Act[] = BOTH.flatMap((durability) =>
  ['today', 'the first', 'at midnight'].map((when) => ({
    name: `settle as completed, ${when}, durability ${durability}`,
    durability,
    prepare: (world) => {
      if (when === 'today') fs.mkdirSync(world.spool.ledgerDay(dayOf(Date.now())));
      claimed(world);
      const lines = [recordedLine(world, 'a')];
      if (when === 'at midnight') {
        put(world, `running/${SLOT}`, nameOf('b'), 'b');
        lines.unshift(recordedLine(world, 'b', Date.now() - DAY_MS));
      }
      world.recording = { ledger: new Ledger(world.spool, SLOT), lines, gaveUp: false };
    },
    act: ({ recording }) => recordAll(recording as NonNullable<World['recording']>),
    untrue: ({ spool }) => {
      const left = fs.readdirSync(spool.slot(SLOT));
      const lines = fs.readdirSync(spool.completed).flatMap((day) => fs.readFileSync(spool.ledger(day, SLOT), 'utf8').split('\n'));
      if (left.length > 0) return `it is recorded, and ${left.join(' and ')} is left in the slot`;
      return !lines.some((line) => line.startsWith('{"id":"a"') && line.endsWith('}')) && 'it has no line';
    },
    isRepeated: true,
  })),
);

// A runner keeps what it could not append and tries again; when it cannot commit, it gives up and is rescued.
async function recordAll(recording: NonNullable<World['recording']>): Promise<void> {
  const { ledger, lines } = recording;
  if (recording.gaveUp) throw new SpoolError('CONFLICT', 'the runner has given up');
  for (let next = lines[0]; next; next = lines[0]) {
    ledger.append(next.line, next.name);
    lines.shift();
  }
  recording.gaveUp = true;
  await ledger.commit();
  recording.gaveUp = false;
}

/** What a dead runner's slot may hold. */
const LEFTOVERS: { name: string; put(world: World): void; end?: End }[] = [
  { name: 'nothing', put: ({ spool }) => void fs.mkdirSync(spool.slot(SLOT)) },
  { name: 'a job', put: (world) => void claimed(world) },
  { name: 'a job that it gave back', put: (world) => void claimed(world), end: { kind: 'released' } },
  { name: 'a job that was lost', put: (world) => void claimed(world), end: { kind: 'lost', error: ERROR } },
  { name: 'a job that has crashed twice', put: (world) => void claimed(world, { crashes: 2 }) },
  { name: 'a job that is recorded', put: (world) => record(world, claimed(world)) },
  { name: 'a job whose line is torn', put: (world) => record(world, claimed(world), true) },
  { name: 'a job that is spoilt', put: (world) => void fs.writeFileSync(world.spool.claimed(SLOT, claimed(world).name), 'no') },
  ...(['failed', 'cancelled', 'retrying', 'pending'] as const).flatMap((folder) => [
    { name: `a job bound for ${folder}/`, put: (world: World) => bind(world, folder, true) },
    { name: `a job bound for ${folder}/, its old file gone`, put: (world: World) => bind(world, folder, false) },
  ]),
  {
    name: 'many things',
    put: (world) => {
      record(world, claimed(world));
      put(world, `running/${SLOT}`, nameOf('b'), 'b');
      put(world, `running/${SLOT}`, nameOf('c'), 'c', { class: 'Example', params: ['x'], crashes: 2 });
      fs.writeFileSync(world.spool.claimed(SLOT, 'notes.txt'), 'a stranger');
      for (const file of [world.spool.output(SLOT), world.spool.progress(SLOT), world.spool.lines(SLOT), world.spool.drain(SLOT)])
        fs.writeFileSync(file, 'x');
    },
  },
];

function record(world: World, job: Job, torn = false): void {
  const { line } = recordedLine(world, job.id);
  const file = world.spool.ledger(dayOf(Date.now()), SLOT);
  fs.mkdirSync(path.dirname(file));
  const text = `${JSON.stringify(line)}\n`;
  fs.writeFileSync(file, torn ? text.slice(0, 100) : text);
}

function bind(world: World, folder: 'failed' | 'cancelled' | 'retrying' | 'pending', withOld: boolean): void {
  const job = claimed(world);
  if (!withOld) fs.rmSync(world.spool.claimed(SLOT, job.name));
  const bound = `.${folder}=${nameOf('a', folder === 'retrying' || folder === 'pending' ? NOW + 5_000 : DUE)}`;
  put(world, `running/${SLOT}`, bound, 'a', failed);
}

/** Rescues all dead runners, whose jobs ended with `end`, or crashed. */
const rescuing = (end: End | undefined): Pick<Act, 'act' | 'untrue'> => ({
  act: ({ spool }) => {
    const options = rescueOptions(end ? { endOf: () => end } : {});
    // As the service's rescuer does: first what an earlier rescue of ours could not finish.
    if (spool.disk.exists(spool.slot(OWN))) settleTaken(spool, OWN, OWN, options);
    for (const dead of slots(spool).filter((slot) => slot !== OWN)) rescue(spool, dead, OWN, options);
  },
  untrue: ({ spool }) => {
    const left = fs.readdirSync(spool.running);
    return left.length > 0 && `the rescue is done, and ${left.join(', ')} is left`;
  },
});

const rescues: Act[] = LEFTOVERS.flatMap(({ name, put: putLeftovers, end }) =>
  (name === 'many things' || name === 'a job that is recorded' ? BOTH : (['none'] as const)).map((durability) => ({
    ...plain,
    name: `rescue a runner that left ${name}, durability ${durability}`,
    durability,
    tolerates: /running\/.* holds no whole request: the body is not JSON/,
    prepare: (world) => {
      fs.mkdirSync(world.spool.lock(SLOT));
      holderOf(world, SLOT, 'runner');
      putLeftovers(world);
    },
    ...rescuing(end),
  })),
);

const isIn = (folder: Folder) => (world: World) => !has(world, folder, nameOf('a')) && `it is not in ${folder}/`;

/** Where what is done by hand says that it is. */
const steering = (
  name: string,
  from: Folder | 'running/host-1',
  act: (spool: Spool) => unknown,
  to: (world: World) => string | undefined | false,
): Act => ({
  ...plain,
  name: `${name} from ${from}/`,
  prepare: (world) => {
    if (from === 'rejected') putRejected(world, 'a');
    else
      put(world, from, nameOf('a', name.includes('scheduled') ? LATER : DUE), 'a', from === 'failed' || from === 'retrying' ? failed : {});
  },
  act: ({ spool }) => act(spool),
  untrue: (world, value) => {
    const { kind } = value as { kind: string };
    // It was done at the first try, and the error came after it.
    if (kind !== 'done' && kind !== 'cancelled' && kind !== 'asked') return undefined;
    return to(world);
  },
  // A job that was moved is not to be said to have stayed.
  wrongAfterError: ({ spool }) =>
    fs.readdirSync(path.join(spool.root, from)).length === 0 && 'it is gone, and the caller is told that nothing was done',
});

const steers: Act[] = [
  ...(['pending', 'retrying'] as const).map((from) => steering('cancel', from, (spool) => cancel(spool, 'a'), isIn('cancelled'))),
  steering(
    'cancel',
    'incoming',
    (spool) => cancel(spool, 'a'),
    ({ spool }) => !fs.existsSync(spool.cancelMarker('a')) && 'it has no marker',
  ),
  steering(
    'cancel',
    'running/host-1',
    (spool) => cancel(spool, 'a'),
    ({ spool }) => !fs.existsSync(spool.cancelMarker('a')) && 'it has no marker',
  ),
  steering(
    'cancel where it was seen',
    'pending',
    (spool) =>
      cancel(spool, 'a', {
        place: locate(spool, 'a') ?? { state: 'pending', name: nameOf('a'), file: path.join(spool.pending, nameOf('a')) },
        only: true,
      }),
    isIn('cancelled'),
  ),
  ...(['failed', 'cancelled', 'rejected'] as const).map((from) => steering('retry', from, (spool) => retry(spool, 'a'), isIn('incoming'))),
  steering(
    'run now what is scheduled',
    'pending',
    (spool) => runNow(spool, 'a'),
    (world) => has(world, 'pending', nameOf('a', LATER)) && 'it is scheduled',
  ),
  steering(
    'run now',
    'retrying',
    (spool) => runNow(spool, 'a'),
    () => undefined,
  ),
  ...(['incoming', 'pending', 'retrying'] as const).map((from) =>
    steering(
      'set the priority',
      from,
      (spool) => setPriority(spool, 'a', 9),
      (world) => !has(world, from, nameOf('a', DUE, 9)) && 'it has the old one',
    ),
  ),
];

const removals: Act[] = (['pending', 'failed', 'cancelled', 'rejected'] as const).map((from) => ({
  ...plain,
  name: `remove from ${from}/`,
  prepare: (world) => {
    if (from === 'rejected') putRejected(world, 'a');
    else put(world, from, nameOf('a'), 'a');
    fs.writeFileSync(world.spool.jobLog('a'), 'printed');
    fs.writeFileSync(world.spool.cancelMarker('a'), '');
    world.expendable.add('a');
  },
  act: ({ spool }) => remove(spool, 'a').kind,
  untrue: (world) => has(world, from, nameOf('a')) && 'it is still there',
  // A job that is gone is not to be said to have stayed.
  wrongAfterError: (world) => !has(world, from, nameOf('a')) && 'it is gone, and the caller is told that it could not be removed',
}));

const finds = (folder: 'pending' | 'retrying') => (world: World) => {
  put(world, folder, nameOf('a'), 'a', { spent: 1 });
};

const others: Act[] = [
  ...(['pending', 'retrying'] as const).map((folder) => ({
    ...plain,
    name: `cancel what waits in ${folder}/, as a dispatcher`,
    prepare: finds(folder),
    act: ({ spool }: World) => cancelWaiting(spool, nameOf('a'))?.id,
    untrue: (world: World, value: unknown) =>
      (value === 'a') !== has(world, 'cancelled', nameOf('a')) && !names(world, 'cancelled').length && `it says ${value}`,
  })),
  {
    ...plain,
    name: 'cancel what was claimed and not run',
    prepare: (world) => void claimed(world),
    act: ({ spool }) => cancelClaimed(spool, SLOT, nameOf('a'))?.id,
    untrue: isIn('cancelled'),
    isRepeated: false,
  },
  {
    ...plain,
    name: 'prune',
    prepare: (world) => {
      const old = (file: string) => fs.utimesSync(file, 1_000_000, 1_000_000);
      for (const [id, folder] of [
        ['f', 'failed'],
        ['c', 'cancelled'],
      ] as const)
        old(put(world, folder, nameOf(id), id));
      putRejected(world, 'r');
      old(path.join(world.spool.rejected, nameOf('r')));
      old(world.spool.reason(nameOf('r')));
      for (const id of ['f', 'c', 'r']) world.expendable.add(id);
      put(world, 'pending', nameOf('a'), 'a');
      for (const id of ['a', 'f']) fs.writeFileSync(world.spool.jobLog(id), 'printed');
      for (const id of ['a', 'f']) old(world.spool.jobLog(id));
      fs.writeFileSync(path.join(world.spool.tmp, 'draft'), '{');
      old(path.join(world.spool.tmp, 'draft'));
      const ledger = world.spool.ledger('2020-01-01', SLOT);
      fs.mkdirSync(path.dirname(ledger));
      fs.writeFileSync(ledger, `{"id":"l","params":[],"attempts":[]}\n`);
    },
    act: ({ spool }) => prune(spool, { keepCompletedMs: DAY_MS, keepFailedMs: DAY_MS, keepLogsMs: DAY_MS }),
    untrue: (world) => {
      const left = [
        ...names(world, 'failed'),
        ...names(world, 'cancelled'),
        ...names(world, 'rejected'),
        ...fs.readdirSync(world.spool.tmp),
        ...fs.readdirSync(world.spool.completed),
      ];
      return left.length > 0 && `${left.join(', ')} is left`;
    },
    wrongAfterError: ({ spool }) => !fs.existsSync(spool.jobLog('a')) && 'the log of a job that waits is gone',
  },
  { ...plain, name: 'pause', act: ({ spool }) => pause(spool), untrue: ({ spool }) => !fs.existsSync(spool.paused) && 'it is not paused' },
  {
    ...plain,
    name: 'resume',
    prepare: ({ spool }) => fs.writeFileSync(spool.paused, ''),
    act: ({ spool }) => resume(spool),
    untrue: ({ spool }) => fs.existsSync(spool.paused) && 'it is paused',
  },
  {
    ...plain,
    name: 'ask a runner to drain',
    prepare: (world) => {
      claimed(world);
      fs.writeFileSync(
        world.spool.holder(SLOT),
        JSON.stringify({ kind: 'runner', host: 'h', pid: 1, processStart: '1', bootId: 'b', pidNamespace: 'n', since: 's' }),
      );
    },
    act: ({ spool }) => requestDrain(spool, SLOT),
    untrue: ({ spool }, value) => value !== fs.existsSync(spool.drain(SLOT)) && `it says ${value}`,
  },
  {
    ...plain,
    name: 'clear the logs',
    prepare: (world) => {
      put(world, 'pending', nameOf('a'), 'a');
      for (const file of [
        'background_jobs.log',
        'background_jobs_errors.log',
        'background_jobs.2026-11-01.log',
        'jobs/a.log',
        'jobs/over.log',
      ])
        fs.writeFileSync(path.join(world.spool.logs, file), 'a line\n');
      for (const id of ['a', 'over']) fs.utimesSync(world.spool.jobLog(id), 1_000_000, 1_000_000);
    },
    act: ({ spool }) => clearLogs(spool),
    untrue: ({ spool }) => fs.statSync(path.join(spool.logs, 'background_jobs.log')).size > 0 && 'the log is not empty',
    wrongAfterError: ({ spool }) => !fs.existsSync(spool.jobLog('a')) && 'the log of a job that waits is gone',
  },
];

/** Five jobs, the lines of the batch `b`. */
const LINES = [1, 2, 3, 4, 5];
const BATCH: BatchName = { id: 'b', priority: 5, runAt: DUE, from: 1, to: 5 };
const partName = (from: number, to: number): string => batchFileName({ ...BATCH, from, to });
const batchText = (over: object = {}): string => LINES.map((line) => `${bodyOf(line === 3 ? over : {})}\n`).join('');
const lineJob = (line: number): Job => ({
  ...BATCH,
  id: `b.${line}`,
  name: memberName(BATCH, line),
  request: { class: 'Example', method: 'handle', params: ['x'] },
});

/** Puts a part of the batch somewhere; from then on its jobs are acknowledged. */
function putPart(
  { spool, acknowledged }: World,
  folder: 'incoming' | 'pending' | `running/${string}`,
  name: string,
  text = batchText(),
): string {
  const file = path.join(spool.root, folder, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, text);
  for (const line of LINES) acknowledged.add(`b.${line}`);
  return file;
}

function recordLines(world: World, lines: number[], part: string): void {
  const acceptedAt = new Date(fs.statSync(world.spool.claimed(SLOT, part)).mtimeMs).toISOString();
  const file = world.spool.ledger(dayOf(Date.now()), SLOT);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  for (const line of lines)
    fs.appendFileSync(file, `${JSON.stringify(ledgerLine(lineJob(line), { ...SPAN, finishedAt: Date.now() }, acceptedAt, 'done'))}\n`);
}

const linkPart = ({ spool }: World, from: string, to: string): void => fs.linkSync(spool.claimed(SLOT, from), spool.claimed(SLOT, to));

const holderOf = (world: World, slot: string, kind: string): void =>
  fs.writeFileSync(
    world.spool.holder(slot),
    JSON.stringify({ kind, host: 'host', pid: 1, processStart: '1', bootId: 'b', pidNamespace: 'n', since: 's' }),
  );

const acceptedBatches: Act[] = [
  accepting('a batch', (world) => putPart(world, 'incoming', 'p5-now-b.ndjson'), 'pending'),
  accepting(
    'a part of a batch that was held back',
    (world) => {
      putPart(world, 'incoming', partName(1, 2));
      return putPart(world, 'pending', partName(3, 5));
    },
    'pending',
  ),
  accepting(
    'a batch with a bad line',
    (world) => putPart(world, 'incoming', 'p5-now-b.ndjson', batchText({ class: 'Forbidden' })),
    'rejected',
  ),
];

const claimedParts: Act[] = [
  {
    ...plain,
    name: 'claim a part of a batch',
    prepare: (world) => {
      putPart(world, 'pending', partName(1, 5));
      fs.mkdirSync(world.spool.slot(SLOT));
      fs.writeFileSync(world.spool.holder(SLOT), '{}');
    },
    act: ({ spool }) => claimPart(spool, SLOT, partName(1, 5), NOW, new BatchTexts()).kind,
    untrue: ({ spool }, value) => {
      const isOurs = fs.existsSync(spool.claimed(SLOT, partName(1, 5)));
      return (
        isOurs !== (value === 'claimed' || value === 'spoilt' || value === 'unread') &&
        `claim says ${value}, and the part is ${isOurs ? '' : 'not '}in the slot`
      );
    },
    isRepeated: false,
  },
];

const settledLines: Act[] = SETTLEMENTS.flatMap(({ name, end, move }) =>
  BOTH.map((durability) => ({
    name: `settle a job of a batch as ${name}, durability ${durability}`,
    durability,
    prepare: (world) => {
      putPart(world, `running/${SLOT}`, partName(1, 5));
      recordLines(world, [1, 2], partName(1, 5));
    },
    act: ({ spool }) =>
      finishMoves(spool, SLOT, 'b.3').find(({ folder }) => folder === move.to) ??
      settle(spool, SLOT, lineJob(3), end, move, SPAN, NOW - 9_000),
    untrue: (world, value) => {
      if (value === undefined) return names(world, move.to).length === 0 && 'the outcome was discarded, though nobody rescued the slot';
      const to = (value as { name: string }).name;
      return !has(world, move.to, to) && `it says ${move.to}/${to}, and that is not there`;
    },
    isRepeated: true,
  })),
);

const dividedParts: Act[] = [
  ...[1, 3].map((from) => ({
    ...plain,
    name: `give back a part of a batch from line ${from} on`,
    prepare: (world: World) => void putPart(world, `running/${SLOT}`, partName(1, 5)),
    act: ({ spool }: World) => giveBack(spool, SLOT, BATCH, from),
    untrue: (world: World, value: unknown) => {
      const given = value as ReturnType<typeof giveBack>;
      return given !== undefined && !has(world, 'pending', given.rest) && `it says pending/${given.rest}, and that is not there`;
    },
  })),
  ...BOTH.map((durability) => ({
    ...plain,
    durability,
    name: `cancel two jobs of a batch that waits, durability ${durability}`,
    prepare: (world: World) => {
      putPart(world, 'pending', partName(1, 5));
      holderOf(world, OWN, 'dispatcher');
    },
    act: ({ spool }: World) => cancelLines(spool, OWN, partName(1, 5), { from: 2, to: 3 }),
    untrue: (world: World, value: unknown) => value !== undefined && names(world, 'cancelled').length !== 2 && 'they are not cancelled',
  })),
  ...BOTH.map((durability) => ({
    ...plain,
    durability,
    name: `make files of the lines of a batch that waits, durability ${durability}`,
    prepare: (world: World) => {
      putPart(world, 'pending', partName(1, 5));
      holderOf(world, OWN, 'dispatcher');
    },
    act: ({ spool }: World) => singleLines(spool, OWN, partName(1, 5), 3),
    untrue: (world: World, value: unknown) => value !== undefined && names(world, 'pending').length !== 4 && 'they are not there',
  })),
  ...BOTH.map((durability) => ({
    ...plain,
    durability,
    name: `record the jobs of a batch, durability ${durability}`,
    isRepeated: false,
    prepare: (world: World) => {
      putPart(world, `running/${SLOT}`, partName(1, 5));
      world.recording = { ledger: new Ledger(world.spool, SLOT), lines: [], gaveUp: false };
    },
    act: async ({ spool, recording }: World) => {
      const { ledger } = recording as NonNullable<World['recording']>;
      const acceptedAt = new Date(spool.disk.facts(spool.claimed(SLOT, partName(1, 5)))?.mtimeMs ?? 0).toISOString();
      for (const line of LINES) ledger.append(ledgerLine(lineJob(line), { ...SPAN, finishedAt: Date.now() }, acceptedAt, 'done'));
      ledger.clear(partName(1, 5));
      await ledger.commit();
    },
    untrue: ({ spool }: World) => fs.readdirSync(spool.slot(SLOT)).length > 0 && 'the part is left in the slot',
  })),
];

const PARTS_LEFT: { name: string; put(world: World): void; holder?: string; end?: End }[] = [
  { name: 'a part of a batch', put: (world) => void putPart(world, `running/${SLOT}`, partName(1, 5)) },
  { name: 'a part that it gave back', put: (world) => void putPart(world, `running/${SLOT}`, partName(1, 5)), end: { kind: 'released' } },
  {
    name: 'a part with recorded jobs',
    put: (world) => {
      putPart(world, `running/${SLOT}`, partName(1, 5));
      recordLines(world, [1, 2], partName(1, 5));
    },
  },
  {
    name: 'a part whose jobs are all recorded',
    put: (world) => {
      putPart(world, `running/${SLOT}`, partName(1, 5));
      recordLines(world, LINES, partName(1, 5));
    },
  },
  {
    name: 'a part that it was dividing',
    put: (world) => {
      putPart(world, `running/${SLOT}`, partName(1, 5));
      linkPart(world, partName(1, 5), `.pending=${partName(3, 5)}`);
    },
  },
  {
    name: 'a job of a batch bound for retrying/, its part whole',
    put: (world) => {
      putPart(world, `running/${SLOT}`, partName(1, 5));
      recordLines(world, [1, 2], partName(1, 5));
      put(world, `running/${SLOT}`, `.retrying=${memberName({ ...BATCH, runAt: NOW + 5_000 }, 3)}`, 'b.3', failed);
    },
  },
  {
    name: 'a job of a batch bound for failed/, its part half cut',
    put: (world) => {
      putPart(world, `running/${SLOT}`, partName(1, 5));
      recordLines(world, [1, 2], partName(1, 5));
      put(world, `running/${SLOT}`, `.failed=${memberName(BATCH, 3)}`, 'b.3', failed);
      linkPart(world, partName(1, 5), partName(1, 2));
    },
  },
  {
    name: 'a job of a batch that got a file of its own',
    put: (world) => {
      putPart(world, `running/${SLOT}`, partName(1, 5));
      put(world, `running/${SLOT}`, memberName(BATCH, 1), 'b.1');
    },
  },
  { name: 'a part with a spoilt line', put: (world) => void putPart(world, `running/${SLOT}`, partName(3, 5), batchText({ spent: 1 })) },
];

const rescuedParts: Act[] = PARTS_LEFT.flatMap(({ name, put: putLeftovers, end }) =>
  ['runner', 'dispatcher'].map((kind) => ({
    ...plain,
    durability: 'full',
    name: `rescue a ${kind} that left ${name}`,
    prepare: (world) => {
      fs.mkdirSync(world.spool.lock(SLOT));
      holderOf(world, SLOT, kind);
      putLeftovers(world);
      const kept = fs.readdirSync(world.spool.slot(SLOT)).some((file) => file.includes('@1-'));
      if (!kept) for (const id of ['b.1', 'b.2']) world.acknowledged.delete(id);
    },
    ...rescuing(end),
  })),
);

export const ACTS: readonly Act[] = [
  ...acceptedBatches,
  ...claimedParts,
  ...settledLines,
  ...dividedParts,
  ...rescuedParts,
  ...submits,
  ...calls,
  ...accepts,
  ...claims,
  ...settles,
  ...completions,
  ...rescues,
  ...steers,
  ...removals,
  ...others,
];
