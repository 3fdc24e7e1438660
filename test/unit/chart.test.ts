import assert from 'node:assert/strict';
import test from 'node:test';
import type { Bucket } from '../../spool/catalog.ts';
import { barsOf, throughputChart } from '../../ui/views/chart.ts';
import { byteSize, counted, figure, share } from '../../ui/views/figures.ts';

const buckets = (...all: [completed: number, failed: number][]): Bucket[] =>
  all.map(([completed, failed], at) => ({ from: at * 60_000, completed, failed }));

const chartOf = (all: Bucket[]): string => String(throughputChart({ id: 'hour', title: 'Jobs per minute', unit: 'minute', buckets: all }));

test('the largest bar takes the whole height and every other one its share', () => {
  const [small, large] = barsOf(buckets([30, 0], [40, 20]));
  assert.deepEqual(
    [large?.failed, large?.completed],
    [
      { y: 0, height: 40 },
      { y: 40, height: 80 },
    ],
  );
  assert.deepEqual([small?.failed.height, small?.completed], [0, { y: 60, height: 60 }]);
});

test('one failure is seen beside thousands that completed, and no bar leaves the chart', () => {
  for (const bar of barsOf(buckets([5_000, 1], [1, 5_000], [0, 1], [1, 0], [0, 0]))) {
    assert.equal(bar.failed.height > 0, bar.bucket.failed > 0);
    assert.equal(bar.completed.height > 0, bar.bucket.completed > 0);
    assert.ok(bar.failed.y >= 0, `${bar.failed.y}`);
    assert.equal(bar.completed.y + bar.completed.height, 120);
  }
});

test('a time without jobs has no bar', () => {
  assert.deepEqual(
    barsOf(buckets([0, 0], [1, 0], [0, 0])).map(({ at }) => at),
    [1],
  );
});

test('whoever does not see the bars hears what they say, and can read every figure', () => {
  const text = chartOf(buckets([1_200, 3], [0, 0], [5, 0]));
  assert.match(text, /<svg class="chart" role="img" aria-labelledby="hour-title hour-desc"/);
  assert.match(text, /<title id="hour-title">Jobs per minute<\/title>/);
  assert.match(text, /In the last 3 minutes: 1,205 completed, 3 failed\. Most in one minute: 1,203, 2 minutes ago\./);
  assert.match(text, /<dt>this minute<\/dt><dd>5 completed, 0 failed<\/dd><dt>2 minutes ago<\/dt><dd>1,200 completed, 3 failed<\/dd>/);
  assert.match(text, /No job ended in any other minute\./);
});

test('an hour without jobs is said and not drawn', () => {
  const text = chartOf(buckets([0, 0], [0, 0]));
  assert.match(text, /No job ended in the last 2 minutes\./);
  assert.doesNotMatch(text, /<svg/);
});

test('a chart of sixty full bars stays small', () => {
  const text = chartOf(buckets(...Array.from({ length: 60 }, (_, at): [number, number] => [1_000 + at, at])));
  assert.ok(text.length < 20_000, `${text.length} characters`);
  assert.doesNotMatch(text, /style=/);
});

test('numbers read as people write them', () => {
  assert.deepEqual([figure(0), figure(1_204), counted(1, 'job'), counted(1_204, 'job')], ['0', '1,204', '1 job', '1,204 jobs']);
  const sizes = [0, 512, 1_024, 1_536, 10_200, 1_048_576, 50 * 1_048_576, 79 * 1_073_741_824];
  assert.deepEqual(sizes.map(byteSize), ['0 B', '512 B', '1.0 KiB', '1.5 KiB', '10 KiB', '1.0 MiB', '50 MiB', '79 GiB']);
});

test('99.99% is not said to be all', () => {
  assert.deepEqual([share(10, 10), share(99_999, 100_000), share(1, 3), share(0, 0)], ['100%', '99.9%', '33.3%', undefined]);
});
