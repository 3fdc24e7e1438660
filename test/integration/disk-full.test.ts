/** A real disk that is full, read-only or gone under the running service: nothing is lost, nothing done twice, and it goes on by itself. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { runBackgroundJob } from '../../jobs/run-background-job.ts';
import { acquireSlot, type Holder, holderOfSlot, slots } from '../../spool/lease.ts';
import { Ledger, ledgerLine, linesOf } from '../../spool/ledger.ts';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import type { State } from '../../spool/state.ts';
import { submit } from '../../spool/submit.ts';
import { aJob } from '../support/a-job.ts';
import { afterwards } from '../support/afterwards.ts';
import { brokenPromises } from '../support/invariants.ts';
import { canMount, type SmallDisk, smallDisk } from '../support/small-disk.ts';
import { dropFile, type Service, startService, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';
import { slotsEmpty } from '../support/whereabouts.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const ALLOWLIST = path.join(ROOT, 'test', 'fixtures', 'gated-allowlist.ts');
const PATIENT = { timeoutMs: 30_000 };

function onSmallDisk(name: string, act: (t: TestContext) => Promise<void>): void {
  test(name, (t) => (canMount() ? act(t) : t.skip('SKIPPED: only root on Linux can mount a small disk')));
}

onSmallDisk('jobs that end while the disk is full are recorded once when there is room, with their own result or error', async (t) => {
  const { disk, spool, service, world } = await serviceOnDisk(t, { JOBSPOOL_DURABILITY: 'full' });
  for (const [id, method] of [
    ['done', 'finish'],
    ['broken', 'fail'],
    ['chatty', 'print'],
  ] as const)
    world.drop(id, method);
  await statesAre(spool, { done: 'running', broken: 'running', chatty: 'running' });
  const draft = path.join(spool.tmp, 'written-before');
  fs.writeFileSync(draft, world.body('acknowledged', 'finish'));
  disk.fill();
  world.open();
  await waitFor(() => world.record().length === 3, 'all three handlers to end', PATIENT);
  fs.renameSync(draft, path.join(spool.incoming, 'p5-now-acknowledged.json'));

  await waitFor(
    async () => (await ready(service)).reasons.some((reason) => /disk is full/.test(reason)),
    '/readyz to say that the disk is full',
    PATIENT,
  );
  assert.equal((await ready(service)).status, 503);
  assert.match(await page(service), /disk is full: nothing is accepted or run until there is more/);
  await waitFor(() => keptOutcomes(service).length === 3, 'each runner to say that it keeps an outcome', PATIENT);
  assert.deepEqual(statesOf(spool, 'done', 'broken', 'chatty'), ['running', 'running', 'running'], 'none is recorded as over');
  assert.deepEqual(fs.readdirSync(spool.incoming), ['p5-now-acknowledged.json'], 'nothing is accepted');

  disk.makeRoom();
  await statesAre(spool, { done: 'completed', broken: 'failed', chatty: 'completed', acknowledged: 'completed' });
  assert.deepEqual(world.record().toSorted(), ['acknowledged', 'broken', 'chatty', 'done'], 'each handler ran once');
  assert.equal(jobStatus(spool, 'done')?.result, 'done is done');
  assert.deepEqual(
    jobStatus(spool, 'broken')?.attempts.map(({ outcome, error }) => [outcome, error?.name, error?.message]),
    [['failed', 'RangeError', 'broken went wrong']],
  );
  await slotsEmpty(spool);
  assert.deepEqual(brokenPromises(spool, ['done', 'broken', 'chatty', 'acknowledged'], { params: world.params }), []);
  await waitFor(async () => (await ready(service)).status === 200, 'the service to be ready again', PATIENT);
  assert.equal(said(service, /disk is full/).length, 1, `said once: ${service.output()}`);
  assert.equal(said(service, /jobs are claimed again/).length, 1);
  for (const line of logOf(spool).trim().split('\n')) JSON.parse(line);
  assert.equal(await service.stop(), 0);
});

onSmallDisk(
  'the jobs of a batch whose disk becomes full are recorded once, and a batch that is dropped meanwhile is run afterwards',
  async (t) => {
    const { disk, spool, service, world } = await serviceOnDisk(t, { JOBSPOOL_DURABILITY: 'full' });
    const methods = ['finish', 'fail', 'print', 'finish', 'fail', 'finish', 'finish', 'finish'];
    dropFile(spool, 'p5-now-batch.ndjson', world.batch('batch', methods));
    // Each runner has one in hand: what follows a job that takes long is given back.
    await statesAre(spool, { 'batch.1': 'running', 'batch.2': 'running', 'batch.3': 'running', 'batch.4': 'pending' });
    const draft = path.join(spool.tmp, 'written-before');
    fs.writeFileSync(draft, world.batch('late', ['finish', 'fail']));
    disk.fill();
    world.open();
    await waitFor(() => keptOutcomes(service).length === 3, 'each runner to say that it keeps an outcome', PATIENT);
    fs.renameSync(draft, path.join(spool.incoming, 'p5-now-late.ndjson'));
    await waitFor(async () => (await ready(service)).status === 503, '/readyz to say that the disk is full', PATIENT);
    assert.deepEqual(statesOf(spool, 'batch.1', 'batch.2', 'batch.3', 'batch.4'), ['running', 'running', 'running', 'pending']);
    assert.deepEqual(fs.readdirSync(spool.incoming), ['p5-now-late.ndjson'], 'nothing is accepted');

    disk.makeRoom();
    const ends = [...world.params.keys()].map((id) => [id, /\.[25]$/.test(id) ? 'failed' : 'completed']);
    await statesAre(spool, Object.fromEntries(ends));
    assert.deepEqual(world.record().toSorted(), [...world.params.keys()].toSorted(), 'each handler ran once');
    for (const [id] of ends) assert.equal(jobStatus(spool, id as string)?.attempts.length, 1, `the attempts of ${id}`);
    await slotsEmpty(spool);
    assert.deepEqual(brokenPromises(spool, [...world.params.keys()], { params: world.params }), []);
    assert.equal(await service.stop(), 0);
  },
);

onSmallDisk(
  'a runner that is killed while no file can be made is rescued when one can, and what waits or is to be stopped goes on then',
  async (t) => {
    const { disk, spool, service, world } = await serviceOnDisk(t);
    for (const [id, method] of [
      ['killed', 'finish'],
      ['done', 'finish'],
      ['blocked', 'block'],
    ] as const)
      world.drop(id, method);
    await statesAre(spool, { killed: 'running', done: 'running' });
    await waitFor(() => world.record().includes('blocked'), 'the handler that blocks');
    world.drop('waiting', 'finish');
    disk.useUpFiles();
    await waitFor(() => said(service, /inodes are used up/).length === 1, 'the cause to be named', PATIENT);
    killRunnerOf(spool, 'killed');
    assert.throws(() => fs.writeFileSync(path.join(spool.cancel, 'done'), ''), { code: 'ENOSPC' });
    world.open();
    await waitFor(() => world.record().includes('done'), 'the other handler to end', PATIENT);
    await waitFor(
      () => jobStatus(spool, 'blocked')?.state !== 'running' || !runnerLives(spool, 'blocked'),
      'the blocked one to be killed',
      PATIENT,
    );
    assert.equal((await ready(service)).status, 503);
    const saidMeanwhile = service.output().length;
    disk.makeRoom();
    await statesAre(spool, { killed: 'completed', done: 'completed', waiting: 'completed', blocked: 'failed' });
    assert.deepEqual(
      jobStatus(spool, 'killed')?.attempts.map(({ outcome }) => outcome),
      ['crashed', 'completed'],
    );
    assert.deepEqual(
      jobStatus(spool, 'done')?.attempts.map(({ outcome }) => outcome),
      ['completed'],
    );
    assert.deepEqual(
      world
        .record()
        .filter((name) => name !== 'killed')
        .toSorted(),
      ['blocked', 'done', 'waiting'],
    );
    assert.deepEqual(brokenPromises(spool, ['killed', 'done', 'waiting', 'blocked'], { params: world.params }), []);
    assert.ok(saidMeanwhile < 30_000, `what is in the way is not said at every look: ${service.output()}`);
    assert.equal(await service.stop(), 0);
  },
);

onSmallDisk(
  'a spool that becomes read-only, and one that is unmounted and mounted again, keep what runs and go on without a restart',
  async (t) => {
    const { disk, spool, service, world } = await serviceOnDisk(t);
    for (const [how, undo] of [
      ['makeReadOnly', 'makeWritable'],
      ['unmount', 'mount'],
    ] as const) {
      const ids = [`done-${how}`, `broken-${how}`];
      world.drop(ids[0] as string, 'finish');
      world.drop(ids[1] as string, 'fail');
      await statesAre(spool, { [ids[0] as string]: 'running', [ids[1] as string]: 'running' });
      disk[how]();
      world.open();
      await waitFor(() => ids.every((id) => world.record().includes(id)), 'both handlers to end', PATIENT);
      await waitFor(
        async () => (await ready(service)).reasons.some((reason) => /the spool cannot be used/.test(reason)),
        '/readyz to say so',
        PATIENT,
      );
      await waitFor(
        () => ids.every((id) => keptOutcomes(service).some((line) => line.includes(`record ${id} `))),
        'both outcomes to be kept',
        PATIENT,
      );
      // Heartbeats go every 1.25 s: one of each process falls into this time.
      const since = performance.now();
      await waitFor(() => performance.now() - since > 1_500, 'a heartbeat that fails');
      disk[undo]();
      await statesAre(spool, { [ids[0] as string]: 'completed', [ids[1] as string]: 'failed' });
      await waitFor(async () => (await ready(service)).status === 200, 'the service to be ready again', PATIENT);
      world.drop(`after-${how}`, 'finish');
      await statesAre(spool, { [`after-${how}`]: 'completed' });
      assert.deepEqual(brokenPromises(spool, [...ids, `after-${how}`], { params: world.params }), []);
      world.close();
    }
    assert.equal(world.record().length, new Set(world.record()).size, `each ran once: ${world.record().join(' ')}`);
    assert.match(service.output(), /was replaced: they are watched anew/, 'the watcher noticed that its folders had gone');
    assert.equal(await service.stop(), 0);
  },
);

onSmallDisk('a runner that has to be started while the disk is unmounted makes no second spool in its place', async (t) => {
  const { disk, spool, service, world } = await serviceOnDisk(t);
  world.drop('kept', 'finish');
  await statesAre(spool, { kept: 'running' });
  const runners = () => slots(spool).flatMap((slot) => holderOfSlot(spool, slot) ?? []);
  const isIdle = ({ kind, slot }: Holder) => kind === 'runner' && fs.readdirSync(spool.slot(slot)).length === 0;
  const idle = await waitFor(() => runners().find(isIdle), 'a runner that has nothing to do', PATIENT);
  disk.unmount();
  process.kill(idle.pid, 'SIGKILL');
  await waitFor(() => said(service, /start a runner: /).length > 0, 'a runner that cannot start', PATIENT);
  world.open();
  await waitFor(() => keptOutcomes(service).length === 1, 'the outcome to be kept', PATIENT);
  assert.deepEqual(fs.readdirSync(disk.root), [], 'nothing was made where the disk was');
  disk.mount();
  await statesAre(spool, { kept: 'completed' });
  assert.deepEqual(
    jobStatus(spool, 'kept')?.attempts.map(({ outcome }) => outcome),
    ['completed'],
  );
  await waitFor(async () => (await ready(service)).status === 200, 'the service to be ready again', PATIENT);
  world.drop('next', 'finish');
  await statesAre(spool, { next: 'completed' });
  assert.equal(await service.stop(), 0);
});

onSmallDisk(
  'under JOBSPOOL_MIN_FREE nothing is accepted or claimed, with its own sentence, and all goes on when there is more',
  async (t) => {
    const { disk, spool, service, world } = await serviceOnDisk(t, { JOBSPOOL_MIN_FREE: '4M' });
    world.open();
    fs.writeFileSync(disk.at('large'), Buffer.alloc(13 * 1_048_576));
    await waitFor(
      () => said(service, /only \d\.\d MiB are free on the spool's disk, less than 4\.0 MiB \(JOBSPOOL_MIN_FREE\)/).length === 1,
      'the log to say so',
      PATIENT,
    );
    world.drop('late', 'finish');
    await waitFor(
      async () => (await ready(service)).reasons.includes('the disk is nearly full (JOBSPOOL_MIN_FREE)'),
      '/readyz to say so',
      PATIENT,
    );
    assert.match(await page(service), /JOBSPOOL_MIN_FREE\): nothing is accepted or run until there is more/);
    assert.deepEqual(fs.readdirSync(spool.incoming), ['p5-now-late.json']);
    fs.rmSync(disk.at('large'));
    await statesAre(spool, { late: 'completed' });
    assert.equal(await service.stop(), 0);
    const { code, err } = await cli(spool, ['drain'], { JOBSPOOL_MIN_FREE: '1G' });
    assert.equal(code, 4);
    assert.match(err, /JOBSPOOL_MIN_FREE/);
    assert.match(
      (await cli(spool, ['doctor'], { JOBSPOOL_MIN_FREE: '1G' })).out,
      /fail .*whole disk has 16 MiB, .*set JOBSPOOL_MIN_FREE lower/,
    );
  },
);

onSmallDisk('a full disk under the logs alone stops no job', async (t) => {
  const disk = smallDisk(t);
  const dir = path.join(tempFolder(t), 'spool');
  fs.mkdirSync(dir);
  fs.symlinkSync(disk.root, path.join(dir, 'logs'));
  const world = aWorld(t, dir);
  const service = await startService(t, { dir, allowlist: ALLOWLIST, env: { JOBSPOOL_MIN_FREE: '0' } });
  const spool = openSpool(dir, { durability: 'none' });
  world.open();
  disk.fill();
  for (let number = 0; number < 20; number++) world.drop(`job-${number}`, number % 2 ? 'print' : 'fail');
  await waitFor(() => fs.readdirSync(spool.failed).length === 10 && world.record().length === 20, 'all jobs to end', PATIENT);
  assert.equal((await ready(service)).status, 200);
  disk.makeRoom();
  // Whoever lost lines tells of them with its next, and of two runners one may have lost none: jobs go on coming until that one has another.
  let after = 0;
  await waitFor(
    () => {
      world.drop(`after-${after++}`, 'finish');
      return /lines of process \d+ could not be written here/.test(logOf(spool));
    },
    'the log to say how many lines it lacks',
    PATIENT,
  );
  await waitFor(() => world.record().length === 20 + after, 'the last of them to end', PATIENT);
  assert.equal(await service.stop(), 0);
  assert.deepEqual(brokenPromises(spool, [...world.params.keys()], { params: world.params }), []);
});

onSmallDisk('a service that is started on a full disk says so, waits, and begins when there is room', async (t) => {
  const disk = smallDisk(t);
  const world = aWorld(t, disk.at('spool'));
  const spool = openSpool(disk.at('spool'), { durability: 'none' });
  world.drop('early', 'finish');
  world.open();
  disk.fill();
  const { code, err } = await cli(spool, ['drain']);
  assert.equal(code, 4);
  assert.match(err, /its disk is full; make room/);
  // Each try makes a lock and takes it back: at the third change of the folder at least one has failed.
  const times = new Set([fs.statSync(spool.running).mtimeMs]);
  const starting = startService(t, { dir: spool.root, allowlist: ALLOWLIST, env: { JOBSPOOL_MIN_FREE: '0' } });
  const notEarly = await Promise.race([
    starting.then(() => true),
    waitFor(() => times.add(fs.statSync(spool.running).mtimeMs).size > 3, 'a process that reaches for a slot again and again', {
      timeoutMs: 60_000,
    }).then(() => false),
  ]);
  assert.equal(notEarly, false);
  disk.makeRoom();
  const service = await starting;
  assert.equal(said(service, /take a slot in .*running: ENOSPC.*tried again until it can be written/).length, 1, service.output());
  await statesAre(spool, { early: 'completed' });
  assert.equal(await service.stop(), 0);
  assert.deepEqual(fs.readdirSync(spool.running), [], 'no lock is left of the tries that failed');
});

onSmallDisk(
  'a submit on a full disk says which folder has no room, leaves nothing behind, and so do the verbs of the command line',
  async (t) => {
    for (const how of ['fill', 'useUpFiles'] as const) {
      const disk = smallDisk(t);
      const spool = openSpool(disk.at('spool'), { durability: 'full' });
      disk[how]();
      const twice = [{ class: 'A' }, { class: 'A' }];
      await assert.rejects(submit(spool, twice), {
        code: 'SPOOL_FULL',
        message: new RegExp(`submit 2 jobs: nothing can be written to ${spool.tmp}: ENOSPC.*Nothing was submitted`),
      });
      await assert.rejects(runBackgroundJob('A', 'handle', [], { dir: spool.root }), { code: 'SPOOL_FULL' });
      assert.deepEqual(fs.readdirSync(spool.tmp), [], `nothing is left after ${how}`);
      assert.deepEqual(fs.readdirSync(spool.incoming), []);
      const { code, err } = await cli(spool, ['run', 'Gated', 'finish', '--id', 'x']);
      assert.equal(code, 2);
      assert.match(err, /^jobspool: submit x: nothing can be written to .*\/tmp: ENOSPC.*try again when its disk has room/);
      const doctor = await cli(spool, ['doctor']);
      assert.match(doctor.out, how === 'fill' ? /fail .*disk is full/ : /fail .*inodes are used up/, doctor.err);
      assert.deepEqual(fs.readdirSync(spool.tmp), []);
      disk.makeRoom();
      await submit(spool, twice);
      assert.equal(fs.readdirSync(spool.incoming).length, 2);
    }
  },
);

onSmallDisk('a ledger line that a full disk cut short is not glued to the next', async (t) => {
  const disk = smallDisk(t, { size: '1m' });
  const spool = openSpool(disk.at('spool'), { durability: 'none' });
  const ledger = new Ledger(spool, 'host-1');
  const lineOf = (id: string, bytes: number) => {
    const at = Date.UTC(2026, 10, 22);
    return ledgerLine(aJob({ id }), { startedAt: at, finishedAt: at + 1, runner: 'host-1' }, new Date(at).toISOString(), 'x'.repeat(bytes));
  };
  ledger.append(lineOf('first', 10), 'first');
  disk.fill();
  // The page of the first line has room for the beginning of this one.
  for (let tries = 0; tries < 3; tries++) assert.throws(() => ledger.append(lineOf('cut', 5_000), 'cut'), { code: 'ENOSPC' });
  disk.makeRoom();
  ledger.append(lineOf('cut', 5_000), 'cut');
  ledger.append(lineOf('last', 10), 'last');
  ledger.close();
  const lines = [...linesOf(spool, spool.ledger('2026-11-22', 'host-1'))].filter((line) => line !== '');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line).id),
    ['first', 'cut', 'last'],
  );
});

onSmallDisk('a lease outlives a disk that is read-only for longer than the stale time', async (t) => {
  const disk = smallDisk(t);
  const spool = openSpool(disk.at('spool'), { durability: 'none' });
  const lost: Error[] = [];
  const lease = await acquireSlot(spool, { kind: 'runner', staleMs: 2_000, onLost: (error) => lost.push(error) });
  afterwards(t, () => lease.release());
  disk.makeReadOnly();
  const since = performance.now();
  await waitFor(() => performance.now() - since > 4_000, 'twice the stale time');
  const before = fs.statSync(spool.lock(lease.slot)).mtimeMs;
  disk.makeWritable();
  await waitFor(() => (fs.statSync(spool.lock(lease.slot), { throwIfNoEntry: false })?.mtimeMs ?? 0) > before, 'the heartbeat to go on');
  assert.deepEqual(lost, []);
});

type World = ReturnType<typeof aWorld>;

/** Jobs whose handlers wait for a gate, and what they noted: both on another disk. */
function aWorld(t: TestContext, dir: string) {
  const elsewhere = tempFolder(t);
  const gate = path.join(elsewhere, 'gate');
  const record = path.join(elsewhere, 'record');
  const params = new Map<string, unknown>();
  fs.writeFileSync(record, '');
  const body = (id: string, method: string): string => {
    params.set(id, [gate, record, id, ...(method === 'print' ? [1_000_000] : [])]);
    return JSON.stringify({ class: 'Gated', method, params: params.get(id) });
  };
  return {
    params,
    body,
    drop: (id: string, method: string) => dropFile(openSpool(dir, { durability: 'none' }), `p5-now-${id}.json`, body(id, method)),
    batch: (id: string, methods: readonly string[]): string =>
      methods.map((method, index) => `${body(`${id}.${index + 1}`, method)}\n`).join(''),
    open: () => fs.writeFileSync(gate, ''),
    close: () => fs.rmSync(gate),
    /** The names of the handlers that ran to their end, in that order. */
    record: () =>
      fs
        .readFileSync(record, 'utf8')
        .split('\n')
        .filter((name) => name !== ''),
  };
}

type OnDisk = { disk: SmallDisk; spool: Spool; service: Service; world: World };

async function serviceOnDisk(t: TestContext, env: Record<string, string> = {}): Promise<OnDisk> {
  const disk = smallDisk(t);
  const world = aWorld(t, disk.at('spool'));
  const service = await startService(t, {
    dir: disk.at('spool'),
    allowlist: ALLOWLIST,
    env: { JOBSPOOL_MIN_FREE: '0', JOBSPOOL_RUNNERS: '3', ...env },
  });
  return { disk, world, service, spool: openSpool(disk.at('spool'), { durability: 'none' }) };
}

const statesOf = (spool: Spool, ...ids: string[]): (State | undefined)[] => ids.map((id) => jobStatus(spool, id)?.state);

async function statesAre(spool: Spool, expected: Record<string, State>): Promise<void> {
  const ids = Object.keys(expected);
  const seen = () => Object.fromEntries(ids.map((id) => [id, jobStatus(spool, id)?.state]));
  await waitFor(() => ids.every((id) => seen()[id] === expected[id]), `the states ${JSON.stringify(expected)}`, PATIENT).catch((error) => {
    throw new Error(`${error.message}; they are ${JSON.stringify(seen())}`);
  });
}

async function ready(service: Service): Promise<{ status: number; reasons: string[] }> {
  const response = await fetch(`${service.url()}/readyz`);
  const { reasons = [] } = (await response.json()) as { reasons?: string[] };
  return { status: response.status, reasons };
}

const page = async (service: Service): Promise<string> =>
  (await (await fetch(`${service.url()}/dashboard`)).text()).replaceAll('&#39;', "'");

const said = (service: Service, pattern: RegExp): string[] =>
  service
    .output()
    .split('\n')
    .filter((line) => pattern.test(line));

const keptOutcomes = (service: Service): string[] => said(service, /the runner keeps the outcome/);

const logOf = (spool: Spool): string => fs.readFileSync(path.join(spool.logs, 'background_jobs.log'), 'utf8');

const holderOfJob = (spool: Spool, id: string) => holderOfSlot(spool, jobStatus(spool, id)?.runner ?? 'nobody-1');

function killRunnerOf(spool: Spool, id: string): void {
  process.kill(holderOfJob(spool, id)?.pid as number, 'SIGKILL');
}

const runnerLives = (spool: Spool, id: string): boolean => fs.existsSync(`/proc/${holderOfJob(spool, id)?.pid}`);

async function cli(spool: Spool, args: string[], env: Record<string, string> = {}): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [path.join(ROOT, 'service', 'main.ts'), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, JOBSPOOL_DIR: spool.root, JOBSPOOL_JOBS: ALLOWLIST, JOBSPOOL_MIN_FREE: '0', JOBSPOOL_RUNNERS: '1', ...env },
  });
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code, out, err };
}
