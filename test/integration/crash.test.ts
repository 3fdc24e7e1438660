/** Detached runners and their dispatchers may be killed at any moment: nothing is lost, and nothing is recorded twice. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { type Holder, holderOfSlot, slots } from '../../spool/lease.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { dropFile, startService, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const drop = (spool: Spool, id: string, method: string, params: unknown[] = [], policy: object = {}) =>
  dropFile(spool, `p5-now-${id}.json`, { class: 'Trouble', method, params, ...policy });

const isRunning = (spool: Spool, id: string) => jobStatus(spool, id)?.state === 'running';

const holders = (spool: Spool, kind: Holder['kind']): Holder[] =>
  slots(spool)
    .flatMap((slot) => holderOfSlot(spool, slot) ?? [])
    .filter((holder) => holder.kind === kind);

const outcomes = (spool: Spool, id: string) => jobStatus(spool, id)?.attempts.map(({ outcome }) => outcome);

test('jobs whose dispatcher is killed finish and are recorded, and a new dispatcher shows them as running meanwhile', async (t) => {
  const first = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(first.dir, { durability: 'none' });
  const file = path.join(spool.tmp, 'go-on');
  drop(spool, 'a', 'until', [file]);
  drop(spool, 'b', 'block', [2_500]);
  await waitFor(() => isRunning(spool, 'a') && isRunning(spool, 'b'), 'both jobs to run');
  await first.stop('SIGKILL');
  drop(spool, 'c', 'noop');
  await startService(t, { allowlist: TROUBLE, dir: first.dir });
  assert.ok(isRunning(spool, 'a'), 'the new dispatcher leaves the running job alone');
  fs.writeFileSync(file, '');
  for (const id of ['a', 'b', 'c']) assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'completed');
  for (const id of ['a', 'b']) assert.deepEqual(outcomes(spool, id), ['completed']);
});

test('a job that runs under a dead dispatcher can still be cancelled', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  drop(spool, 'orphan', 'block', [60_000]);
  await waitFor(() => isRunning(spool, 'orphan'), 'the job to run');
  await service.stop('SIGKILL');
  fs.writeFileSync(path.join(spool.cancel, 'orphan'), '');
  assert.equal((await waitForJob(spool, 'orphan', { timeout: '30s' })).state, 'cancelled');
});

test('the attempt of a killed runner is recorded as crashed and retried after a second, whatever its retry delay', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  drop(spool, 'victim', 'sleep', [1_000], { retryDelay: '1h' });
  const runner = await waitFor(() => jobStatus(spool, 'victim')?.runner, 'the job to run');
  process.kill(holderOfSlot(spool, runner)?.pid as number, 'SIGKILL');
  const status = await waitForJob(spool, 'victim', { timeout: '30s' });
  assert.deepEqual(outcomes(spool, 'victim'), ['crashed', 'completed']);
  assert.equal(status.attempts[0]?.runner, runner);
  // By the run-at that was set: how soon after that it starts depends on how busy the machine is.
  const retry = /next at (\S+Z)/.exec(service.output())?.[1] ?? '';
  assert.equal(Date.parse(retry) - Date.parse(status.attempts[0]?.finishedAt ?? ''), 1_000);
});

test('a runner and its dispatcher killed together leave a job that the next dispatcher retries', async (t) => {
  const first = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(first.dir, { durability: 'none' });
  drop(spool, 'both', 'sleep', [1_500]);
  const runner = await waitFor(() => jobStatus(spool, 'both')?.runner, 'the job to run');
  const pids = holders(spool, 'runner').map(({ pid }) => pid);
  await first.stop('SIGKILL');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await startService(t, { allowlist: TROUBLE, dir: first.dir });
  const status = await waitForJob(spool, 'both', { timeout: '30s' });
  assert.deepEqual(outcomes(spool, 'both'), ['crashed', 'completed']);
  assert.equal(status.attempts[0]?.runner, runner);
  assert.equal(fs.existsSync(spool.holder(runner)), false, 'nothing is left of the dead slot');
});

test('the command of a killed runner does not run on beside its retry', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  const file = path.join(spool.tmp, 'pids');
  dropFile(spool, 'p5-now-command.json', { class: 'Shell', method: 'hang', params: [file] });
  const read = () => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n').map(Number) : []);
  const pids = await waitFor(() => (read().length === 2 ? read() : undefined), 'the command and its child');
  process.kill(holderOfSlot(spool, jobStatus(spool, 'command')?.runner as string)?.pid as number, 'SIGKILL');
  await waitFor(() => pids.every((pid) => !fs.existsSync(`/proc/${pid}`)), 'the command and its child to be ended');
  fs.writeFileSync(path.join(spool.cancel, 'command'), '');
  await waitForJob(spool, 'command', { timeout: '30s' });
});

test('SIGTERM lets running jobs finish within the grace', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  drop(spool, 'short', 'sleep', [800]);
  await waitFor(() => isRunning(spool, 'short'), 'the job to run');
  drop(spool, 'later', 'noop', []);
  assert.equal(await service.stop('SIGTERM'), 0);
  assert.equal(jobStatus(spool, 'short')?.state, 'completed');
  assert.deepEqual(fs.readdirSync(spool.running), [], 'no slot is left');
});

test('jobs that outlast the grace are released without spending an attempt, blocked ones included', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_SHUTDOWN_GRACE: '300ms', JOBSPOOL_RUNNERS: '3' } });
  const spool = openSpool(service.dir, { durability: 'none' });
  drop(spool, 'deaf', 'sleep', [60_000]);
  drop(spool, 'blocked', 'block', [60_000]);
  drop(spool, 'polite', 'politeSleep', [60_000, path.join(spool.tmp, 'note')]);
  await waitFor(() => ['deaf', 'blocked', 'polite'].every((id) => isRunning(spool, id)), 'all three to run');
  assert.equal(await service.stop('SIGTERM'), 0);
  for (const id of ['deaf', 'blocked', 'polite']) {
    assert.equal(jobStatus(spool, id)?.state, 'pending', id);
    assert.deepEqual(outcomes(spool, id), [], id);
  }
  assert.deepEqual(fs.readdirSync(spool.running), []);
});

test('SIGTERM does not wait until a full incoming/ is accepted, and loses none of it', async (t) => {
  const spool = tempSpool(t);
  const files = 12_000;
  for (let index = 0; index < files; index++) {
    fs.writeFileSync(path.join(spool.incoming, `p5-20300101T000000Z-f${index}.json`), '{"class":"Trouble","method":"noop"}');
  }
  const child = spawn(process.execPath, [path.resolve(import.meta.dirname, '..', '..', 'service', 'main.ts'), 'dispatch'], {
    stdio: 'ignore',
    env: { ...process.env, JOBSPOOL_DIR: spool.root, JOBSPOOL_JOBS: TROUBLE, JOBSPOOL_RUNNERS: '1', JOBSPOOL_DURABILITY: 'none' },
  });
  t.after(() => child.kill('SIGKILL'));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  await waitFor(() => fs.readdirSync(spool.pending).length > 0, 'the first to be accepted');
  child.kill('SIGTERM');
  assert.equal(await exited, 0);
  const left = fs.readdirSync(spool.incoming).length;
  assert.ok(left > 0, 'some were not accepted any more');
  assert.equal(left + fs.readdirSync(spool.pending).length, files);
});

test('a second SIGTERM does not wait for the grace', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_SHUTDOWN_GRACE: '60s' } });
  const spool = openSpool(service.dir, { durability: 'none' });
  drop(spool, 'long', 'politeSleep', [60_000, path.join(spool.tmp, 'note')]);
  await waitFor(() => isRunning(spool, 'long'), 'the job to run');
  const stopped = service.stop('SIGTERM');
  await waitFor(() => service.output().includes('SIGTERM: no new job is claimed'), 'the first signal to be heard');
  const began = Date.now();
  await service.stop('SIGTERM');
  assert.equal(await stopped, 0);
  assert.ok(Date.now() - began < 5_000);
  assert.equal(jobStatus(spool, 'long')?.state, 'pending');
});

test('several dispatchers on one spool share the work, and each job runs once', async (t) => {
  const first = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_RUNNERS: '1' } });
  const options = { allowlist: TROUBLE, dir: first.dir, env: { JOBSPOOL_RUNNERS: '1' } };
  await Promise.all([startService(t, options), startService(t, options)]);
  const spool = openSpool(first.dir, { durability: 'none' });
  const jobs = 600;
  const file = path.join(spool.tmp, 'ran');
  await waitFor(() => holders(spool, 'runner').length === 3, 'three runners');
  for (let index = 0; index < jobs; index++)
    drop(spool, `j${index}`, index % 10 === 0 ? 'sleep' : 'note', index % 10 === 0 ? [20] : [file, `j${index}`]);
  await waitFor(() => [...completedLines(spool)].length === jobs, 'all to be completed', { timeoutMs: 30_000 });
  const ran = fs.readFileSync(file, 'utf8').trim().split('\n');
  assert.equal(ran.length, new Set(ran).size, 'no job ran twice');
  const runners = new Set([...completedLines(spool)].map((line) => line.attempts.at(-1)?.runner));
  assert.equal(runners.size, 3, 'every dispatcher had its share');
});

test('when the dispatcher that accepts is killed, another takes over, and a duplicate is still refused', async (t) => {
  const first = await startService(t, { allowlist: TROUBLE });
  const second = await startService(t, { allowlist: TROUBLE, dir: first.dir });
  const spool = openSpool(first.dir, { durability: 'none' });
  drop(spool, 'before', 'noop');
  await waitForJob(spool, 'before', { timeout: '30s' });
  await first.stop('SIGKILL');
  drop(spool, 'after', 'sleep', [1_500]);
  await waitFor(() => isRunning(spool, 'after'), 'the second dispatcher to run it');
  dropFile(spool, 'p9-now-after.json', { class: 'Trouble', method: 'noop' });
  await waitFor(() => fs.readdirSync(spool.rejected).length === 2, 'the duplicate to be rejected');
  assert.match(
    fs.readFileSync(path.join(spool.rejected, 'p9-now-after.json.reason.json'), 'utf8'),
    /duplicate: a job with the id \\"after\\" is already/,
  );
  assert.equal((await waitForJob(spool, 'after', { timeout: '30s' })).state, 'completed');
  assert.equal(await second.stop(), 0);
});
