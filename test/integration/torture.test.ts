/** The short form of `npm run torture`: real processes, real kills, and the same verdict. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tempFolder } from '../support/spool.ts';
import { manyDispatchers } from '../torture/many-dispatchers.ts';
import { underFire } from '../torture/under-fire.ts';

const words = (problems: readonly { promise: string; what: string }[]) => problems.map(({ promise, what }) => `${promise}: ${what}`);

test('forty kills, stops and restarts lose no job, run none twice at once, and record each once', async (t) => {
  const dir = tempFolder(t, 'jobspool-torture-');
  const report = await underFire({
    dir,
    seed: 4,
    dispatchers: 3,
    runners: 2,
    durability: 'none',
    rate: 8,
    producers: 2,
    forMs: 18_000,
    kills: 40,
    drainMs: 180_000,
  });
  assert.deepEqual(words(report.verdict.problems), []);
  assert.ok(report.killed >= 40, `${report.killed} processes were killed`);
  assert.ok(report.verdict.completed > 50, `${report.verdict.completed} jobs were completed`);
  t.diagnostic(`${report.verdict.acknowledged} jobs, ${report.killed} kills, ${report.verdict.duplicates} duplicates`);
});

test('three dispatchers, two of them killed, complete each job once, in the order of priorities, and none is idle', async (t) => {
  const dir = tempFolder(t, 'jobspool-torture-');
  const options = { dispatchers: 3, runners: 2, durability: 'none' as const, rate: 0, kills: 2, timeoutMs: 180_000 };
  const report = await manyDispatchers({ dir, seed: 4, jobs: 1_200, ...options });
  assert.deepEqual(words(report.verdict.problems), []);
  assert.equal(report.verdict.completed, 1_200);
  t.diagnostic(`${report.seconds.toFixed(0)} s; at most ${report.mostPassedOver} better jobs were passed over`);
});
