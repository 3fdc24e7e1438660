import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs, JITTER } from '../../spool/backoff.ts';
import { aPolicy } from '../support/a-job.ts';

const policies = fc.record({
  retryDelayMs: fc.integer({ min: 0, max: 100_000_000 }),
  maxDelayMs: fc.integer({ min: 0, max: 100_000_000 }),
  backoff: fc.constantFrom('fixed', 'exponential'),
});
const randoms = fc.double({ min: 0, max: 1, noNaN: true });
const retries = fc.integer({ min: 1, max: 1_001 });

test('a retry never waits longer than the cap, nor comes before the delay that was asked for', () => {
  fc.assert(
    fc.property(policies, retries, randoms, (over, retry, random) => {
      const policy = aPolicy(over);
      const wait = backoffMs(policy, retry, () => random);
      assert.ok(Number.isInteger(wait) && wait <= policy.maxDelayMs);
      assert.ok(wait >= Math.min(policy.retryDelayMs, policy.maxDelayMs));
    }),
  );
});

test('exponential waits double until the cap, fixed ones stay', () => {
  const waits = (backoff: 'fixed' | 'exponential') =>
    [1, 2, 3, 4, 5].map((retry) => backoffMs(aPolicy({ backoff, retryDelayMs: 1_000, maxDelayMs: 6_000 }), retry, () => 0));
  assert.deepEqual(waits('exponential'), [1_000, 2_000, 4_000, 6_000, 6_000]);
  assert.deepEqual(waits('fixed'), [1_000, 1_000, 1_000, 1_000, 1_000]);
});

test('jitter only adds, a tenth at most', () => {
  fc.assert(
    fc.property(retries, randoms, (retry, random) => {
      const policy = aPolicy({ backoff: 'fixed', retryDelayMs: 10_000, maxDelayMs: 1_000_000 });
      const wait = backoffMs(policy, retry, () => random);
      assert.ok(wait >= 10_000 && wait <= 10_000 * (1 + JITTER));
    }),
  );
});

test('the thousandth retry still waits a finite time', () => {
  assert.equal(
    backoffMs(aPolicy({ retryDelayMs: 5_000, maxDelayMs: 60_000 }), 1_001, () => 1),
    60_000,
  );
  assert.equal(
    backoffMs(aPolicy({ retryDelayMs: 0 }), 1_001, () => 1),
    0,
  );
});
