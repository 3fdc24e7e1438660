import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_POLICY, type PartialPolicy, resolvePolicy } from '../../spool/policy.ts';
import type { RequestPolicy } from '../../spool/request.ts';

const fields = {
  retries: fc.integer({ min: 0, max: 9 }),
  retryDelay: fc.integer({ min: 0, max: 9 }),
  backoff: fc.constantFrom('fixed' as const, 'exponential' as const),
  timeout: fc.integer({ min: 1, max: 9 }),
};
const requests = fc.record(fields, { requiredKeys: [] });
const methods = fc.record(
  { ...fields, maxDelay: fc.integer({ min: 0, max: 9 }), retryOn: fc.constant(['A']), noRetryOn: fc.constant(['B']) },
  { requiredKeys: [] },
);

test("each field of a policy is the request's, else the method's, else the service's", () => {
  fc.assert(
    fc.property(requests as fc.Arbitrary<RequestPolicy>, methods as fc.Arbitrary<PartialPolicy>, (request, method) => {
      const seconds = (value: unknown) => (value === undefined ? undefined : Number(value) * 1_000);
      assert.deepEqual(resolvePolicy(request, method, DEFAULT_POLICY), {
        retries: request.retries ?? method.retries ?? 3,
        retryDelayMs: seconds(request.retryDelay) ?? seconds(method.retryDelay) ?? 5_000,
        backoff: request.backoff ?? method.backoff ?? 'exponential',
        maxDelayMs: seconds(method.maxDelay) ?? 3_600_000,
        timeoutMs: seconds(request.timeout) ?? seconds(method.timeout) ?? 3_600_000,
        retryOn: method.retryOn,
        noRetryOn: method.noRetryOn,
      });
    }),
  );
});

test('a request that asks for no retries and no wait gets neither from anybody else', () => {
  const policy = resolvePolicy({ retries: 0, retryDelay: 0 }, { retries: 9, retryDelay: '1h' }, DEFAULT_POLICY);
  assert.equal(policy.retries, 0);
  assert.equal(policy.retryDelayMs, 0);
});
