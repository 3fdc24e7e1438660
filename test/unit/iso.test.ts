import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { iso } from '../../spool/iso.ts';

const LATEST = 8.64e15;

test('a time in a log, a ledger or a job has the text that every other program gives it', () => {
  const near = fc.double({ min: Date.UTC(2026, 10, 22), max: Date.UTC(2026, 10, 22) + 3_000, noNaN: true });
  const any = fc.double({ min: -LATEST, max: LATEST, noNaN: true });
  fc.assert(fc.property(fc.oneof(near, any), (ms) => assert.equal(iso(ms), new Date(ms).toISOString())));
  assert.throws(() => iso(Number.NaN), RangeError);
});
