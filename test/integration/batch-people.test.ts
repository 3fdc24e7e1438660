/** Batches as people and scripts meet them: every job of one is listed, shown, waited for and steered by its own id. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { flaws } from '../../spool/fsck.ts';
import { Liveness } from '../../spool/liveness.ts';
import { countByState, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { type Ran, runProgram } from '../support/program.ts';
import { dropFile, startService, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const ALLOWLIST = path.resolve(import.meta.dirname, '../fixtures/allowlist.ts');

const lines = (bodies: object[]): string => bodies.map((body) => `${JSON.stringify(body)}\n`).join('');
const trouble = (method: string, ...params: unknown[]) => ({ class: 'Trouble', method, params });

const cliOn =
  (dir: string) =>
  (...args: string[]): Promise<Ran> =>
    runProgram(dir, args);

/** Where the service accepts, and runs nothing. */
async function paused(t: TestContext): Promise<{ spool: Spool; cli: ReturnType<typeof cliOn> }> {
  const { dir } = await startService(t, { allowlist: ALLOWLIST });
  const spool = openSpool(dir, { durability: 'none' });
  fs.writeFileSync(spool.paused, '');
  return { spool, cli: cliOn(dir) };
}

function kindsOfFlaws(spool: Spool): string[] {
  return [...flaws(spool, new Liveness(spool, 5_000))].filter(({ level }) => level === 'wrong').map(({ kind, what }) => `${kind}: ${what}`);
}

test('a batch is run job by job, and each says by its own id how it ended', async (t) => {
  const { dir } = await startService(t, { allowlist: ALLOWLIST });
  const spool = openSpool(dir, { durability: 'none' });
  const cli = cliOn(dir);
  const bodies = [trouble('echo', 'one'), { ...trouble('fail', 'no luck'), retries: 0 }, trouble('echo', 'three')];
  dropFile(spool, 'p7-now-mails.ndjson', lines([...bodies, ...Array.from({ length: 20 }, () => trouble('noop'))]));
  const done = await cli('wait', 'mails.3', '--timeout', '60s');
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /^mails\.3 completed Trouble\.echo .*result \["three"\]\n$/);
  const failed = await cli('wait', 'mails.2', '--timeout', '60s');
  assert.equal(failed.code, 1);
  assert.match(failed.out, /^mails\.2 failed .*no luck/);
  await waitFor(() => jobStatus(spool, 'mails.23')?.state === 'completed', 'the last line to complete');
  assert.match((await cli('ls', 'id:mails.*', '--limit', '0')).out, /\n23 of 23\n$/);
  assert.match((await cli('retry', 'mails.2')).out, /^mails\.2 retried/);
  await waitFor(() => jobStatus(spool, 'mails.2')?.attempts.length === 2, 'its second attempt');
  await waitFor(() => countByState(spool).failed === 1, 'it to have failed again');
  assert.deepEqual(kindsOfFlaws(spool), []);
});

test('jobs that wait in a batch are listed, shown, cancelled, deleted and run now by the command line', async (t) => {
  const { spool, cli } = await paused(t);
  dropFile(spool, 'p5-20991231T000000Z-b.ndjson', lines(Array.from({ length: 12 }, (_, at) => trouble('echo', at + 1))));
  await waitFor(() => countByState(spool).scheduled === 12, 'the batch to be accepted');
  const listed = (await cli('ls', '--json')).out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    listed.map(({ id, params }) => [id, params]),
    Array.from({ length: 12 }, (_, at) => [`b.${at + 1}`, [at + 1]]),
  );
  const shown = (await cli('show', 'b.4')).out;
  assert.match(shown, /file +line 4 of \S+@1-12\.ndjson/);
  assert.match(shown, /read it +sed -n 4p /);
  assert.match((await cli('cancel', 'b.4')).out, /^b\.4 cancelled: it was scheduled\n$/);
  assert.match((await cli('rm', 'b.12')).out, /^b\.12 removed: it was scheduled\n$/);
  assert.match((await cli('retry', 'b.9')).out, /^b\.9 retried: it was scheduled/);
  assert.equal(jobStatus(spool, 'b.9')?.state, 'pending');
  assert.deepEqual((await cli('status', 'b.12')).code, 3);
  const { scheduled, pending, cancelled } = countByState(spool);
  assert.deepEqual({ scheduled, pending, cancelled }, { scheduled: 9, pending: 1, cancelled: 1 });
  fs.rmSync(spool.paused);
  await waitFor(() => jobStatus(spool, 'b.9')?.state === 'completed', 'the job that was run now');
  assert.match((await cli('cancel', 'b')).out, /^b cancellation asked for: it is a batch, all of which is meant/);
  await waitFor(() => countByState(spool).cancelled === 10, 'all that was left of it to be cancelled');
  assert.deepEqual(kindsOfFlaws(spool), []);
});

test('a batch with a bad line is one rejected file, and is handed in again as a whole', async (t) => {
  const { dir } = await startService(t, { allowlist: ALLOWLIST });
  const spool = openSpool(dir, { durability: 'none' });
  const cli = cliOn(dir);
  dropFile(spool, 'p5-now-b.ndjson', lines([trouble('noop'), { class: 'Nobody' }]));
  await waitFor(() => jobStatus(spool, 'b')?.state === 'rejected', 'the batch to be rejected');
  const waited = await cli('wait', 'b.1', '--timeout', '60s');
  assert.equal(waited.code, 1);
  assert.match(waited.out, /^b\.1 rejected .*line 2: /);
  const [name = ''] = fs.readdirSync(spool.rejected).filter((one) => one.endsWith('.ndjson'));
  fs.writeFileSync(path.join(spool.rejected, name), lines([trouble('noop'), trouble('noop')]));
  assert.match((await cli('retry', 'b.1')).err, /it is a line of the batch b, which is steered as a whole/);
  assert.match((await cli('retry', 'b')).out, /^b retried: it was rejected and is handed in again/);
  await waitFor(() => jobStatus(spool, 'b.2')?.state === 'completed', 'the mended batch to run');
});

test('the command line steers a batch also where no service runs', async (t) => {
  const spool = openSpool(path.join(tempFolder(t), 'spool'), { durability: 'none' });
  const file = `${spool.pending}/p5-20260101T000000.000Z-b@1-3.ndjson`;
  fs.writeFileSync(file, lines([trouble('noop'), trouble('noop'), trouble('noop')]));
  assert.match((await runProgram(spool.root, ['cancel', 'b.2'])).out, /^b\.2 cancelled: it was pending\n$/);
  const states = ['b.1', 'b.2', 'b.3'].map((id) => jobStatus(spool, id)?.state);
  assert.deepEqual(states, ['pending', 'cancelled', 'pending']);
  assert.deepEqual(fs.readdirSync(spool.running), []);
});
