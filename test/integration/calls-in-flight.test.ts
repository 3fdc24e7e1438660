/** A server enqueues for many of its visitors at once: their jobs share files, and nothing else. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { waitForJob } from '../../jobs/index.ts';
import { runBackgroundJob } from '../../jobs/run-background-job.ts';
import { openSpool } from '../../spool/spool.ts';
import { startService } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

test('of many calls in flight each has its own outcome: a class that is not allowed is rejected alone, and a job that fails fails alone', async (t) => {
  const { dir } = await startService(t, { allowlist: TROUBLE });
  const choice = { dir, durability: 'full' } as const;
  const spool = openSpool(dir, choice);
  fs.writeFileSync(spool.paused, '');
  const calls = Array.from({ length: 60 }, (_, number) => {
    if (number % 20 === 5) return runBackgroundJob('Forbidden', 'noop', [number], choice);
    if (number % 20 === 9) return runBackgroundJob('Trouble', 'fail', [`luck ${number}`], { ...choice, retries: 0 });
    return runBackgroundJob('Trouble', 'echo', [number], choice);
  });
  const ids = await Promise.all(calls);
  await waitFor(() => fs.readdirSync(spool.incoming).length === 0, 'all of them to be accepted');
  assert.ok(fs.readdirSync(spool.pending).length < 10, `${fs.readdirSync(spool.pending)}`);
  fs.rmSync(spool.paused);
  for (const [number, id] of ids.entries()) {
    const status = await waitForJob(id, { ...choice, timeout: '60s' });
    if (number % 20 === 5) {
      assert.equal(status.state, 'rejected');
      assert.match(status.reason ?? '', /class "Forbidden" is not on the allow-list/);
    } else if (number % 20 === 9) {
      assert.equal(status.state, 'failed');
      assert.equal(status.attempts[0]?.error?.message, `luck ${number}`);
    } else {
      assert.equal(status.state, 'completed');
      assert.deepEqual(status.result, [number]);
    }
  }
});
