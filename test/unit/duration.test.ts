import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { durationMs, formatDuration, parseDuration } from '../../spool/duration.ts';

test('a duration means what its unit says, and a bare number is seconds', () => {
  const cases: [string | number, number][] = [
    ['500ms', 500],
    ['5s', 5_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['1.5s', 1_500],
    ['30', 30_000],
    [30, 30_000],
    [0.25, 250],
    [0, 0],
    [' 5s ', 5_000],
  ];
  for (const [written, ms] of cases) assert.equal(durationMs(written), ms, String(written));
});

test('what is almost a duration is none', () => {
  for (const value of [
    '',
    's',
    '-5s',
    '5 s',
    '5S',
    '5sec',
    '1h30m',
    '.5s',
    '5.s',
    '1e3',
    'Infinity',
    -1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    undefined,
    true,
    [],
    {},
  ]) {
    assert.equal(durationMs(value), undefined, String(value));
  }
});

test('a wrong duration is refused by the name of its field', () => {
  assert.throws(() => parseDuration('soon', 'delay'), {
    name: 'SpoolError',
    code: 'INVALID_DURATION',
    message: /^delay: expected .* got "soon"$/,
  });
});

test('no value makes the reading of a duration throw or give a negative or fractional time', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      const ms = durationMs(value);
      assert.ok(ms === undefined || (ms >= 0 && Number.isInteger(ms)) || ms === Number.POSITIVE_INFINITY);
    }),
  );
});

test('people read durations in two units at most', () => {
  const cases: [number, string][] = [
    [0, '0ms'],
    [999, '999ms'],
    [1_500, '1.5s'],
    [5_000, '5s'],
    [42_000, '42s'],
    [90_000, '1m 30s'],
    [3_600_000, '1h'],
    [7_500_000, '2h 5m'],
    [90_000_000, '1d 1h'],
  ];
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text);
});

test('a duration that people read never shows sixty seconds or minutes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 200_000_000 }), (ms) => assert.doesNotMatch(formatDuration(ms), /\b60(s|m)\b|\b24h\b|1000ms/)),
  );
});
