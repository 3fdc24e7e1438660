import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatRunAt, isId, jobFileName, parseJobName, parseRequestName, parseRunAt } from '../../spool/filename.ts';
import { jobNames, runAts } from '../support/a-job.ts';

const reasonFor = (name: string) => {
  const parsed = parseRequestName(name);
  assert.equal(parsed.kind, 'invalid', `${name} is ${parsed.kind}`);
  return parsed.kind === 'invalid' ? parsed.reason : '';
};

test('a job keeps its priority, run-at and id through its file name, whatever they are', () => {
  fc.assert(fc.property(jobNames, (name) => assert.deepEqual(parseJobName(jobFileName(name)), name)));
});

test('a file that was accepted once may be dropped again and means the same', () => {
  fc.assert(fc.property(jobNames, (name) => assert.deepEqual(parseRequestName(jobFileName(name)), { kind: 'request', ...name })));
});

test('no file name makes the intake throw, and every id it gives is one', () => {
  const nearly = fc
    .tuple(fc.constantFrom('p', 'p5', 'p10-now', 'P5'), fc.string(), fc.constantFrom('.json', '', '.JSON'))
    .map((parts) => parts.join('-'));
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        nearly,
        fc.string().map((stem) => `${stem}.json`),
      ),
      (name) => {
        const parsed = parseRequestName(name);
        if (parsed.kind === 'request' && parsed.id !== undefined) assert.ok(isId(parsed.id));
        parseJobName(name);
      },
    ),
  );
});

test('every form of run-at means the moment it says', () => {
  const moment = Date.UTC(2026, 10, 22, 10, 15, 0);
  assert.equal(parseRunAt('now'), 'now');
  assert.equal(parseRunAt('20261122T101500Z'), moment);
  assert.equal(parseRunAt('20261122T101500.123Z'), moment + 123);
  assert.equal(parseRunAt(String(moment / 1_000)), moment);
  assert.equal(parseRunAt(String(moment)), moment);
  fc.assert(fc.property(runAts, (ms) => assert.equal(parseRunAt(formatRunAt(ms)), ms)));
});

test('a day that no calendar has is refused, not moved to another day', () => {
  assert.equal(parseRunAt('20240229T000000Z'), Date.UTC(2024, 1, 29));
  for (const stamp of [
    '20260229T000000Z',
    '20260231T000000Z',
    '20261301T000000Z',
    '20261122T240000Z',
    '20261122T106000Z',
    '20261122T101560Z',
    '20260000T000000Z',
  ]) {
    assert.equal(parseRunAt(stamp), undefined, stamp);
  }
});

test('what is almost a run-at is none', () => {
  for (const text of [
    '',
    'NOW',
    'tomorrow',
    '20261122',
    '20261122T101500',
    '20261122T101500z',
    '20261122T101500.1Z',
    '123456789',
    '12345678901',
    '-123456789',
    '1e9',
    '２０２６１１２２T101500Z',
  ]) {
    assert.equal(parseRunAt(text), undefined, text);
  }
});

test('a name outside the grammar is a request with the defaults, its stem the id where it can be one', () => {
  const plain = { kind: 'request', priority: 5, runAt: 'now' };
  assert.deepEqual(parseRequestName('report.json'), { ...plain, id: 'report' });
  assert.deepEqual(parseRequestName('p5.json'), { ...plain, id: 'p5' });
  assert.deepEqual(parseRequestName('photo-1.json'), { ...plain, id: 'photo-1' });
  assert.deepEqual(parseRequestName('pending-x-y.json'), { ...plain, id: 'pending-x-y' });
  assert.deepEqual(parseRequestName('my report.json'), { ...plain, id: undefined });
  assert.deepEqual(parseRequestName('-x.json'), { ...plain, id: undefined });
  assert.deepEqual(parseRequestName(`${'x'.repeat(101)}.json`), { ...plain, id: undefined });
});

test('a name that begins like the grammar and breaks it is refused with what is wrong', () => {
  assert.match(reasonFor('p99-now-a.json'), /priority: expected 1 to 10, got "99"/);
  assert.match(reasonFor('p0-now-a.json'), /priority: expected 1 to 10, got "0"/);
  assert.match(reasonFor('p05-now-a.json'), /priority/);
  assert.match(reasonFor('p5-tomorrow-a.json'), /run-at: expected now, .* got "tomorrow"/);
  assert.match(reasonFor('p5-20260231T000000Z-a.json'), /run-at/);
  assert.match(reasonFor('p5-now.json'), /id: .* got none/);
  assert.match(reasonFor('p5-now-.json'), /id: .* got ""/);
  assert.match(reasonFor('p5-now-a b.json'), /id: .* got "a b"/);
  assert.match(reasonFor('p5-now--a.json'), /id/);
  assert.match(reasonFor('p5-now-a\n.json'), /id/);
});

test('a file that a producer may still be writing is not looked at', () => {
  for (const name of ['.hidden.json', 'p5-now-a.json.tmp', 'p5-now-a', 'a.JSON', '', '.json', 'a.json~']) {
    assert.deepEqual(parseRequestName(name), { kind: 'ignored' }, name);
  }
});

test('an id has 1 to 100 safe characters and begins with a letter or digit', () => {
  for (const id of ['a', '0', 'A.b_c-d', 'x'.repeat(100)]) assert.ok(isId(id), id);
  for (const id of ['', '.a', '-a', '_a', 'a/b', 'a b', 'ä', 'a\n', '..', 'x'.repeat(101)]) assert.ok(!isId(id), id);
});

test('only canonical names count as accepted jobs', () => {
  const stamp = '20261122T101500.123Z';
  assert.deepEqual(parseJobName(`p10-${stamp}-a.b-c.json`), { priority: 10, runAt: Date.UTC(2026, 10, 22, 10, 15, 0, 123), id: 'a.b-c' });
  for (const name of [
    `p11-${stamp}-a.json`,
    `p5-now-a.json`,
    `p5-20261122T101500Z-a.json`,
    `p5-20260231T101500.123Z-a.json`,
    `p5-${stamp}-a`,
    `p5-${stamp}-.json`,
    `.p5-${stamp}-a.json`,
    `p5-${stamp}-a.json\n`,
  ]) {
    assert.equal(parseJobName(name), undefined, name);
  }
});
