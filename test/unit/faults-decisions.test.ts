/** What is decided of requests, hosts and settings that nobody thought of. */
import assert from 'node:assert/strict';
import os from 'node:os';
import { test } from 'node:test';
import { loadAllowlist } from '../../jobs/load-allowlist.ts';
import { type Environment, readConfig } from '../../service/config.ts';
import { decide } from '../../spool/decide.ts';
import type { End } from '../../spool/job.ts';
import { acquireSlot, hostName, slots } from '../../spool/lease.ts';
import type { Policy } from '../../spool/policy.ts';
import { aJob, aPolicy } from '../support/a-job.ts';
import { tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';

const HOSTS = ['_x', '-x', '.x', '__', '', 'ünïcode', '漢字', 'x_y', 'build--1', `-${'y'.repeat(80)}`, '-1.lock', 'a.out'];

for (const host of HOSTS) {
  test(`a machine that is called ${JSON.stringify(host)} finds its own slots`, async (t) => {
    t.mock.method(os, 'hostname', () => host);
    assert.match(hostName(), /^[A-Za-z0-9][A-Za-z0-9.-]*$/);
    const spool = tempSpool(t);
    const held = await acquireSlot(spool, { kind: 'runner', staleMs: 5_000, onLost: assert.ifError });
    assert.deepEqual(slots(spool), [held.slot]);
    await held.release();
    assert.deepEqual(slots(spool), []);
  });
}

test('a schema that throws refuses the request, and the sentence says whose fault it is', async () => {
  const allowlist = await loadAllowlist(TROUBLE);
  const checked = allowlist.check({ class: 'Picky', method: 'noop', params: [1] });
  assert.ok(!checked.ok);
  assert.match(checked.reason, /^Picky\.noop/);
  assert.match(checked.reason, /schema/);
  assert.match(checked.reason, /the check itself is broken/);
});

test('an attempt that timed out is not retried where noRetryOn names TimeoutError', () => {
  const late: End = { kind: 'timed-out', error: { name: 'TimeoutError', message: 'timed out after 1s' } };
  const after = (policy: Partial<Policy>) => decide(aJob(), late, aPolicy({ retries: 3, ...policy }), 0, () => 0);
  assert.deepEqual(after({ noRetryOn: ['TimeoutError'] }), {
    to: 'failed',
    outcome: 'timed-out',
    why: "TimeoutError is in the method's noRetryOn",
  });
  assert.equal(after({ noRetryOn: ['RangeError'] }).to, 'retrying');
  assert.equal(after({}).to, 'retrying');
});

const mistakes = (environment: Environment): string => {
  try {
    readConfig(environment, 2);
  } catch (error) {
    assert.equal((error as Error).name, 'ConfigError');
    return (error as Error).message;
  }
  return assert.fail('the configuration was accepted');
};

test('a server that strangers could reach is named in the same message as any other mistake', () => {
  const message = mistakes({ JOBSPOOL_HOST: '0.0.0.0', JOBSPOOL_PORT: 'x' });
  assert.match(message, /JOBSPOOL_HOST: .*is not loopback/);
  assert.match(message, /JOBSPOOL_PORT: expected/);
});

test('an interval that no timer can hold is refused, not taken for no interval at all', () => {
  assert.match(mistakes({ JOBSPOOL_SCAN: '30d' }), /JOBSPOOL_SCAN: expected .*, got "30d"/);
  assert.equal(readConfig({ JOBSPOOL_SCAN: '1m' }, 2).scanMs, 60_000);
});
