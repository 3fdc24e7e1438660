import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  batchFileName,
  isPartName,
  MAX_BATCH_LINES,
  memberId,
  memberName,
  parseBatchName,
  parseBatchRequestName,
  parseMemberId,
} from '../../spool/batch-name.ts';
import { idsInParts, lineIn, linesByPart, partsOf, partWith } from '../../spool/batch-place.ts';
import { parseJobName } from '../../spool/filename.ts';
import { compareDue, compareJobs, runAtOf } from '../../spool/order.ts';
import { ids, jobNames, runAts } from '../support/a-job.ts';

const lines = fc
  .tuple(fc.integer({ min: 1, max: MAX_BATCH_LINES }), fc.integer({ min: 1, max: MAX_BATCH_LINES }))
  .map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const batches = fc
  .tuple(fc.integer({ min: 1, max: 10 }), runAts, ids, lines)
  .map(([priority, runAt, id, range]) => ({ priority, runAt, id, ...range }));

test('the name of a part says what it was made of, and is no name of a job', () => {
  fc.assert(
    fc.property(batches, (batch) => {
      const name = batchFileName(batch);
      assert.deepEqual(parseBatchName(name), batch);
      assert.ok(isPartName(name));
      assert.equal(parseJobName(name), undefined);
    }),
  );
});

test('a job of a batch is found by its id, and none outside the part', () => {
  fc.assert(
    fc.property(batches, fc.integer({ min: 1, max: MAX_BATCH_LINES }), (batch, line) => {
      const id = memberId(batch.id, line);
      assert.deepEqual(parseMemberId(id), { id: batch.id, line });
      assert.equal(parseJobName(memberName(batch, line))?.id, id);
      assert.equal(lineIn(batch, id), line >= batch.from && line <= batch.to ? line : undefined);
    }),
  );
});

for (const name of ['b@0-1', 'b@2-1', 'b@1-10001', 'b@01-2', 'b@1', '@1-2', 'b@1-2.json']) {
  test(`no part has the name "${name}"`, () => {
    assert.equal(parseBatchName(`p5-20261122T101500.000Z-${name}.ndjson`), undefined);
  });
}

test('a dropped batch has the priority, run-at and id of its name, or the defaults', () => {
  const at = Date.UTC(2026, 10, 22, 10, 15);
  assert.deepEqual(parseBatchRequestName('p8-20261122T101500Z-many.ndjson'), { kind: 'request', priority: 8, runAt: at, id: 'many' });
  assert.deepEqual(parseBatchRequestName('export.ndjson'), { kind: 'request', priority: 5, runAt: 'now', id: 'export' });
  assert.deepEqual(parseBatchRequestName('two words.ndjson'), { kind: 'request', priority: 5, runAt: 'now', id: undefined });
  assert.deepEqual(parseBatchRequestName('p5-20261122T101500.000Z-many@7-9.ndjson'), {
    kind: 'request',
    priority: 5,
    runAt: at,
    id: 'many',
    lines: { from: 7, to: 9 },
  });
  for (const name of ['p99-now-a.ndjson', 'p5-tomorrow-a.ndjson', 'p5-now-a@1-2.ndjson', `p5-now-${'a'.repeat(95)}.ndjson`])
    assert.equal(parseBatchRequestName(name).kind, 'invalid', name);
  for (const name of ['.p5-now-a.ndjson', 'p5-now-a.json', 'notes.txt']) assert.equal(parseBatchRequestName(name).kind, 'ignored', name);
});

const names = fc.oneof(
  batches.map((batch) => ({ ...batch, name: batchFileName(batch), isPart: true })),
  jobNames.map((job) => ({ ...job, from: 0, to: 0, name: memberless(job), isPart: false })),
);
const memberless = (job: { priority: number; runAt: number; id: string }): string => memberName({ ...job }, 1);

test('parts and single jobs have one order, whatever their ids', () => {
  fc.assert(
    fc.property(names, names, names, ({ name: a }, { name: b }, { name: c }) => {
      for (const compare of [compareJobs, compareDue]) {
        assert.equal(Math.sign(compare(a, b)), -Math.sign(compare(b, a)));
        assert.equal(compare(a, b) === 0, a === b);
        if (compare(a, b) < 0 && compare(b, c) < 0) assert.ok(compare(a, c) < 0, `${a} ${b} ${c}`);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('of two parts of a batch the one with the earlier lines comes first, and the run-at is read from it', () => {
  const part = (from: number, to: number) => batchFileName({ priority: 5, runAt: Date.UTC(2026, 10, 22), id: 'b', from, to });
  assert.ok(compareJobs(part(2, 10), part(100, 200)) < 0);
  assert.ok(compareJobs(part(9_999, 10_000), part(10, 20)) > 0);
  assert.equal(runAtOf(part(1, 2)), Date.UTC(2026, 10, 22));
});

const part = (from: number, to: number, bound = '') => `${bound}${batchFileName({ priority: 5, runAt: 0, id: 'b', from, to })}`;
const single = (line: number, bound = '') => `${bound}${memberName({ priority: 5, runAt: 5_000, id: 'b' }, line)}`;

test('in a slot a line belongs to what is on its way before what is held, and to the smaller of two', () => {
  const table: [string[], Record<string, string>][] = [
    [[part(1, 10)], { [part(1, 10)]: '1-10' }],
    [[part(1, 10), part(4, 10, '.pending=')], { [part(1, 10)]: '1-3', [part(4, 10, '.pending=')]: '4-10' }],
    [[part(1, 10), single(5, '.retrying=')], { [part(1, 10)]: '1-4 6-10' }],
    [[part(1, 10), single(5)], { [part(1, 10)]: '1-4 6-10' }],
    [[part(1, 10), part(1, 4), single(5, '.failed=')], { [part(1, 10)]: '6-10', [part(1, 4)]: '1-4' }],
    [[part(1, 1), single(1, '.cancelled=')], { [part(1, 1)]: '' }],
    [[part(1, 10), memberName({ priority: 5, runAt: 0, id: 'other' }, 5)], { [part(1, 10)]: '1-10' }],
  ];
  for (const [files, expected] of table) {
    const found = [...linesByPart(files)].map(([name, ranges]) => [name, ranges.map(({ from, to }) => `${from}-${to}`).join(' ')]);
    assert.deepEqual(Object.fromEntries(found), expected, files.join(' and '));
  }
});

test('however the files of a slot overlap, no line is lost and none belongs to two parts', () => {
  const file = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), fc.constantFrom('', '.pending='));
  fc.assert(
    fc.property(fc.array(file, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 3 }), (parts, singles) => {
      const files = [...parts.map(([a, b, bound]) => part(Math.min(a, b), Math.max(a, b), bound)), ...singles.map((line) => single(line))];
      const found = [...idsInParts([...new Set(files)])];
      assert.equal(new Set(found).size, found.length);
      const named = new Set(parts.flatMap(([a, b]) => range(Math.min(a, b), Math.max(a, b))));
      for (const line of named) assert.ok(singles.includes(line) || found.includes(`b.${line}`), `line ${line} of ${files.join(' and ')}`);
    }),
  );
});

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

test('the part that has a job is found among the names of a folder', () => {
  const folder = [part(1, 64), part(65, 10_000), single(3), 'notes.txt'];
  assert.equal(partWith(folder, 'b.64')?.name, part(1, 64));
  assert.equal(partWith(folder, 'b.65')?.line, 65);
  assert.equal(partWith(folder, 'c.65'), undefined);
  assert.equal(partWith(folder, 'b'), undefined);
  assert.deepEqual(
    partsOf(folder, 'b').map(({ name }) => name),
    folder.slice(0, 2),
  );
});
