/** A process that stands still (SIGSTOP, a debugger, a frozen container) lives and keeps what it holds; the others must go on without it. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import test, { type TestContext } from 'node:test';
import { type Holder, holderOfSlot, slots } from '../../spool/lease.ts';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { afterwards } from '../support/afterwards.ts';
import { dropFile, startService } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const drop = (spool: Spool, id: string, method = 'noop', params: unknown[] = []) =>
  dropFile(spool, `p5-now-${id}.json`, { class: 'Trouble', method, params });

const holders = (spool: Spool, kind: Holder['kind']): Holder[] =>
  slots(spool)
    .flatMap((slot) => holderOfSlot(spool, slot) ?? [])
    .filter((holder) => holder.kind === kind);

function stop(t: TestContext, pid: number): void {
  process.kill(pid, 'SIGSTOP');
  afterwards(t, () => {
    try {
      process.kill(pid, 'SIGCONT');
    } catch {
      // It has ended.
    }
  });
}

test('a job that was proposed to a runner which stands still is run by another', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  const [still] = await waitFor(() => (holders(spool, 'runner').length === 2 ? holders(spool, 'runner') : undefined), 'two runners');
  await waitFor(() => service.output().includes('dispatcher started'), 'the start');
  for (const id of ['first', 'second']) drop(spool, id);
  for (const id of ['first', 'second']) await waitForJob(spool, id, { timeout: '30s' });
  stop(t, still?.pid as number);
  // The two that are free are proposed one each, whichever stands still.
  for (const id of ['a', 'b', 'c']) drop(spool, id);
  for (const id of ['a', 'b', 'c']) assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'completed');
  process.kill(still?.pid as number, 'SIGCONT');
  drop(spool, 'd', 'sleep', [200]);
  drop(spool, 'e', 'sleep', [200]);
  const runners = await Promise.all(['d', 'e'].map(async (id) => (await waitForJob(spool, id, { timeout: '30s' })).attempts[0]?.runner));
  assert.equal(runners.length, 2);
});

test('when the dispatcher that accepts stands still, another accepts, and a duplicate is still refused when it goes on', async (t) => {
  const first = await startService(t, { allowlist: TROUBLE });
  const second = await startService(t, { allowlist: TROUBLE, dir: first.dir });
  const spool = openSpool(first.dir, { durability: 'none' });
  const file = `${spool.tmp}/go-on`;
  stop(t, first.pid);
  drop(spool, 'meanwhile', 'until', [file]);
  await waitFor(() => jobStatus(spool, 'meanwhile')?.state === 'running', 'the second dispatcher to accept', { timeoutMs: 30_000 });
  process.kill(first.pid, 'SIGCONT');
  const isLeading = () => first.output().includes('"file":"p5-now-again') || second.output().includes('"file":"p5-now-again');
  drop(spool, 'again');
  await waitFor(isLeading, 'the next job to be accepted', { timeoutMs: 30_000 });
  dropFile(spool, 'p9-now-meanwhile.json', { class: 'Trouble', method: 'noop' });
  await waitFor(() => fs.readdirSync(spool.rejected).length === 2, 'the duplicate to be rejected', { timeoutMs: 30_000 });
  fs.writeFileSync(file, '');
  assert.equal((await waitForJob(spool, 'meanwhile', { timeout: '30s' })).state, 'completed');
});
