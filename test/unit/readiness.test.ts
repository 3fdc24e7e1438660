import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { reasonsOfDispatcher, reasonsOfSpool } from '../../service/readiness.ts';
import { acquireSlot, type Holder } from '../../spool/lease.ts';
import { Liveness } from '../../spool/liveness.ts';
import type { Spool } from '../../spool/spool.ts';
import { afterwards } from '../support/afterwards.ts';
import { tempSpool } from '../support/spool.ts';

async function hold(t: TestContext, spool: Spool, kind: Holder['kind']) {
  const lease = await acquireSlot(spool, { kind, staleMs: 5_000, onLost: () => assert.fail('the lease was lost') });
  afterwards(t, () => lease.release());
  return lease;
}

const reasons = (spool: Spool, minFreeBytes = 0) => reasonsOfSpool(spool, new Liveness(spool, 5_000), minFreeBytes);

test('a service is ready with a runner, also while it is paused, and says each reason why it is not', () => {
  assert.deepEqual(reasonsOfDispatcher({ obstacle: undefined, readyRunners: 1 }), []);
  assert.deepEqual(reasonsOfDispatcher({ obstacle: 'paused', readyRunners: 1 }), []);
  assert.deepEqual(reasonsOfDispatcher({ obstacle: undefined, readyRunners: 0 }), ['no runner is ready']);
  const startFailure = 'AllowlistError: read the allow-list list.ts: it is broken';
  assert.deepEqual(reasonsOfDispatcher({ obstacle: undefined, readyRunners: 0, startFailure }), [`no runner is ready: ${startFailure}`]);
  assert.deepEqual(reasonsOfDispatcher({ obstacle: undefined, readyRunners: 1, startFailure }), []);
  assert.deepEqual(reasonsOfDispatcher({ obstacle: 'disk-low', readyRunners: 2 }), ['the disk is nearly full (JOBSPOOL_MIN_FREE)']);
  assert.deepEqual(reasonsOfDispatcher({ obstacle: 'disk-full', readyRunners: 2 }), [
    'the disk is full: no bytes are left on it, or no files',
  ]);
  assert.deepEqual(reasonsOfDispatcher({ obstacle: 'stopping', readyRunners: 0 }), ['the service is stopping', 'no runner is ready']);
});

test('a spool that others serve is ready while a dispatcher and a runner live on it', async (t) => {
  const spool = tempSpool(t);
  assert.deepEqual(reasons(spool), ['no dispatcher runs on this spool (jobspool serve starts one)', 'no runner is alive']);
  const dispatcher = await hold(t, spool, 'dispatcher');
  assert.deepEqual(reasons(spool), ['no runner is alive']);
  await hold(t, spool, 'runner');
  assert.deepEqual(reasons(spool), []);
  spool.disk.overwrite(spool.paused, '');
  assert.deepEqual(reasons(spool), []);
  dispatcher.announceStop();
  assert.equal(reasons(spool).length, 1);
});

test('a full disk and a spool that cannot be used are reasons, and no failure of the question', async (t) => {
  const spool = tempSpool(t);
  await hold(t, spool, 'dispatcher');
  await hold(t, spool, 'runner');
  assert.deepEqual(reasons(spool, Number.MAX_SAFE_INTEGER), ['the disk is nearly full (JOBSPOOL_MIN_FREE)']);
  fs.rmdirSync(spool.incoming);
  assert.match(reasons(spool).join(), /^the spool cannot be used: ENOENT.*incoming/);
});
