import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { loadAllowlist } from '../../jobs/load-allowlist.ts';
import { runBackgroundJobs } from '../../jobs/run-background-job.ts';
import { readConfig } from '../../service/config.ts';
import { Dispatcher } from '../../service/dispatcher.ts';
import { disk } from '../../spool/disk.ts';
import { formatRunAt } from '../../spool/filename.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { afterwards } from '../support/afterwards.ts';
import { plant } from '../support/plant.ts';
import { dropFile, startService, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const linesOf = (file: string) => (fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trimEnd().split('\n') : []);

test('two thousand waiting jobs start by priority, then run-at, then id, exactly', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_RUNNERS: '1' } });
  const spool = openSpool(service.dir, { durability: 'none' });
  fs.writeFileSync(spool.paused, '');
  const file = path.join(spool.tmp, 'started');
  const past = Date.now() - 100_000;
  const jobs = Array.from({ length: 2_000 }, (_, index) => ({
    priority: 1 + ((index * 7) % 10),
    runAt: past + ((index * 13) % 50) * 1_000,
    id: `j${(index * 7_919) % 2_000}`,
  }));
  for (const { priority, runAt, id } of jobs) {
    dropFile(spool, `p${priority}-${formatRunAt(runAt)}-${id}.json`, { class: 'Trouble', method: 'note', params: [file, id] });
  }
  await waitFor(() => fs.readdirSync(spool.pending).length === jobs.length, 'all to be accepted');
  fs.rmSync(spool.paused);
  await waitFor(() => linesOf(file).length === jobs.length, 'all to run', { timeoutMs: 30_000 });
  const expected = jobs.toSorted((a, b) => b.priority - a.priority || a.runAt - b.runAt || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
  assert.deepEqual(linesOf(file), expected);
});

test('a batch given in any order runs highest priority first, and in the order given within one', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_RUNNERS: '1' } });
  const spool = openSpool(service.dir, { durability: 'none' });
  const file = path.join(spool.tmp, 'started');
  const batch = [9, 1, 5, 1, 10, 5].map((priority, index) => ({
    class: 'Trouble',
    method: 'note',
    params: [file, `${priority}-${index}`],
    priority,
  }));
  await runBackgroundJobs(batch, { dir: spool.root });
  await waitFor(() => linesOf(file).length === batch.length, 'all to run');
  assert.deepEqual(linesOf(file), ['10-4', '9-0', '5-2', '5-5', '1-1', '1-3']);
});

test('a job that comes while all is paused does not wait behind a running one when another runner is free', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  const goOn = path.join(spool.tmp, 'go-on');
  dropFile(spool, 'p5-now-long.json', { class: 'Trouble', method: 'until', params: [goOn] });
  await waitFor(() => jobStatus(spool, 'long')?.state === 'running', 'the long job to run');
  fs.writeFileSync(spool.paused, '');
  await waitFor(() => service.output().includes('paused: nothing new is claimed'), 'the pause');
  dropFile(spool, 'p9-now-better.json', { class: 'Trouble', method: 'noop' });
  await waitFor(() => fs.readdirSync(spool.pending).length === 1, 'the better job to be accepted');
  fs.rmSync(spool.paused);
  assert.equal((await waitForJob(spool, 'better', { timeout: '30s' })).state, 'completed');
  assert.equal(jobStatus(spool, 'long')?.state, 'running');
  fs.writeFileSync(goOn, '');
  assert.equal((await waitForJob(spool, 'long', { timeout: '30s' })).state, 'completed');
});

test('a job never starts before its run-at, and soon after it: most within 100 ms, and none only at the next scan', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_SCAN: '60s' } });
  const spool = openSpool(service.dir, { durability: 'none' });
  dropFile(spool, 'p5-now-warm-1.json', { class: 'Trouble', method: 'noop' });
  dropFile(spool, 'p5-now-warm-2.json', { class: 'Trouble', method: 'noop' });
  await waitFor(() => [...completedLines(spool)].length === 2, 'the runners to be warm');
  // A machine that is busy with other tests now and then lets them wait for longer: not three times in a row.
  const rounds: number[][] = [];
  for (let round = 0; round < 3 && !rounds.some(isSoon); round++) {
    const late = await latenessOf(spool, round);
    assert.ok((late[0] as number) >= 0, `none starts too early: ${late.join(' ')} ms`);
    rounds.push(late);
  }
  assert.ok(rounds.some(isSoon), `most start within 100 ms: ${rounds.map((late) => late.join(' ')).join('; ')}`);
});

const isSoon = (late: readonly number[]): boolean => (late[14] as number) <= 100;

/** How many milliseconds after their run-at twenty jobs start, in ascending order. */
async function latenessOf(spool: Spool, round: number): Promise<number[]> {
  const began = Date.now();
  const runAts = Array.from({ length: 20 }, (_, index) => began + 500 + index * 83);
  for (const [index, runAt] of runAts.entries()) {
    dropFile(spool, `p5-${formatRunAt(runAt)}-at-${round}-${index}.json`, { class: 'Trouble', method: 'noop' });
  }
  const timed = () => [...completedLines(spool)].filter(({ id }) => id.startsWith(`at-${round}-`));
  await waitFor(() => timed().length === 20, 'all to run');
  return timed()
    .map(({ id, startedAt }) => Date.parse(startedAt) - (runAts[Number(id.slice(5))] as number))
    .sort((a, b) => a - b);
}

test('with file events off, jobs still start within the scan interval', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE, env: { JOBSPOOL_WATCH: 'poll', JOBSPOOL_SCAN: '300ms' } });
  const spool = openSpool(service.dir, { durability: 'none' });
  dropFile(spool, 'p5-now-polled.json', { class: 'Trouble', method: 'noop' });
  await waitFor(() => [...completedLines(spool)].length === 1, 'the job to run', { timeoutMs: 3_000 });
});

test('no job starts before all that wait are known, however long it takes to list them', async (t) => {
  // The best comes last, when the runner has been ready for a while.
  async function* namesOf(folder: string) {
    for await (const names of disk.namesOf(folder))
      for (const name of names.toSorted()) {
        yield [name];
        await waitFor(() => dispatcher.readyRunners === 1, 'the runner to be ready');
      }
  }
  const spool = tempSpool(t, { disk: { ...disk, namesOf } });
  const file = path.join(spool.tmp, 'started');
  for (const priority of [1, 5, 9])
    plant(spool, 'pending', { id: `p${priority}`, priority, class: 'Trouble', method: 'note', params: [file, `p${priority}`] });
  const config = readConfig({ JOBSPOOL_DIR: spool.root, JOBSPOOL_RUNNERS: '1', JOBSPOOL_WATCH: 'poll' }, 1);
  const dispatcher = new Dispatcher({ spool, config, allowlist: await loadAllowlist(TROUBLE), onLines: () => undefined });
  afterwards(t, () => dispatcher.stop(Promise.resolve()));
  await dispatcher.start();
  await waitFor(() => linesOf(file).length === 3, 'all to run');
  assert.deepEqual(linesOf(file), ['p9', 'p5', 'p1']);
});
