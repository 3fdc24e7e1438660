/** Cancel and timeout really kill: whatever a job does and whatever it has started, nothing of it is left. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { cancelJob } from '../../jobs/run-background-job.ts';
import { holderOfSlot } from '../../spool/lease.ts';
import { platform } from '../../spool/platform.ts';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { SIZE, TREES, WAYS } from '../fixtures/stubborn.ts';
import { afterwards } from '../support/afterwards.ts';
import { randomFrom } from '../support/random.ts';
import { linesUntil } from '../support/service-log.ts';
import { dropFile, type ServiceOptions, startService } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';
import { whereabouts } from '../support/whereabouts.ts';

const ALLOWLIST = path.resolve(import.meta.dirname, '..', 'fixtures', 'stubborn-allowlist.ts');
const ENV = { JOBSPOOL_KILL_GRACE: '300ms' };

type Tree = (typeof TREES)[number] | 'none';
type Case = { id: string; name: string; tree: Tree; body: (pidFile: string) => object };

const start = async (t: TestContext, { env = {}, ...options }: ServiceOptions = {}) => {
  const service = await startService(t, { allowlist: ALLOWLIST, env: { ...ENV, ...env }, ...options });
  return { service, spool: openSpool(service.dir, { durability: 'none' }) };
};

const handler = (tree: Tree, way: keyof typeof WAYS) => (pidFile: string) => ({
  class: 'Stubborn',
  method: 'start',
  params: [pidFile, tree, way],
});
const command = (tree: Tree) => (pidFile: string) => ({ class: 'StubbornCommand', method: tree, params: [pidFile] });

const CASES: Case[] = [
  ...TREES.map((tree) => ({ name: `a handler that ends and leaves behind: ${tree}`, tree, body: handler(tree, 'obey') })),
  ...TREES.map((tree) => ({ name: `a command that starts: ${tree}`, tree, body: command(tree) })),
  ...(Object.keys(WAYS) as (keyof typeof WAYS)[])
    .filter((way) => way !== 'obey')
    .map((way) => ({ name: `a handler that ${way}`, tree: 'bare-session' as const, body: handler('bare-session', way) })),
].map((one, index) => ({ ...one, id: `case-${index}` }));

/** The events of which each job has one. */
const FINAL = ['completed', 'failed', 'cancelled'];

const pidsIn = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number) : []);
const lives = (pid: number) => platform.processStart(pid) !== undefined;
const touch = (spool: Spool, id: string) => fs.writeFileSync(path.join(spool.cancel, id), '');

/** The processes of a job that are left: those that it noted, and those that have its file among their arguments. */
function left(pidFile: string): number[] {
  const named = platform.processes().filter(({ pid }) => argumentsOf(pid).includes(pidFile));
  return [...new Set([...pidsIn(pidFile).filter(lives), ...named.map(({ pid }) => pid)])];
}

function argumentsOf(pid: number): string[] {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

async function begin(t: TestContext, spool: Spool, { id, tree, body }: Case, policy: object = {}): Promise<string> {
  const pidFile = path.join(spool.tmp, `pids-${id}`);
  afterwards(t, () => {
    for (const pid of left(pidFile)) platform.signal(pid, 'SIGKILL');
  });
  const request = body(pidFile);
  dropFile(spool, `p5-now-${id}.json`, { ...request, ...policy });
  const size = tree === 'none' ? 0 : SIZE[tree];
  const isHandler = 'class' in request && request.class === 'Stubborn';
  await waitFor(() => pidsIn(pidFile).length >= size && (!isHandler || fs.existsSync(`${pidFile}.begun`)), `${id} to begin`, {
    timeoutMs: 60_000,
  });
  return pidFile;
}

/** Runs `act` for all of `items`, some at once. */
async function some<T>(items: readonly T[], atOnce: number, act: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await act(item);
    }),
  );
}

test('nothing of a cancelled job is left, whatever it does and whatever it has started', async (t) => {
  const { spool } = await start(t, { env: { JOBSPOOL_RUNNERS: '6' } });
  const failures: string[] = [];
  await some(CASES, 6, async (one) => {
    try {
      const pidFile = await begin(t, spool, one);
      touch(spool, one.id);
      const status = await waitForJob(spool, one.id, { timeout: '30s' });
      assert.deepEqual([status.state, status.attempts.map(({ outcome }) => outcome)], ['cancelled', ['cancelled']]);
      await waitFor(() => left(pidFile).length === 0, 'its processes to be gone', { timeoutMs: 3_000 });
      await waitFor(() => !fs.existsSync(spool.cancelMarker(one.id)), 'the marker to be gone');
      assert.deepEqual(whereabouts(spool, one.id), ['cancelled']);
    } catch (error) {
      failures.push(`${one.name}: ${(error as Error).message}`);
    }
  });
  assert.deepEqual(failures, []);
});

test('a timeout ends a job that waits for a command, or whose result never ends, as timed out, and the slot runs the next', async (t) => {
  const { spool } = await start(t, { env: { JOBSPOOL_RUNNERS: '2' } });
  const policy = { timeout: '1s', retries: 0 };
  await begin(t, spool, { id: 'waits', name: '', tree: 'none', body: handler('none', 'waits for a command') }, policy);
  dropFile(spool, 'p5-now-endless.json', { class: 'Stubborn', method: 'endless', ...policy });
  for (const id of ['waits', 'endless']) {
    const status = await waitForJob(spool, id, { timeout: '30s' });
    assert.deepEqual([status.state, status.attempts.map(({ outcome }) => outcome)], ['failed', ['timed-out']], id);
  }
  await runsOn(spool);
});

test('a job is cancelled though its runner was stopped by SIGSTOP, and the slot goes on', async (t) => {
  const { spool } = await start(t, { env: { JOBSPOOL_RUNNERS: '1' } });
  const one: Case = { id: 'frozen', name: 'frozen', tree: 'session', body: handler('session', 'loops') };
  const pidFile = await begin(t, spool, one);
  const runner = holderOfSlot(spool, jobStatus(spool, one.id)?.runner as string)?.pid as number;
  process.kill(-runner, 'SIGSTOP');
  touch(spool, one.id);
  assert.equal((await waitForJob(spool, one.id, { timeout: '30s' })).state, 'cancelled');
  await waitFor(() => left(pidFile).length === 0, 'its processes to be gone');
  await runsOn(spool);
});

test('a job is cancelled with all that it has started though its dispatcher is dead', async (t) => {
  const { spool, service } = await start(t, { env: { JOBSPOOL_RUNNERS: '3' } });
  const ways = ['loops', 'swallows every error', 'waits for a command that is deaf'] as const;
  const cases: Case[] = ways.map((way, index) => ({
    id: `orphan-${index}`,
    name: way,
    tree: 'bare-session',
    body: handler('bare-session', way),
  }));
  const pidFiles = await Promise.all(cases.map((one) => begin(t, spool, one)));
  await service.stop('SIGKILL');
  for (const { id } of cases) touch(spool, id);
  for (const { id } of cases) assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'cancelled', id);
  await waitFor(() => pidFiles.flatMap(left).length === 0, 'all processes to be gone');
  for (const { id } of cases) assert.deepEqual(whereabouts(spool, id), ['cancelled']);
  assert.deepEqual(fs.readdirSync(spool.cancel), []);
});

test('a job whose runner is killed while it is to be cancelled is cancelled, not run again, and not failed', async (t) => {
  const { spool, service } = await start(t, { env: { JOBSPOOL_RUNNERS: '2', JOBSPOOL_KILL_GRACE: '20s' } });
  const cases: Case[] = [3, 0].map((retries) => ({
    id: `killed-${retries}`,
    name: '',
    tree: 'none',
    body: (file) => ({ ...handler('none', 'hears and goes on')(file), retries }),
  }));
  for (const one of cases) await begin(t, spool, one);
  for (const { id } of cases) touch(spool, id);
  await waitFor(() => cases.every(({ id }) => service.output().includes(`"event":"cancelling","id":"${id}"`)), 'the markers to be seen');
  for (const { id } of cases) process.kill(holderOfSlot(spool, jobStatus(spool, id)?.runner as string)?.pid as number, 'SIGKILL');
  for (const { id } of cases) {
    const status = await waitForJob(spool, id, { timeout: '30s' });
    assert.deepEqual([status.state, status.attempts.map(({ outcome }) => outcome)], ['cancelled', ['cancelled']], id);
  }
  await waitFor(() => fs.readdirSync(spool.cancel).length === 0, 'the markers to be gone');
});

test('to cancel a job of one spool ends no process of another, though its job has the same id', async (t) => {
  const services = await Promise.all([start(t), start(t)]);
  const one: Case = { id: 'nightly', name: '', tree: 'session', body: command('session') };
  const [first = '', second = ''] = await Promise.all(services.map(({ spool }) => begin(t, spool, one)));
  touch((services[0] as (typeof services)[0]).spool, one.id);
  await waitFor(() => left(first).length === 0, 'the cancelled one to be gone', { timeoutMs: 20_000 });
  assert.deepEqual(left(second), pidsIn(second).filter(lives));
  assert.equal(pidsIn(second).filter(lives).length, pidsIn(second).length, 'all of the other one live');
  assert.equal(jobStatus((services[1] as (typeof services)[0]).spool, one.id)?.state, 'running');
});

async function runsOn(spool: Spool): Promise<void> {
  dropFile(spool, 'p5-now-behind.json', { class: 'Stubborn', method: 'noop' });
  assert.equal((await waitForJob(spool, 'behind', { timeout: '30s' })).state, 'completed');
}

/** How many races are run; by hand 1,000. */
const RACES = Number(process.env.RACES ?? 80);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const ENDS = ['completed', 'failed', 'permanent', 'snoozed', 'late'] as const;

test('a cancellation that comes as its job begins or ends leaves one final state, no marker, and does not touch the next job', async (t) => {
  t.diagnostic(`seed ${SEED}, ${RACES} races`);
  const random = randomFrom(SEED);
  const indices = Array.from({ length: RACES }, (_, index) => index);
  const leavesChild = (index: number) => index % 8 === 0;
  const { spool } = await start(t, { env: { JOBSPOOL_RUNNERS: '4' } });
  const at = (what: string, index: number) => path.join(spool.tmp, `${what}-${index}`);
  afterwards(t, () => {
    for (const index of indices.filter(leavesChild)) for (const pid of left(at('pids', index))) platform.signal(pid, 'SIGKILL');
  });
  await some(indices, 12, async (index) => {
    const id = `race-${index}`;
    const how = ENDS[index % ENDS.length] as (typeof ENDS)[number];
    const ms = Math.round(40 + random() * 120);
    const params = [how, how === 'late' ? 3 * ms : ms, at('begun', index), ...(leavesChild(index) ? [at('pids', index)] : [])];
    const policy = { retries: 1, ...(how === 'late' ? { timeout: `${ms}ms` } : {}) };
    dropFile(spool, `p5-now-${id}.json`, { class: 'Stubborn', method: 'end', params, ...policy });
    dropFile(spool, `p5-now-innocent-${index}.json`, { class: 'Stubborn', method: 'childFor', params: [at('told', index), 60] });
    // One in four as it is accepted or claimed, the others about when it ends.
    const early = index % 4 === 3;
    if (!early) await waitFor(() => fs.existsSync(at('begun', index)), `${id} to begin`, { timeoutMs: 120_000 });
    await pause(early ? random() * 150 : Math.max(0, ms - 60 + random() * 100));
    await ask(spool, id, index);
    if (index % 7 !== 0) return;
    await pause(random() * 100);
    await ask(spool, id, index);
  });
  const waiting = () => [spool.cancel, spool.incoming, spool.pending, spool.retrying].flatMap((folder) => fs.readdirSync(folder));
  await waitFor(() => waiting().length === 0, 'all markers and jobs to be dealt with', { timeoutMs: 120_000 });
  for (const index of indices) {
    const innocent = await waitForJob(spool, `innocent-${index}`, { timeout: '60s' });
    assert.deepEqual([innocent.state, innocent.attempts.length], ['completed', 1], `innocent-${index}`);
    assert.equal(fs.existsSync(at('told', index)), false, `innocent-${index} was told to end`);
  }
  const ends: Record<string, number> = {};
  for (const index of indices) {
    await waitFor(() => whereabouts(spool, `race-${index}`)[0]?.startsWith('running') === false, `race-${index} to be over`);
    const places = whereabouts(spool, `race-${index}`);
    assert.equal(places.length, 1, `race-${index} is in ${places}`);
    // One that is late and ends by itself before its watchdog looks has completed.
    const allowed = { completed: 'ledger', late: 'ledger', permanent: 'failed' }[ENDS[index % ENDS.length] as string];
    assert.ok(places[0] === 'cancelled' || places[0] === allowed, `race-${index}, ${ENDS[index % ENDS.length]}, is in ${places}`);
    const lines = await linesUntil(spool, `race-${index}`, ...FINAL);
    assert.equal(lines.filter(({ event = '' }) => FINAL.includes(event)).length, 1, `final events of race-${index}`);
    ends[places[0] as string] = (ends[places[0] as string] ?? 0) + 1;
  }
  t.diagnostic(JSON.stringify(ends));
  // What an attempt leaves behind that was not stopped is its own affair, also when the job is cancelled later.
  const wasStopped = (index: number) =>
    ['cancelled', 'timed-out'].includes(jobStatus(spool, `race-${index}`)?.attempts.at(-1)?.outcome ?? '');
  const cancelled = indices.filter((index) => leavesChild(index) && wasStopped(index));
  await waitFor(() => cancelled.every((index) => left(at('pids', index)).length === 0), 'the children of cancelled jobs to be gone');
});

/** Asks for a cancellation as a person, a program or, now and then, the command line does. */
async function ask(spool: Spool, id: string, index: number): Promise<void> {
  if (index % 50 === 49) {
    const program = path.resolve(import.meta.dirname, '..', '..', 'service', 'main.ts');
    const child = spawn(process.execPath, [program, 'cancel', id], { stdio: 'ignore', env: { ...process.env, JOBSPOOL_DIR: spool.root } });
    await new Promise((resolve) => child.once('exit', resolve));
  } else if (index % 2 === 0) touch(spool, id);
  else await cancelJob(id, { dir: spool.root });
}
