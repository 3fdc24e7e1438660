/** What the benchmark says of a run must be what was measured: medians, spread, tables, goals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goalsOf } from '../bench/goals.ts';
import { isChosen, readOptions } from '../bench/options.ts';
import { pageOf } from '../bench/page.ts';
import type { Measurement, Report } from '../bench/report.ts';
import type { Figures } from '../bench/scenario.ts';
import { quantile, spread, summarize } from '../bench/statistics.ts';
import { asMarkdown, asText, tablesOf } from '../bench/table.ts';

test('a median is the middle of the repetitions, and one slow repetition shows in the spread', () => {
  assert.deepEqual(summarize([10, 40, 20, 30, 50]), { median: 30, min: 10, max: 50, count: 5 });
  assert.equal(summarize([1, 2, 3, 4]).median, 2.5);
  assert.equal(spread(summarize([100, 100, 50])), 0.5);
  assert.equal(spread(summarize([100])), 0);
  assert.equal(quantile([1, 2, 3, 4, 5], 0.99).toFixed(2), '4.96');
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('a table has one row for each contender, medians, the spread of its main figure, and nothing of scenarios that were not measured', () => {
  const [table, ...others] = tablesOf(
    aReport([
      measured('drain', 'jobspool', { perSecond: 20_000 }),
      measured('drain', 'jobspool', { perSecond: 30_000 }),
      measured('drain', 'uwsgi', { perSecond: 50_000 }),
    ]),
  );
  assert.equal(others.length, 0);
  assert.deepEqual(table?.rows, [
    ['', 'jobs/s', '±', 'runs', 'renames/s'],
    ['jobspool', '25,000', '20%', '2', '80,000'],
    ['uwsgi', '50,000', '0%', '1', '80,000'],
  ]);
  assert.match(asText(table), /^jobspool {2}25,000 {2}20% {5}2 {5}80,000$/m);
  assert.match(asMarkdown(table), /^\| jobspool \| 25,000 \| 20% \| 2 \| 80,000 \|$/m);
});

test('a goal is met or missed by the ratio to the best of a family, and is not measured where either side is missing', () => {
  const goals = goalsOf(
    aReport([
      measured('drain', 'jobspool', { perSecond: 20_000, cpuPer1000: 0.2 }),
      measured('drain', 'bullmq-off', { perSecond: 10_000, cpuPer1000: 0.1 }, 'bullmq'),
      measured('drain', 'bullmq-always', { perSecond: 8_000, cpuPer1000: 0.3 }, 'bullmq'),
      measured('drain', 'bee-queue', { perSecond: 25_000 }, 'bee-queue'),
      measured('idle', 'jobspool', { p50Ms: 1, p99Ms: 5 }),
      measured('boot', 'jobspool', { firstJobMs: 9_000, peakMb: 401 }),
    ]),
  );
  const verdicts = Object.fromEntries(goals.map(({ what, got, verdict }) => [what, [got, verdict]]));
  assert.deepEqual(verdicts["drain / BullMQ's best"], [2, 'met']);
  assert.deepEqual(verdicts["drain / bee-queue's best"], [0.8, 'missed']);
  assert.deepEqual(verdicts['drain / uWSGI spooler'], [undefined, 'not measured']);
  assert.deepEqual(verdicts["CPU per 1,000 no-op jobs / BullMQ's best"], [2, 'missed']);
  assert.deepEqual(verdicts['idle latency p99 / our p50'], [5, 'missed']);
  assert.deepEqual(verdicts['boot with many pending: seconds to the first job'], [9, 'met']);
  assert.deepEqual(verdicts['boot with many pending: MB'], [401, 'missed']);
});

test('the page says when, where and with what it was measured, and what was left out', () => {
  const page = pageOf({
    ...aReport([measured('drain', 'jobspool', { perSecond: 20_000 })]),
    skipped: ['uwsgi is skipped: apt-get install it'],
    errors: ['drain: lost a job'],
  });
  for (const text of ['2026-11-22', 'a cpu × 2', 'Node 24', 'on tmpfs', '| jobspool | 20,000 |', 'uwsgi is skipped', 'lost a job']) {
    assert.ok(page.includes(text), `the page has no "${text}"`);
  }
});

test('scenarios and contenders are chosen by name or by how they begin, and a wrong number is refused', () => {
  assert.deepEqual(readOptions(['--scenario', 'drain,flow*', '--contender', 'uwsgi', '--reps', '2']).scenarios, ['drain', 'flow*']);
  assert.equal(isChosen('flow-full', ['drain', 'flow*']), true);
  assert.equal(isChosen('drain-20kb', ['drain', 'flow*']), false);
  assert.equal(isChosen('anything', undefined), true);
  assert.equal(readOptions(['--quick']).reps, 3);
  assert.throws(() => readOptions(['--jobs', 'many']), /--jobs: expected a whole number from 1, got "many"/);
});

const measured = (scenario: string, contender: string, figures: Figures, family = 'jobspool'): Measurement => ({
  scenario,
  contender,
  family,
  rep: 0,
  figures,
  renames: 80_000,
});

const aReport = (measurements: Measurement[]): Report => ({
  made: '2026-11-22T10:00:00.000Z',
  machine: { cpu: 'a cpu', cores: 2, memoryGb: 24, kernel: '6.1', node: '24.21.0' },
  disk: 'tmpfs',
  command: 'npm run bench --',
  contenders: [{ name: 'jobspool', settings: 'as it comes', version: '1' }],
  scenarios: ['drain', 'idle', 'boot', 'flow'].map((name) => ({ name, title: name, main: 'perSecond', jobs: 10 })),
  measurements,
  skipped: [],
  errors: [],
});
