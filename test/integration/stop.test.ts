/** Cancel and timeout mean stopped: children included, also when the handler blocks. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { cancelJob } from '../../jobs/run-background-job.ts';
import { platform } from '../../spool/platform.ts';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { dropFile, startService, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const touch = (spool: Spool, id: string) => fs.writeFileSync(path.join(spool.cancel, id), '');
const pidsIn = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim().split('\n').map(Number) : []);

test('a cancellation that was asked for before a job was submitted does not hit it', async (t) => {
  const spool = tempSpool(t);
  await cancelJob('later', { dir: spool.root });
  await waitFor(() => Date.now() > (fs.statSync(path.join(spool.cancel, 'later')).ctimeMs ?? 0) + 20, 'the clock to move on');
  dropFile(spool, 'p5-now-later.json', { class: 'Trouble', method: 'noop' });
  dropFile(spool, 'p5-now-meant.json', { class: 'Trouble', method: 'noop' });
  await waitFor(() => Date.now() > fs.statSync(path.join(spool.incoming, 'p5-now-meant.json')).ctimeMs + 20, 'the clock to move on');
  await cancelJob('meant', { dir: spool.root });
  await startService(t, { allowlist: TROUBLE, dir: spool.root });
  assert.equal((await waitForJob(spool, 'later', { timeout: '30s' })).state, 'completed');
  assert.equal((await waitForJob(spool, 'meant', { timeout: '30s' })).state, 'cancelled');
});

test('cancel and timeout end whatever runs, with its children', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_RUNNERS: '4' } });
  const spool = openSpool(service.dir, { durability: 'none' });
  const events = () => fs.readFileSync(path.join(spool.logs, 'background_jobs.log'), 'utf8');
  const drop = (id: string, method: string, params: unknown[], policy: object = {}) =>
    dropFile(spool, `p5-now-${id}.json`, { class: 'Trouble', method, params, ...policy });

  await t.test('a scheduled job is cancelled at once', async () => {
    dropFile(spool, 'p5-20300101T000000Z-far.json', { class: 'Trouble', method: 'noop' });
    await waitFor(() => fs.readdirSync(spool.pending).length === 1, 'the job to be accepted');
    touch(spool, 'far');
    const status = await waitForJob(spool, 'far', { timeout: '30s' });
    assert.equal(status.state, 'cancelled');
    assert.deepEqual(status.attempts, []);
  });

  await t.test('a retrying job is cancelled at once, and a retry of it has its whole budget', async () => {
    drop('again', 'fail', ['x'], { retryDelay: '1h', retries: 1 });
    await waitFor(() => jobStatus(spool, 'again')?.state === 'retrying', 'the first attempt to fail');
    await cancelJob('again', { dir: spool.root });
    const status = await waitForJob(spool, 'again', { timeout: '30s' });
    assert.equal(status.state, 'cancelled');
    assert.equal(status.attempts.length, 1);
    const name = fs.readdirSync(spool.cancelled).find((file) => file.includes('again')) as string;
    const spent = () => 'spent' in JSON.parse(fs.readFileSync(path.join(spool.cancelled, name), 'utf8'));
    await waitFor(() => !spent(), 'the budget to be dropped');
  });

  await t.test('a running job gets its AbortSignal, with the reason, and is cancelled when it stops', async () => {
    const note = path.join(spool.tmp, 'note');
    drop('polite', 'politeSleep', [60_000, note]);
    await waitFor(() => fs.existsSync(note), 'its handler to run');
    touch(spool, 'polite');
    const status = await waitForJob(spool, 'polite', { timeout: '30s' });
    assert.equal(status.state, 'cancelled');
    assert.equal(fs.readFileSync(note, 'utf8'), 'the job was cancelled');
  });

  for (const [id, blocks] of [
    ['blocking', true],
    ['deaf', false],
  ] as const) {
    await t.test(`a job that is ${id} is killed with its children, those that left its process group included`, async () => {
      const file = path.join(spool.tmp, `pids-${id}`);
      drop(id, 'children', [file, blocks]);
      const pids = await waitFor(() => (pidsIn(file).length === 2 ? pidsIn(file) : undefined), 'both children');
      touch(spool, id);
      const status = await waitForJob(spool, id, { timeout: '30s' });
      assert.equal(status.state, 'cancelled');
      assert.deepEqual(
        status.attempts.map(({ outcome }) => outcome),
        ['cancelled'],
      );
      await waitFor(() => pids.every((pid) => platform.processStart(pid) === undefined), 'the children to be gone');
    });
  }

  await t.test('a command that ignores TERM is killed with its children, and its runner goes on', async () => {
    const file = path.join(spool.tmp, 'pids-command');
    dropFile(spool, 'p5-now-command.json', { class: 'Shell', method: 'hang', params: [file] });
    const pids = await waitFor(() => (pidsIn(file).length === 2 ? pidsIn(file) : undefined), 'the command and its child');
    const runner = jobStatus(spool, 'command')?.runner;
    touch(spool, 'command');
    assert.equal((await waitForJob(spool, 'command', { timeout: '30s' })).state, 'cancelled');
    await waitFor(() => pids.every((pid) => platform.processStart(pid) === undefined), 'the command and its child to be gone');
    assert.ok(fs.existsSync(spool.holder(runner as string)), 'the runner still holds its slot');
  });

  await t.test('a timeout stops a job in the same way, and it is retried', async () => {
    drop('late', 'politeSleep', [60_000, path.join(spool.tmp, 'late')], { timeout: '200ms', retries: 1, retryDelay: '20ms' });
    const status = await waitForJob(spool, 'late', { timeout: '30s' });
    assert.equal(status.state, 'failed');
    assert.deepEqual(
      status.attempts.map(({ outcome }) => outcome),
      ['timed-out', 'timed-out'],
    );
    assert.equal(status.error?.message, 'timed out after 200ms');
  });

  await t.test('a job that blocks past its timeout is killed, and the slot runs the next job', async () => {
    drop('stuck', 'block', [60_000], { timeout: '200ms', retries: 0 });
    const status = await waitForJob(spool, 'stuck', { timeout: '30s' });
    assert.deepEqual([status.state, status.attempts.length], ['failed', 1]);
    assert.match(status.error?.message ?? '', /it did not stop when it was told to and was killed/);
    drop('next', 'noop', []);
    assert.equal((await waitForJob(spool, 'next', { timeout: '30s' })).state, 'completed');
  });

  await t.test('to cancel a finished or an unknown job changes nothing, and the log says so', async () => {
    touch(spool, 'next');
    touch(spool, 'nobody');
    await waitFor(() => fs.readdirSync(spool.cancel).length === 0, 'the markers to be dealt with');
    assert.equal(jobStatus(spool, 'next')?.state, 'completed');
    await waitFor(() => /cancel next: it is already completed; nothing was changed/.test(events()), 'the line about the finished job');
    await waitFor(() => /cancel nobody: no job of that id is known; nothing was changed/.test(events()), 'the line about the unknown job');
  });

  await t.test('the line of a killed job is on standard output too', () =>
    assert.match(service.output(), /"event":"cancelled","id":"blocking"/),
  );
});
