/** Only a provably dead holder loses its claim, and a dead one always does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { suite, type TestContext, test } from 'node:test';
import { type Holder, holderOfSlot, hostName, slots } from '../../spool/lease.ts';
import { platform } from '../../spool/platform.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { afterwards } from '../support/afterwards.ts';
import { putRunning } from '../support/job-files.ts';
import { type Container, noNamespaces, startContainer } from '../support/namespace.ts';
import { dropFile, type ServiceOptions, startService, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';
import { slotsEmpty, whereabouts } from '../support/whereabouts.ts';

const ALLOWLIST = path.resolve(import.meta.dirname, '..', 'fixtures', 'stubborn-allowlist.ts');
const STALE_MS = 5_000;
/** Longer than three stale times. */
const VERY_LONG_MS = 3 * STALE_MS + 1_000;
const PATIENCE = { timeout: '60s' };

const NO_NAMESPACES = noNamespaces();

const start = async (t: TestContext, { env = {}, ...options }: ServiceOptions = {}) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_RUNNERS: '1', ...env }, ...options });
  return { service, spool: openSpool(service.dir, { durability: 'none' }) };
};
const trouble = (method: string, ...params: unknown[]) => ({ class: 'Trouble', method, params });
const isRunning = (spool: Spool, id: string) => jobStatus(spool, id)?.state === 'running';
const outcomes = (spool: Spool, id: string) => jobStatus(spool, id)?.attempts.map(({ outcome }) => outcome);
const slotOf = (spool: Spool, id: string) =>
  waitFor(() => (isRunning(spool, id) ? jobStatus(spool, id)?.runner : undefined), `${id} to run`, { timeoutMs: 60_000 });

async function containers(t: TestContext, count: number, dir: string, allowlist = TROUBLE): Promise<Container[]> {
  if (NO_NAMESPACES !== undefined) t.skip(NO_NAMESPACES);
  return NO_NAMESPACES === undefined ? Promise.all(Array.from({ length: count }, () => startContainer(t, dir, allowlist))) : [];
}

suite('leases', { concurrency: 3 }, () => {
  test('a handler that blocks its event loop, or fills the thread pool, for three stale times keeps its claim though others watch from afar', async (t) => {
    const { spool } = await start(t, { allowlist: ALLOWLIST, env: { JOBSPOOL_RUNNERS: '2' } });
    const jobs = { blocks: 'blockUntil', fills: 'fillUntil' };
    const goOn = path.join(spool.tmp, 'go-on');
    for (const [id, method] of Object.entries(jobs)) dropFile(spool, `p5-now-${id}.json`, { class: 'Stubborn', method, params: [goOn] });
    const runners = await Promise.all(Object.keys(jobs).map((id) => slotOf(spool, id)));
    // For a dispatcher in another namespace their pids mean nothing: it has only the heartbeats.
    if ((await containers(t, 1, spool.root, ALLOWLIST)).length === 0) return;
    const over = performance.now() + VERY_LONG_MS;
    await waitFor(() => performance.now() > over, 'three stale times', { timeoutMs: 2 * VERY_LONG_MS });
    fs.writeFileSync(goOn, '');
    for (const [index, id] of Object.keys(jobs).entries()) {
      const status = await waitForJob(spool, id, PATIENCE);
      assert.deepEqual([id, status.state, outcomes(spool, id), status.runner], [id, 'completed', ['completed'], runners[index]]);
    }
  });

  test('two containers of one host name, with the same pids, share a spool; one that dies is rescued though its pids live on in the other, and comes back', async (t) => {
    const spool = tempSpool(t);
    const [first, second] = await containers(t, 2, spool.root);
    if (!first || !second) return;
    const holders = () => slots(spool).flatMap((slot) => holderOfSlot(spool, slot) ?? []);
    await waitFor(() => holders().filter(({ kind }) => kind === 'runner').length === 2, 'two runners', { timeoutMs: 60_000 });
    const dispatchers = holders().filter(({ kind }) => kind === 'dispatcher');
    assert.deepEqual(
      dispatchers.map(({ pid }) => pid),
      [1, 1],
    );
    assert.equal(new Set(dispatchers.map(({ slot }) => slot)).size, 2);
    const note = path.join(spool.tmp, 'note');
    for (let index = 0; index < 100; index++) dropFile(spool, `p5-now-n${index}.json`, trouble('note', note, `n${index}`));
    for (const id of ['a', 'b']) dropFile(spool, `p1-now-${id}.json`, trouble('sleep', 8_000));
    await waitFor(() => isRunning(spool, 'a') && isRunning(spool, 'b'), 'both to run', { timeoutMs: 60_000 });
    const ran = fs.readFileSync(note, 'utf8').trim().split('\n');
    assert.equal(ran.length, 100);
    assert.equal(new Set(ran).size, 100, 'no job ran twice');
    await first.kill();
    await startContainer(t, spool.root, TROUBLE);
    for (const id of ['a', 'b']) assert.equal((await waitForJob(spool, id, PATIENCE)).state, 'completed');
    const all = ['a', 'b'].map((id) => outcomes(spool, id)?.join(' ')).sort();
    assert.deepEqual(all, ['completed', 'lost completed']);
    await waitFor(() => holders().filter(({ kind }) => kind === 'dispatcher').length === 2, 'the dead slots to be forgotten', {
      timeoutMs: 30_000,
    });
    for (const id of ['a', 'b']) assert.deepEqual(whereabouts(spool, id), ['ledger']);
  });

  test('slots whose pid is now that of an unrelated living process, or of another boot, are taken over; the slot of a living stranger is not', async (t) => {
    const spool = tempSpool(t);
    const stranger = spawn('sleep', ['1000'], { stdio: 'ignore' });
    afterwards(t, () => stranger.kill('SIGKILL'));
    const pid = stranger.pid as number;
    const own = {
      host: hostName(),
      pid,
      processStart: platform.processStart(pid) as string,
      bootId: platform.bootId(),
      pidNamespace: platform.pidNamespace(),
    };
    const beating = spool.lock('far-1');
    const beats = setInterval(() => fs.existsSync(beating) && fs.utimesSync(beating, new Date(), new Date()), 500);
    afterwards(t, () => clearInterval(beats));
    plant(spool, 'reused-1', { ...own, processStart: '1' });
    plant(spool, 'gone-1', { ...own, pid: 4_194_305 });
    plant(spool, 'boot-1', { ...own, bootId: 'an-earlier-one' });
    plant(spool, 'living-1', own);
    plant(spool, 'far-1', { ...own, host: 'far-away', bootId: 'another' });
    // The living one counts as a runner whose dispatcher is dead: it takes the room of one.
    await start(t, { dir: spool.root, env: { JOBSPOOL_RUNNERS: '2' } });
    for (const slot of ['reused-1', 'gone-1', 'boot-1']) {
      assert.equal((await waitForJob(spool, `in-${slot}`, PATIENCE)).state, 'completed');
      assert.deepEqual(outcomes(spool, `in-${slot}`), [slot === 'boot-1' ? 'lost' : 'crashed', 'completed'], slot);
    }
    for (const slot of ['living-1', 'far-1']) assert.deepEqual(whereabouts(spool, `in-${slot}`), [`running/${slot}`]);
    stranger.kill('SIGKILL');
    clearInterval(beats);
    for (const slot of ['living-1', 'far-1']) assert.equal((await waitForJob(spool, `in-${slot}`, PATIENCE)).state, 'completed', slot);
  });

  /** What a person may do to a slot while its runner works, and the job goes on all the same. */
  const HARMLESS: Record<string, (spool: Spool, slot: string) => void> = {
    'its lock is removed': (spool, slot) => fs.rmdirSync(spool.lock(slot)),
    'its lock is touched': (spool, slot) => fs.utimesSync(spool.lock(slot), 1, 1),
    'its lock is replaced by a file': (spool, slot) => {
      fs.rmdirSync(spool.lock(slot));
      fs.writeFileSync(spool.lock(slot), 'mine');
    },
    'something lies in its lock': (spool, slot) => fs.writeFileSync(path.join(spool.lock(slot), 'mine'), ''),
    'its holder file is removed': (spool, slot) => fs.rmSync(spool.holder(slot)),
    'its holder file is spoilt': (spool, slot) => fs.writeFileSync(spool.holder(slot), '{"pid":'),
    'its holder file names another process': (spool, slot) =>
      fs.writeFileSync(spool.holder(slot), JSON.stringify({ ...holderOfSlot(spool, slot), host: 'elsewhere', pid: 4_194_305 })),
    'its lock and its holder file are removed': (spool, slot) => {
      fs.rmSync(spool.holder(slot));
      fs.rmdirSync(spool.lock(slot));
    },
  };

  test('whatever is done by hand to the lock and the holder file of a runner at work, it keeps its job and mends them', async (t) => {
    const acts = Object.entries(HARMLESS);
    const { spool, service } = await start(t, { env: { JOBSPOOL_RUNNERS: String(acts.length) } });
    if ((await containers(t, 1, spool.root)).length === 0) return;
    const goOn = path.join(spool.tmp, 'go-on');
    for (const index of acts.keys()) dropFile(spool, `p5-now-j${index}.json`, trouble('until', goOn));
    const all = await Promise.all(acts.map((_, index) => slotOf(spool, `j${index}`)));
    const before = all.map((slot) => holderOfSlot(spool, slot));
    for (const [index, [, act]] of acts.entries()) act(spool, all[index] as string);
    for (const [index, [what]] of acts.entries()) {
      const slot = all[index] as string;
      await waitFor(() => isMended(spool, slot, before[index]), `the slot to be mended after ${what}`, { timeoutMs: 30_000 });
    }
    fs.writeFileSync(goOn, '');
    for (const [index, [what]] of acts.entries()) {
      const status = await waitForJob(spool, `j${index}`, PATIENCE);
      assert.deepEqual([what, status.state, status.attempts.length, status.runner], [what, 'completed', 1, all[index]]);
    }
    assert.doesNotMatch(service.output(), /gives up|took this dispatcher for dead/);
  });

  test('a job whose file or slot folder is removed while it runs has no outcome, its runner says so and goes on', async (t) => {
    const { spool, service } = await start(t);
    const goOn = (id: string) => path.join(spool.tmp, `go-on-${id}`);
    const acts: Record<string, (slot: string, file: string) => void> = {
      removed: (_, file) => fs.rmSync(file),
      held: (_, file) => fs.renameSync(file, path.join(spool.tmp, path.basename(file))),
      folder: (slot) => fs.rmSync(spool.slot(slot), { recursive: true }),
    };
    const used = new Set<string>();
    for (const [id, act] of Object.entries(acts)) {
      dropFile(spool, `p5-now-${id}.json`, trouble('until', goOn(id)));
      const slot = await slotOf(spool, id);
      used.add(slot);
      const [name = ''] = fs.readdirSync(spool.slot(slot));
      act(slot, spool.claimed(slot, name));
      fs.writeFileSync(goOn(id), '');
      await waitFor(() => service.output().includes(`settle ${name} as completed: it is no longer in the slot`), 'the sentence in the log');
      assert.deepEqual(whereabouts(spool, id), []);
      dropFile(spool, `p5-now-after-${id}.json`, trouble('noop'));
      assert.equal((await waitForJob(spool, `after-${id}`, PATIENCE)).state, 'completed');
    }
    assert.equal(used.size, 1, 'one runner served them all');
    fs.renameSync(
      path.join(spool.tmp, fs.readdirSync(spool.tmp).find((name) => name.endsWith('-held.json')) as string),
      path.join(spool.incoming, 'p5-now-held.json'),
    );
    assert.equal((await waitForJob(spool, 'held', PATIENCE)).state, 'completed', 'what was held runs when it is given back');
  });

  test('a dispatcher whose lock and holder file are removed by hand goes on accepting', async (t) => {
    const { spool } = await start(t);
    const own = slots(spool).find((slot) => holderOfSlot(spool, slot)?.kind === 'dispatcher') as string;
    const before = holderOfSlot(spool, own);
    const acts: ((spool: Spool, slot: string) => void)[] = [
      HARMLESS['its lock is removed'],
      HARMLESS['its holder file is removed'],
      HARMLESS['its lock is replaced by a file'],
    ] as never;
    for (const [index, act] of acts.entries()) {
      act(spool, own);
      await waitFor(() => isMended(spool, own, before), 'the slot to be mended', { timeoutMs: 30_000 });
      dropFile(spool, `p5-now-d${index}.json`, trouble('noop'));
      assert.equal((await waitForJob(spool, `d${index}`, PATIENCE)).state, 'completed');
    }
  });

  test('two dispatchers that start in the same moment accept each job once, and one of them leads', async (t) => {
    for (let round = 0; round < Number(process.env.ROUNDS ?? 2); round++) {
      const spool = tempSpool(t);
      const jobs = 30;
      for (let index = 0; index < jobs / 2; index++) dropFile(spool, `p5-now-r${index}.json`, trouble('noop'));
      const both = await Promise.all([start(t, { dir: spool.root }), start(t, { dir: spool.root })]);
      for (let index = jobs / 2; index < jobs; index++) dropFile(spool, `p5-now-r${index}.json`, trouble('noop'));
      await waitFor(() => [...completedLines(spool)].length >= jobs, 'all to be completed', { timeoutMs: 60_000 });
      await slotsEmpty(spool);
      for (let index = 0; index < jobs; index++)
        assert.deepEqual(whereabouts(spool, `r${index}`), ['ledger'], `r${index} of round ${round}`);
      assert.deepEqual(fs.readdirSync(spool.rejected), []);
      await Promise.all(both.map(({ service }) => service.stop()));
      assert.deepEqual(fs.readdirSync(spool.running), [], 'no slot is left');
      // When both have ended: a line comes later than what it tells of.
      const log = fs.readFileSync(path.join(spool.logs, 'background_jobs.log'), 'utf8');
      assert.equal(log.match(/"event":"accepted"/g)?.length, jobs);
    }
  });
});

/** How often several processes rescue the same slot at once; by hand 300. */
const RESCUES = Number(process.env.RESCUES ?? 100);

test('several processes that rescue the same dead slot in the same moment settle each of its jobs once', async (t) => {
  const spool = tempSpool(t);
  const jobs = ['x', 'y', 'z'];
  const rescuers = Array.from({ length: 3 }, (_, index) => startRescuer(t, spool, `rescuer-${index}`));
  for (let round = 0; round < RESCUES; round++) {
    for (const id of jobs) putRunning(spool, `dead-${round}`, { id: `${id}-${round}`, request: { retries: 3 } });
    fs.mkdirSync(spool.lock(`dead-${round}`));
    fs.writeFileSync(path.join(spool.tmp, `go-${round}`), '');
    const isDone = () => rescuers.every(({ own }) => fs.existsSync(path.join(spool.tmp, `done-${round}-${own}`)));
    while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 1));
    for (const id of jobs) assert.deepEqual(whereabouts(spool, `${id}-${round}`), ['retrying'], `${id} of round ${round}`);
  }
  const settled = await Promise.all(rescuers.map(({ settled }) => settled));
  t.diagnostic(`${RESCUES} slots, settled by each: ${settled.join(', ')}`);
  assert.equal(
    settled.reduce((sum, count) => sum + count, 0),
    jobs.length * RESCUES,
  );
  assert.deepEqual([fs.readdirSync(spool.running), fs.readdirSync(spool.rejected)], [[], []]);
});

function startRescuer(t: TestContext, spool: Spool, own: string): { own: string; settled: Promise<number> } {
  const program = path.resolve(import.meta.dirname, '..', 'fixtures', 'rescue-rounds.ts');
  const child = spawn(process.execPath, [program, spool.root, own, String(RESCUES)], { stdio: ['ignore', 'pipe', 'inherit'] });
  afterwards(t, () => child.kill('SIGKILL'));
  return { own, settled: text(child.stdout).then(Number) };
}

function plant(spool: Spool, slot: string, over: Omit<Holder, 'kind' | 'slot' | 'since'>): void {
  putRunning(spool, slot, { id: `in-${slot}`, request: { ...trouble('noop'), retryDelay: 0.1 } as never });
  fs.mkdirSync(spool.lock(slot));
  fs.writeFileSync(spool.holder(slot), JSON.stringify({ kind: 'runner', slot, since: new Date(0).toISOString(), ...over }));
}

function isMended(spool: Spool, slot: string, holder: Holder | undefined): boolean {
  const lock = fs.statSync(spool.lock(slot), { throwIfNoEntry: false });
  if (!lock?.isDirectory() || lock.mtimeMs < Date.now() - STALE_MS || fs.readdirSync(spool.lock(slot)).length > 0) return false;
  return JSON.stringify(holderOfSlot(spool, slot)) === JSON.stringify(holder);
}
