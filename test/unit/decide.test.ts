import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CRASH_DELAY_MS, decide, MAX_CRASHES } from '../../spool/decide.ts';
import type { End } from '../../spool/job.ts';
import type { Policy } from '../../spool/policy.ts';
import type { Request } from '../../spool/request.ts';
import { aJob, aPolicy } from '../support/a-job.ts';

const NOW = Date.UTC(2026, 10, 22);
const error = { name: 'TypeError', message: 'no' };
const failed = (over: Partial<End & { kind: 'failed' }> = {}): End => ({
  kind: 'failed',
  error,
  permanent: false,
  names: ['TypeError', 'Error'],
  ...over,
});
const after = (end: End, request: Partial<Request> = {}, policy: Partial<Policy> = {}) =>
  decide(aJob({ request }), end, aPolicy({ backoff: 'fixed', ...policy }), NOW, () => 0);

test('a job that completed is recorded with its result, and one without a result has none', () => {
  assert.deepEqual(after({ kind: 'completed', result: null }), { to: 'completed', outcome: 'completed', result: null });
  assert.deepEqual(after({ kind: 'completed' }), { to: 'completed', outcome: 'completed' });
});

test('a failed attempt is retried as often as the policy says, and then the job fails', () => {
  assert.deepEqual(after(failed(), { spent: 0 }, { retries: 2 }), {
    to: 'retrying',
    outcome: 'failed',
    runAt: NOW + 5_000,
    crashed: false,
  });
  assert.equal(after(failed(), { spent: 1 }, { retries: 2 }).to, 'retrying');
  assert.deepEqual(after(failed(), { spent: 2 }, { retries: 2 }), { to: 'failed', outcome: 'failed', why: 'its 2 retries are spent' });
  assert.deepEqual(after(failed(), {}, { retries: 0 }), { to: 'failed', outcome: 'failed', why: 'it has no retries' });
});

test('attempts before a manual retry do not count against its budget', () => {
  const attempt = {
    number: 1,
    outcome: 'failed' as const,
    startedAt: '2026-11-22T00:00:00.000Z',
    finishedAt: '2026-11-22T00:00:00.000Z',
    runner: 'r',
  };
  assert.equal(after(failed(), { attempts: [attempt, attempt, attempt, attempt] }, { retries: 1 }).to, 'retrying');
});

test('waits grow with the attempts that were spent', () => {
  const move = after(failed(), { spent: 2 }, { retries: 9, backoff: 'exponential' });
  assert.deepEqual(move, { to: 'retrying', outcome: 'failed', runAt: NOW + 20_000, crashed: false });
});

test('an attempt that took too long is retried like one that failed, and the lists know it as a TimeoutError', () => {
  const late: End = { kind: 'timed-out', error: { name: 'TimeoutError', message: 'timed out after 5s' } };
  assert.equal(after(late, {}, { retryOn: ['TimeoutError'], noRetryOn: ['TypeError'] }).to, 'retrying');
  assert.equal(after(late, {}, { retryOn: ['Other'] }).to, 'failed');
  assert.equal(after(late, {}, { noRetryOn: ['TimeoutError'] }).to, 'failed');
  assert.deepEqual(after(late, { spent: 3 }), { to: 'failed', outcome: 'timed-out', why: 'its 3 retries are spent' });
});

test('a permanent failure is not retried', () => {
  assert.deepEqual(after(failed({ permanent: true })), { to: 'failed', outcome: 'failed', why: 'the failure is permanent' });
});

test('errors in noRetryOn are not retried, nor those that a retryOn leaves out', () => {
  assert.deepEqual(after(failed(), {}, { noRetryOn: ['Error'] }), {
    to: 'failed',
    outcome: 'failed',
    why: "Error is in the method's noRetryOn",
  });
  assert.deepEqual(after(failed(), {}, { retryOn: ['RangeError'] }), {
    to: 'failed',
    outcome: 'failed',
    why: "TypeError is not in the method's retryOn",
  });
  assert.equal(after(failed(), {}, { retryOn: ['Error'] }).to, 'retrying');
  assert.equal(after(failed(), {}, { retryOn: ['Error'], noRetryOn: ['TypeError'] }).to, 'failed');
  assert.equal(after(failed(), {}, { retryOn: [] }).to, 'failed');
});

test('a crash is retried soon, and three of them end the job', () => {
  const crashed: End = { kind: 'crashed', error };
  assert.deepEqual(after(crashed), { to: 'retrying', outcome: 'crashed', runAt: NOW + CRASH_DELAY_MS, crashed: true });
  assert.equal(after(crashed, { crashes: 1, spent: 1 }, { retries: 9 }).to, 'retrying');
  const last = after(crashed, { crashes: MAX_CRASHES - 1, spent: 2 }, { retries: 9 });
  assert.deepEqual(last, { to: 'failed', outcome: 'crashed', why: 'its runner died in 3 attempts' });
});

test('a crash of the last attempt ends the job', () => {
  assert.equal(after({ kind: 'lost', error }, { spent: 1 }, { retries: 1 }).to, 'failed');
  assert.equal(after({ kind: 'crashed', error }, {}, { retries: 0 }).to, 'failed');
});

test('cancelled, released, snoozed and refused jobs go where they belong and spend no attempt', () => {
  assert.deepEqual(after({ kind: 'cancelled' }), { to: 'cancelled', outcome: 'cancelled' });
  assert.deepEqual(after({ kind: 'released' }), { to: 'pending' });
  assert.deepEqual(after({ kind: 'snoozed', delayMs: 7 }), { to: 'pending', runAt: NOW + 7 });
  assert.deepEqual(after({ kind: 'snoozed', delayMs: undefined }), { to: 'pending', runAt: NOW + 5_000 });
  assert.deepEqual(after({ kind: 'refused', reason: 'why' }), { to: 'rejected', reason: 'why' });
});

test('no job is retried for ever: whatever goes wrong, at most 1 + retries attempts are spent', () => {
  const ends = fc.constantFrom<End>(failed(), { kind: 'timed-out', error }, { kind: 'crashed', error }, { kind: 'lost', error });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), fc.array(ends, { minLength: 10, maxLength: 10 }), (retries, sequence) => {
      let request: Partial<Request> = {};
      let attempts = 0;
      for (const end of sequence) {
        attempts += 1;
        const move = after(end, request, { retries });
        if (move.to === 'failed') break;
        assert.equal(move.to, 'retrying');
        const crashed = move.to === 'retrying' && move.crashed;
        request = { spent: (request.spent ?? 0) + 1, crashes: (request.crashes ?? 0) + (crashed ? 1 : 0) };
      }
      assert.ok(attempts <= 1 + retries, `${attempts} attempts with ${retries} retries`);
    }),
  );
});
