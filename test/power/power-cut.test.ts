/** The power may be cut between any two calls of the file system: what was promised is still there, and nothing that is left stops the service. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { Intake } from '../../spool/accept.ts';
import { type BatchName, batchFileName } from '../../spool/batch-name.ts';
import { cancelLines, cancelWaiting } from '../../spool/cancel.ts';
import { claim } from '../../spool/claim.ts';
import { type BatchText, BatchTexts, claimPart, lineJob } from '../../spool/claim-part.ts';
import type { Move } from '../../spool/decide.ts';
import { type Disk, disk } from '../../spool/disk.ts';
import { jobFileName } from '../../spool/filename.ts';
import type { End, Job } from '../../spool/job.ts';
import { acquireSlot } from '../../spool/lease.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { giveBack } from '../../spool/part.ts';
import { completedLines } from '../../spool/query.ts';
import { rescue } from '../../spool/rescue.ts';
import { settle } from '../../spool/settle.ts';
import { type Durability, openSpool, type Spool, type SpoolOptions } from '../../spool/spool.ts';
import { remove, retry } from '../../spool/steer.ts';
import { submit } from '../../spool/submit.ts';
import { aJob, aPolicy } from '../support/a-job.ts';
import { afterwards } from '../support/afterwards.ts';
import { putFailed } from '../support/job-files.ts';
import { tempSpool } from '../support/spool.ts';
import { LATER, type Outcomes, rebootAndDrain } from './reboot.ts';
import { type Recording, record } from './recorder.ts';
import { fingerprint, materialize, worldsAfter } from './strict-disk.ts';

/** What is promised of a job: `once`: it is there, or has one outcome; `gone`: it never runs; else it has that one outcome. */
type Promised = 'once' | 'gone' | 'failed' | 'cancelled' | 'completed';

type Scenario = {
  name: string;
  /** What is on the disk before; undefined: not even the spool's folders. */
  given: ((spool: Spool) => unknown) | undefined;
  /** `promise(id, what)` is called when something has been acknowledged. */
  work(spool: Spool, promise: (id: string, what: Promised) => void, t: TestContext): unknown;
};

const NOW = Date.now() - 60_000;
const SLOT = 'host-1';
const CLASS = { class: 'Example', method: 'handle' };
const error = { name: 'E', message: 'it broke' };
const ENDS: Record<string, { end: End; move: Exclude<Move, { to: 'completed' }>; promised: Promised }> = {
  failed: {
    end: { kind: 'failed', error, permanent: true, names: [] },
    move: { to: 'failed', outcome: 'failed', why: 'w' },
    promised: 'failed',
  },
  cancelled: { end: { kind: 'cancelled' }, move: { to: 'cancelled', outcome: 'cancelled' }, promised: 'cancelled' },
  retried: {
    end: { kind: 'failed', error, permanent: false, names: [] },
    move: { to: 'retrying', outcome: 'failed', runAt: NOW + 5_000, crashed: false },
    promised: 'once',
  },
  'put off': { end: { kind: 'snoozed', delayMs: 1 }, move: { to: 'pending', runAt: NOW + 1 }, promised: 'once' },
  released: { end: { kind: 'released' }, move: { to: 'pending' }, promised: 'once' },
};

// Jobs end after their files were written, whatever the test's own pace.
const ENDED = Date.now() + 3_600_000;
const span = { startedAt: NOW, finishedAt: ENDED, runner: SLOT };

const scenarios: Scenario[] = [
  {
    name: 'the first request of a new spool',
    given: undefined,
    work: async (spool, promise) => {
      for (const id of await submit(spool, [CLASS])) promise(id, 'once');
    },
  },
  {
    name: 'a batch whose ids the caller chose',
    given: () => undefined,
    work: async (spool, promise) => {
      for (const id of await submit(spool, [
        { ...CLASS, id: 'a' },
        { ...CLASS, id: 'b', priority: 8 },
      ]))
        promise(id, 'once');
    },
  },
  {
    name: 'calls in flight at once, which share their syncs',
    given: () => undefined,
    work: (spool, promise) =>
      Promise.all(
        ['a', 'b', 'c'].map(async (id) => {
          for (const submitted of await submit(spool, [{ ...CLASS, id }])) promise(submitted, 'once');
        }),
      ),
  },
  {
    name: 'accepting and claiming',
    given: (spool) =>
      submit(spool, [
        { ...CLASS, id: 'a' },
        { ...CLASS, id: 'b' },
      ]),
    work: async (spool, promise, t) => {
      for (const id of ['a', 'b']) promise(id, 'once');
      await claimAll(t, spool, accept(spool));
    },
  },
  {
    name: 'two jobs that complete on a new day, which another runner has just begun',
    given: (spool) =>
      submit(spool, [
        { ...CLASS, id: 'a' },
        { ...CLASS, id: 'b' },
      ]),
    work: async (spool, promise, t) => {
      for (const id of ['a', 'b']) promise(id, 'once');
      const { slot, jobs } = await claimAll(t, spool, accept(spool));
      spool.disk.makeFolder(spool.ledgerDay(new Date(span.finishedAt).toISOString().slice(0, 10)));
      await complete(spool, slot, jobs);
      for (const id of ['a', 'b']) promise(id, 'completed');
    },
  },
  ...Object.entries(ENDS).map(([how, { end, move, promised }]) => ({
    name: `a job that is accepted, claimed and ${how}`,
    given: (spool: Spool) => submit(spool, [{ ...CLASS, id: 'a' }]),
    work: async (spool: Spool, promise: (id: string, what: Promised) => void, t: TestContext) => {
      promise('a', 'once');
      const { slot, jobs } = await claimAll(t, spool, accept(spool));
      const [job] = jobs as [Job];
      assert.ok(settle(spool, slot, job, end, move, span, writtenAt(spool, slot, job)));
      promise('a', promised);
    },
  })),
  {
    name: 'a rescue of a slot with a job in it, which crashed for the last time',
    given: (spool) => {
      spool.disk.makeFolder(spool.slot(SLOT));
      fs.writeFileSync(spool.claimed(SLOT, jobFileName({ id: 'a', priority: 5, runAt: NOW })), JSON.stringify({ ...CLASS, crashes: 2 }));
    },
    work: (spool, promise) => {
      promise('a', 'once');
      rescueSlot(spool);
      promise('a', 'failed');
    },
  },
  {
    name: 'a rescue of a slot whose runner was settling a failure',
    given: (spool) => {
      spool.disk.makeFolder(spool.slot(SLOT));
      fs.writeFileSync(spool.claimed(SLOT, jobFileName({ id: 'a', priority: 5, runAt: NOW })), JSON.stringify(CLASS));
    },
    work: (spool, promise) => {
      promise('a', 'once');
      const name = jobFileName({ id: 'a', priority: 5, runAt: NOW });
      // As its runner left it: written and renamed, and no more.
      spool.disk.create(`${spool.tmp}/draft`, JSON.stringify({ ...CLASS, acceptedAt: new Date(NOW).toISOString() }), true);
      spool.disk.rename(`${spool.tmp}/draft`, spool.claimed(SLOT, `.failed=${name}`));
      rescueSlot(spool);
      promise('a', 'failed');
    },
  },
  {
    name: 'a rescue of a slot whose job its ledger records as completed',
    given: (spool) => submit(spool, [{ ...CLASS, id: 'a' }]),
    work: async (spool, promise, t) => {
      promise('a', 'once');
      const { slot, jobs } = await claimAll(t, spool, accept(spool));
      const ledger = new Ledger(spool, slot);
      for (const job of jobs) ledger.append(lineOf(spool, slot, job), job.name);
      ledger.close();
      rescueSlot(spool, slot);
      promise('a', 'completed');
    },
  },
  {
    name: 'cancelling a job that waits',
    given: (spool) => submit(spool, [{ ...CLASS, id: 'a' }]),
    work: (spool, promise) => {
      promise('a', 'once');
      const [name] = accept(spool);
      assert.ok(cancelWaiting(spool, name as string));
      promise('a', 'cancelled');
    },
  },
  {
    name: 'many lines: some of a file are claimed and complete',
    given: dropLines,
    work: async (spool, promise, t) => {
      for (const line of LINES) promise(`b.${line}`, 'once');
      const { slot, part, text } = await claimLines(t, spool);
      const given = giveBack(spool, slot, part, 3);
      await completeLines(spool, slot, part, text, [1, 2], { ...part, to: 2 });
      assert.ok(given);
      for (const line of [1, 2]) promise(`b.${line}`, 'completed');
    },
  },
  {
    name: 'many lines: one of a file that was claimed fails',
    given: dropLines,
    work: async (spool, promise, t) => {
      for (const line of LINES) promise(`b.${line}`, 'once');
      const { slot, part, text } = await claimLines(t, spool);
      await completeLines(spool, slot, part, text, [1]);
      const { end, move } = ENDS.failed as (typeof ENDS)[string];
      assert.ok(settle(spool, slot, lineJob(part, text, 2).job, end, move, span, text.writtenAt));
      promise('b.2', 'failed');
    },
  },
  {
    name: 'many lines: one of a file that waits is cancelled',
    given: dropLines,
    work: async (spool, promise, t) => {
      for (const line of LINES) promise(`b.${line}`, 'once');
      const { slot } = await claimAll(t, spool, []);
      const [name] = accept(spool);
      assert.ok(cancelLines(spool, slot, name as string, { from: 2, to: 2 }));
      promise('b.2', 'cancelled');
    },
  },
  {
    name: 'retrying a failed job',
    given: (spool) => putFailed(spool, 'a', NOW),
    work: (spool, promise) => {
      promise('a', 'once');
      assert.equal(retry(spool, 'a').kind, 'done');
      promise('a', 'completed');
    },
  },
  {
    name: 'deleting a job that waits',
    given: async (spool) => {
      await submit(spool, [{ ...CLASS, id: 'a' }]);
      accept(spool);
    },
    work: (spool, promise) => {
      promise('a', 'once');
      promise('a', 'gone');
      assert.equal(remove(spool, 'a').kind, 'done');
    },
  },
];

for (const scenario of scenarios) {
  test(`the power is cut during ${scenario.name}`, async (t) => {
    const { recording, folder } = await recordScenario(t, scenario, { durability: 'full' });
    t.diagnostic(`${await cutEverywhere(recording, folder, 'full')} worlds`);
  });
}

// What the others leave differs in nothing that matters here.
const LIKE_ANOTHER = / (cancelled|put off|released)$|batch|accepting|whose job its ledger/;
for (const scenario of scenarios.filter(({ name }) => !LIKE_ANOTHER.test(name))) {
  test(`without syncs, a power cut during ${scenario.name} stops nothing`, async (t) => {
    const { recording, folder } = await recordScenario(t, scenario, { durability: 'none' });
    t.diagnostic(`${await cutEverywhere(recording, folder, 'none')} worlds`);
  });
}

const WITHOUT: { what: string; changed: Partial<Disk>; scenario: RegExp }[] = [
  { what: 'of new folders', changed: { makeFolder: (folder) => disk.makeFolder(folder, false) }, scenario: /first request/ },
  { what: 'of requests', changed: { syncFiles: async () => undefined }, scenario: /first request/ },
  { what: 'of incoming/', changed: { syncFolderLater: async () => undefined }, scenario: /batch/ },
  { what: 'of requests in flight', changed: { syncFiles: async () => undefined }, scenario: /in flight/ },
  { what: 'of incoming/ for all in flight', changed: { syncFolderLater: onlyOnce() }, scenario: /in flight/ },
  { what: 'of the ledger', changed: { sync: async () => undefined }, scenario: /new day/ },
  { what: "of the ledger's names", changed: { syncFolder: () => undefined }, scenario: /new day/ },
  { what: 'of a failed job', changed: { create: (file, text) => disk.create(file, text, false) }, scenario: /and failed$/ },
  { what: "of a slot's names", changed: { syncFolder: (folder) => isSlot(folder) || disk.syncFolder(folder) }, scenario: /and failed$/ },
  { what: 'of cancelled/', changed: { syncFolder: () => undefined }, scenario: /cancelling/ },
];

// The folder is synced for the first, and never for those that asked meanwhile.
function onlyOnce(): Disk['syncFolderLater'] {
  let count = 0;
  return async (folder) => (++count === 1 ? disk.syncFolderLater(folder) : undefined);
}

const isSlot = (folder: string): boolean => path.basename(path.dirname(folder)) === 'running';

for (const { what, changed, scenario } of WITHOUT) {
  test(`without the sync ${what}, the same cuts break a promise`, async (t) => {
    const found = scenarios.find(({ name }) => scenario.test(name)) as Scenario;
    const { recording, folder } = await recordScenario(t, found, { durability: 'full', disk: { ...disk, ...changed } as Disk });
    await assert.rejects(cutEverywhere(recording, folder, 'full'), assert.AssertionError);
  });
}

test('a day that ends while lines of it are being synced ends no runner', async (t) => {
  const spool = tempSpool(t, {
    durability: 'full',
    disk: {
      ...disk,
      // As late as a busy machine may be with it.
      sync: (fd) => new Promise((resolve, reject) => setImmediate(() => disk.sync(fd).then(resolve, reject))),
    },
  });
  spool.disk.makeFolder(spool.slot(SLOT));
  const ledger = new Ledger(spool, SLOT);
  const append = (id: string, finishedAt: number) => {
    const job = aJob({ id });
    fs.writeFileSync(spool.claimed(SLOT, job.name), JSON.stringify(job.request));
    ledger.append(ledgerLine(job, { ...span, finishedAt }, new Date(NOW).toISOString(), undefined), job.name);
  };
  append('before', Date.UTC(2026, 10, 22, 23, 59, 59, 999));
  const committed = ledger.commit();
  append('after', Date.UTC(2026, 10, 23));
  await committed;
  await ledger.commit();
  ledger.close();
  assert.deepEqual([...completedLines(spool)].map(({ id }) => id).toSorted(), ['after', 'before']);
  assert.deepEqual(fs.readdirSync(spool.slot(SLOT)), []);
});

async function recordScenario(t: TestContext, { given, work }: Scenario, options: SpoolOptions) {
  const folder = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'jobspool-power-'));
  afterwards(t, () => fs.rmSync(folder, { recursive: true, force: true }));
  const root = path.join(folder, 'before');
  fs.mkdirSync(root);
  if (given) await given(openSpool(`${root}/spool`, { durability: 'none' }));
  const recording = await record(root, (recording) =>
    work(openSpool(`${root}/spool`, options), (id, what) => recording.promise(`${id} ${what}`), t),
  );
  return { recording, folder };
}

async function cutEverywhere(recording: Recording, folder: string, durability: Durability): Promise<number> {
  const seen = new Set<string>();
  assert.ok(
    recording.happenings.some(({ kind }) => kind === 'promise'),
    'something was promised',
  );
  for (let count = recording.before; count <= recording.happenings.length; count++) {
    const promised = promisesAt(recording, count);
    for (const world of worldsAfter(recording, count, { combine: durability === 'full' ? 6 : 0 })) {
      const key = `${[...promised]} ${fingerprint(world)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      const root = path.join(folder, `cut-${seen.size}`);
      fs.mkdirSync(root);
      materialize(world, root);
      const told = () =>
        `after ${count} happenings (the last: ${JSON.stringify(recording.happenings[count - 1])}), with\n${[...world.keys()].join('\n')}`;
      const { outcomes } = await rebootAndDrain(`${root}/spool`, durability).catch((error) => {
        throw new Error(`the service does not come up ${told()}`, { cause: error });
      });
      judge(outcomes, promised, durability, told);
      fs.rmSync(root, { recursive: true });
    }
  }
  return seen.size;
}

function promisesAt({ happenings }: Recording, count: number): Map<string, Promised> {
  const made = happenings.slice(0, count).flatMap((happening) => (happening.kind === 'promise' ? [happening.what.split(' ')] : []));
  return new Map(made as [string, Promised][]);
}

function judge(outcomes: Outcomes, promised: Map<string, Promised>, durability: Durability, told: () => string): void {
  // Without syncs a cut may lose a job, or run it twice; that the service came up and went on is all that is asked.
  if (durability === 'none') return;
  for (const [id, found] of outcomes) assert.ok(found.length === 1, `${id} has the outcomes ${found.join(' and ')} ${told()}`);
  for (const [id, what] of promised) {
    const found = outcomes.get(id)?.[0];
    if (what === 'gone') continue;
    assert.ok(found, `${id} was promised to be ${what}, and is lost ${told()}`);
    if (what === 'once') assert.notEqual(found, 'rejected', `${id}, whose file was whole ${told()}`);
    else assert.equal(found, what, `${id} ${told()}`);
  }
}

function accept(spool: Spool): string[] {
  const intake = new Intake(spool, { refusal: () => undefined, isLive: () => false });
  return intake.names().flatMap((name) => {
    const accepted = intake.accept(name, NOW, 0);
    if (accepted.kind === 'accepted-batch') return [accepted.name];
    return accepted.kind === 'accepted' ? [accepted.job.name] : [];
  });
}

async function claimAll(t: TestContext, spool: Spool, names: string[]): Promise<{ slot: string; jobs: Job[] }> {
  const { slot, release } = await acquireSlot(spool, { kind: 'runner', staleMs: 60_000, onLost: () => undefined });
  afterwards(t, async () => {
    fs.rmSync(spool.slot(slot), { recursive: true, force: true });
    await release();
  });
  const jobs = names.map((name) => {
    const claimed = claim(spool, slot, name, LATER);
    return claimed.kind === 'claimed' ? claimed.job : assert.fail(claimed.kind);
  });
  return { slot, jobs };
}

const LINES = [1, 2, 3, 4];

// A file that is no job's own: a batch of four.
function dropLines(spool: Spool): void {
  fs.writeFileSync(path.join(spool.incoming, 'p5-now-b.ndjson'), LINES.map(() => `${JSON.stringify(CLASS)}\n`).join(''));
}

async function claimLines(t: TestContext, spool: Spool): Promise<{ slot: string; part: BatchName; text: BatchText }> {
  const { slot } = await claimAll(t, spool, []);
  const [name = ''] = accept(spool);
  const claimed = claimPart(spool, slot, name, LATER, new BatchTexts());
  return claimed.kind === 'claimed' ? { slot, part: claimed.part, text: claimed.text } : assert.fail(claimed.kind);
}

/** `over`: the part whose jobs are all among them. */
async function completeLines(
  spool: Spool,
  slot: string,
  part: BatchName,
  text: BatchText,
  lines: number[],
  over?: BatchName,
): Promise<void> {
  const ledger = new Ledger(spool, slot);
  for (const line of lines)
    ledger.append(ledgerLine(lineJob(part, text, line).job, span, new Date(text.writtenAt).toISOString(), undefined));
  if (over) ledger.clear(batchFileName(over));
  await ledger.commit();
  ledger.close();
}

async function complete(spool: Spool, slot: string, jobs: Job[]): Promise<void> {
  const ledger = new Ledger(spool, slot);
  for (const job of jobs) ledger.append(lineOf(spool, slot, job), job.name);
  await ledger.commit();
  ledger.close();
}

const lineOf = (spool: Spool, slot: string, job: Job) =>
  ledgerLine(job, span, new Date(writtenAt(spool, slot, job)).toISOString(), undefined);

const writtenAt = (spool: Spool, slot: string, job: Job): number => spool.disk.facts(spool.claimed(slot, job.name))?.mtimeMs ?? 0;

function rescueSlot(spool: Spool, slot = SLOT): void {
  rescue(spool, slot, 'rescuer-1', {
    endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'm' } }),
    policyOf: () => aPolicy(),
    now: NOW,
    random: () => 0,
  });
}
