/** Clocks are set and machines sleep: nobody who lives is taken for dead, and no job is lost or recorded twice. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { SteadyClock } from '../../service/steady-clock.ts';
import { holderOfSlot } from '../../spool/lease.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { platform } from '../../spool/platform.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { rescue } from '../../spool/rescue.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { aJob, aPolicy } from '../support/a-job.ts';
import { dropFile, type Service, startService, tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';
import { whereabouts } from '../support/whereabouts.ts';

const HOUR_MS = 3_600_000;
const SHIFTED = path.resolve(import.meta.dirname, '..', 'fixtures', 'shifted-clock.ts');

const drop = (spool: Spool, id: string, method: string, params: unknown[] = [], runAt = 'now') =>
  dropFile(spool, `p5-${runAt}-${id}.json`, { class: 'Trouble', method, params });

const outcomes = (spool: Spool, id: string) => jobStatus(spool, id)?.attempts.map(({ outcome }) => outcome);
const isRunning = (spool: Spool, id: string) => jobStatus(spool, id)?.state === 'running';
const completed = async (spool: Spool, ids: string[]) => {
  for (const id of ids) assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'completed', id);
};

/** A service whose clock the test sets. */
async function startWithClock(t: TestContext): Promise<{ service: Service; spool: Spool; setClock(ms: number): void }> {
  const file = path.join(tempFolder(t), 'clock');
  const setClock = (ms: number) => {
    fs.writeFileSync(`${file}.new`, String(ms));
    fs.renameSync(`${file}.new`, file);
  };
  setClock(0);
  const env = { JOBSPOOL_TEST_CLOCK: file, NODE_OPTIONS: `--import=${SHIFTED}` };
  const service = await startService(t, { allowlist: TROUBLE, env });
  return { service, spool: openSpool(service.dir, { durability: 'none' }), setClock };
}

test('a clock that is set forward by an hour and back by two rescues nobody, loses nothing and runs nothing twice', async (t) => {
  const { service, spool, setClock } = await startWithClock(t);
  const file = (name: string) => path.join(spool.tmp, name);
  drop(spool, 'throughout', 'until', [file('throughout')]);
  drop(spool, 'forward', 'until', [file('forward')]);
  await waitFor(() => isRunning(spool, 'throughout') && isRunning(spool, 'forward'), 'both runners to be busy');
  drop(spool, 'waiting', 'noop');
  drop(spool, 'in-half-an-hour', 'noop', [], String(Date.now() + HOUR_MS / 2));
  await waitFor(
    () => jobStatus(spool, 'in-half-an-hour')?.state === 'scheduled' && fs.readdirSync(spool.incoming).length === 0,
    'all to be accepted',
  );

  setClock(HOUR_MS);
  fs.writeFileSync(file('forward'), '');
  drop(spool, 'retried', 'failTimes', [1, file('calls')]);
  await completed(spool, ['forward', 'waiting', 'in-half-an-hour', 'retried']);
  assert.deepEqual(outcomes(spool, 'retried'), ['failed', 'completed']);
  drop(spool, 'back', 'until', [file('back')]);
  await waitFor(() => isRunning(spool, 'back'), 'a job to run before the clock is set back');

  setClock(-HOUR_MS);
  fs.writeFileSync(file('back'), '');
  drop(spool, 'retried-again', 'failTimes', [1, file('calls-again')]);
  await completed(spool, ['back', 'retried-again']);

  setClock(0);
  fs.writeFileSync(file('throughout'), '');
  await completed(spool, ['throughout']);
  const lines = [...completedLines(spool)];
  assert.equal(new Set(lines.map(({ id }) => id)).size, lines.length, 'each is recorded once');
  for (const { id, durationMs, attempts } of lines) {
    assert.ok(durationMs >= 0 && durationMs < HOUR_MS / 2, `${id} took ${durationMs} ms`);
    assert.ok(
      attempts.every(({ outcome }) => outcome === 'completed' || outcome === 'failed'),
      `${id}: ${JSON.stringify(attempts)}`,
    );
  }
  assert.equal((await fetch(`${service.url()}/readyz`)).status, 200);
});

test('a completed job whose file is of a time to come is not run again when its runner died before it could remove it', (t) => {
  const spool = tempSpool(t);
  const job = aJob({ id: 'ahead' });
  const now = Date.now();
  spool.disk.makeFolder(spool.slot('host-1'));
  fs.writeFileSync(spool.claimed('host-1', job.name), JSON.stringify(job.request));
  // What a producer whose clock is wrong, or a copy that keeps times, may bring.
  spool.disk.setTimes(spool.claimed('host-1', job.name), now + 48 * HOUR_MS);
  const ledger = new Ledger(spool, 'host-1');
  const span = { startedAt: now, finishedAt: now, runner: 'host-1' };
  ledger.append(ledgerLine(job, span, new Date(now + 48 * HOUR_MS).toISOString(), undefined), job.name);
  ledger.close();
  rescue(spool, 'host-1', 'own', {
    endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'its runner is dead' } }),
    policyOf: () => aPolicy(),
    now,
    random: () => 0,
  });
  assert.deepEqual(whereabouts(spool, 'ahead'), ['ledger']);
});

test('a machine that was suspended for longer than the stale time finds its job taken over; processes that merely stood still do not', async (t) => {
  const one = { allowlist: TROUBLE, env: { JOBSPOOL_RUNNERS: '1' } };
  const here = await startService(t, one);
  const sleeperEnv = { ...one.env, JOBSPOOL_TEST_HOST: 'sleeper', NODE_OPTIONS: `--import=${SHIFTED}` };
  const sleeper = await startService(t, { ...one, dir: here.dir, env: sleeperEnv });
  const spool = openSpool(here.dir, { durability: 'none' });
  const file = path.join(spool.tmp, 'go-on');
  for (const id of ['a', 'b']) drop(spool, id, 'until', [file]);
  const runnerOf = (id: string) => jobStatus(spool, id)?.runner ?? '';
  const far = await waitFor(() => ['a', 'b'].find((id) => runnerOf(id).startsWith('sleeper-')), 'the sleeper to have one of them');
  const near = far === 'a' ? 'b' : 'a';
  await waitFor(() => isRunning(spool, near), 'the other job to run');
  const slots = { far: runnerOf(far), near: runnerOf(near) };
  const runner = holderOfSlot(spool, slots.far)?.pid as number;
  const pids = [runner, holderOfSlot(spool, slots.near)?.pid as number, sleeper.pid, here.pid];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');

  await startService(t, { ...one, dir: here.dir });
  await waitFor(() => isRunning(spool, far) && runnerOf(far) !== slots.far, 'another machine to run it again', { timeoutMs: 60_000 });
  assert.equal(runnerOf(near), slots.near);

  for (const pid of pids) process.kill(pid, 'SIGCONT');
  fs.writeFileSync(file, '');
  await completed(spool, [far, near]);
  assert.deepEqual([outcomes(spool, far), outcomes(spool, near)], [['lost', 'completed'], ['completed']]);
  await waitFor(() => platform.processStart(runner) === undefined, 'the runner that woke up to end', { timeoutMs: 30_000 });
  await waitFor(() => sleeper.output().includes('another host took this'), 'the dispatcher that woke up to say what it found');
  assert.deepEqual([...completedLines(spool)].map(({ id }) => id).toSorted(), ['a', 'b'], 'each is recorded once');
});

test('what is too old is not asked of a clock that was just set, but of one that goes on', () => {
  const clock = new SteadyClock();
  const year = 365 * 24 * HOUR_MS;
  assert.ok(clock.isSteady(year, 0));
  assert.ok(clock.isSteady(year + HOUR_MS + 1_000, HOUR_MS), 'it is put right by a second');
  assert.equal(clock.isSteady(2 * year, 2 * HOUR_MS), false);
  assert.equal(clock.isSteady(year + 3 * HOUR_MS, 3 * HOUR_MS), false, 'and it is set back');
  assert.ok(clock.isSteady(year + 4 * HOUR_MS, 4 * HOUR_MS));
});
