/** A runner that is asked to drain finishes what it runs and goes; another takes its place. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { holderOfSlot, slots } from '../../spool/lease.ts';
import { requestDrain } from '../../spool/marker.ts';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { dropFile, startService } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const ONE_RUNNER = { allowlist: TROUBLE, env: { JOBSPOOL_RUNNERS: '1' } };
const drop = (spool: Spool, id: string, method: string, ...params: unknown[]) =>
  dropFile(spool, `p5-now-${id}.json`, { class: 'Trouble', method, params });
const slotOf = (spool: Spool, id: string) =>
  waitFor(() => (jobStatus(spool, id)?.state === 'running' ? jobStatus(spool, id)?.runner : undefined), `${id} to run`);
const runners = (spool: Spool) => slots(spool).filter((slot) => holderOfSlot(spool, slot)?.kind === 'runner');

test('a drained runner finishes its job, another one takes new jobs at once, and nothing of the old one is left', async (t) => {
  const service = await startService(t, ONE_RUNNER);
  const spool = openSpool(service.dir, { durability: 'none' });
  const goOn = path.join(spool.tmp, 'go-on');
  drop(spool, 'long', 'until', goOn);
  const old = await slotOf(spool, 'long');
  assert.equal(requestDrain(spool, old), true);
  await waitFor(() => service.output().includes(`${old} is drained`), 'the dispatcher to notice');
  drop(spool, 'next', 'noop');
  const next = await waitForJob(spool, 'next', { timeout: '30s' });
  assert.notEqual(next.runner, old);
  assert.equal(jobStatus(spool, 'long')?.state, 'running');
  fs.writeFileSync(goOn, '');
  const long = await waitForJob(spool, 'long', { timeout: '30s' });
  assert.deepEqual([long.state, long.runner, long.attempts.length], ['completed', old, 1]);
  await waitFor(() => !fs.readdirSync(spool.running).some((name) => name.startsWith(old)), 'the old slot to go, with its marker');
  assert.deepEqual(runners(spool), [next.runner]);
});

test('a runner that is blocked by its job keeps no other job waiting once it is asked to drain', async (t) => {
  const service = await startService(t, ONE_RUNNER);
  const spool = openSpool(service.dir, { durability: 'none' });
  drop(spool, 'blocking', 'block', 4_000);
  const old = await slotOf(spool, 'blocking');
  drop(spool, 'behind', 'noop');
  requestDrain(spool, old);
  const behind = await waitForJob(spool, 'behind', { timeout: '30s' });
  assert.equal(jobStatus(spool, 'blocking')?.state, 'running');
  assert.notEqual(behind.runner, old);
  assert.equal((await waitForJob(spool, 'blocking', { timeout: '30s' })).attempts.length, 1);
});

test('an idle runner that is drained is replaced, and markers of strange or dead slots do no harm', async (t) => {
  const service = await startService(t, ONE_RUNNER);
  const spool = openSpool(service.dir, { durability: 'none' });
  const [old] = await waitFor(() => (runners(spool).length === 1 ? runners(spool) : undefined), 'the runner');
  fs.writeFileSync(spool.drain('elsewhere-7'), '');
  fs.mkdirSync(path.join(spool.running, 'folder-8.drain'));
  fs.writeFileSync(spool.drain(old as string), '');
  await waitFor(() => runners(spool).length === 1 && runners(spool)[0] !== old, 'another runner in its place');
  await waitFor(() => !fs.existsSync(spool.drain('elsewhere-7')), 'the marker of nobody to be cleared away');
  drop(spool, 'after', 'noop');
  assert.equal((await waitForJob(spool, 'after', { timeout: '30s' })).state, 'completed');
  assert.equal(service.output().match(/is drained/g)?.length, 1);
});
