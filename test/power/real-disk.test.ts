/** The same promises on a real ext4 that loses what was not synced, and the loss that is seen there when a sync is left out. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { Intake } from '../../spool/accept.ts';
import { claim } from '../../spool/claim.ts';
import { type Disk, disk } from '../../spool/disk.ts';
import { holderOfSlot, slots } from '../../spool/lease.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { submit } from '../../spool/submit.ts';
import { brokenPromises } from '../support/invariants.ts';
import { runProgram } from '../support/program.ts';
import { startService } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';
import { cutDisk, lacking } from './cut-disk.ts';

const noop = { class: 'Trouble', method: 'noop' };

/** What is left of a job `a` that was submitted, and of a job `b` that was completed before `a` came. */
async function leftAfterCut(t: TestContext, changed: Partial<Disk>): Promise<{ a: string | undefined; b: string | undefined }> {
  const { root, cut } = cutDisk(t);
  const dir = path.join(root, 'spool');
  await submit(openSpool(dir), [{ ...noop, id: 'b' }]);
  const spool = openSpool(dir, { disk: { ...disk, ...changed } });
  await completeAll(spool);
  await submit(spool, [{ ...noop, id: 'a' }]);
  const left = openSpool(path.join(cut(), 'spool'), { durability: 'none' });
  return { a: jobStatus(left, 'a')?.class, b: jobStatus(left, 'b')?.class };
}

async function completeAll(spool: Spool): Promise<void> {
  const slot = 'host-1';
  spool.disk.makeFolder(spool.slot(slot), true);
  const intake = new Intake(spool, { refusal: () => undefined, isLive: () => false });
  const ledger = new Ledger(spool, slot);
  for (const name of intake.names()) {
    const accepted = intake.accept(name, Date.now(), 0);
    const claimed = accepted.kind === 'accepted' ? claim(spool, slot, accepted.job.name, Date.now()) : undefined;
    if (claimed?.kind !== 'claimed') throw new Error(`expected to claim ${name}, got ${accepted.kind}, ${claimed?.kind}`);
    const span = { startedAt: Date.now(), finishedAt: Date.now(), runner: slot };
    ledger.append(ledgerLine(claimed.job, span, new Date(claimed.writtenAt).toISOString(), undefined), claimed.job.name);
  }
  await ledger.commit();
  ledger.close();
}

test('what was acknowledged is there after a power cut', async (t) => {
  const lack = lacking();
  if (lack) return t.skip(lack);
  assert.deepEqual(await leftAfterCut(t, {}), { a: 'Trouble', b: 'Trouble' });
});

test('without the sync of incoming/, an acknowledged request is lost', async (t) => {
  const lack = lacking();
  if (lack) return t.skip(lack);
  assert.equal((await leftAfterCut(t, { syncFolderLater: async () => undefined })).a, undefined);
});

test('without the sync of its file, an acknowledged request is an empty file', async (t) => {
  const lack = lacking();
  if (lack) return t.skip(lack);
  const { a } = await leftAfterCut(t, { syncFiles: async () => undefined });
  assert.equal(a, undefined);
});

test('without the sync of the ledger, a completed job is nowhere', async (t) => {
  const lack = lacking();
  if (lack) return t.skip(lack);
  const { a, b } = await leftAfterCut(t, { sync: async () => undefined });
  assert.deepEqual({ a, b }, { a: 'Trouble', b: undefined });
});

test('the power is cut while a service works: every acknowledged job has one outcome once another has drained what is left', async (t) => {
  const lack = lacking();
  if (lack) return t.skip(lack);
  const { root, cut } = cutDisk(t);
  const dir = path.join(root, 'spool');
  const service = await startService(t, { dir, allowlist: TROUBLE, env: { JOBSPOOL_DURABILITY: 'full' } });
  const spool = openSpool(dir);
  const acknowledged: string[] = [];
  const cuts: { dir: string; promised: string[] }[] = [];
  for (let round = 1; round <= CUTS; round++) {
    const target = acknowledged.length + 25 + Math.floor(Math.random() * 25);
    while (acknowledged.length < target) acknowledged.push(...(await submit(spool, someJobs(acknowledged.length))));
    const resume = await stopAll(spool, service.pid);
    try {
      cuts.push({ dir: path.join(cut(), 'spool'), promised: [...acknowledged] });
    } finally {
      resume();
    }
  }
  await service.stop('SIGKILL');
  for (const { holder } of living(spool)) process.kill(holder.pid, 'SIGKILL');
  await waitFor(() => living(spool).length === 0, 'the runners to end');
  for (const { dir: left, promised } of cuts) {
    const after = openSpool(left, { durability: 'none' });
    const isOver = (id: string) => ['completed', 'failed'].includes(jobStatus(after, id)?.state ?? '');
    // A job that the cut ended half-way is retried after a while: one drain may leave it waiting for its time.
    const drainAll = async () => {
      await drain(left);
      return promised.every(isOver);
    };
    await waitFor(drainAll, 'every acknowledged job to be over', { timeoutMs: 60_000 });
    assert.deepEqual(brokenPromises(after, promised), []);
    t.diagnostic(`${promised.length} acknowledged, ${[...completedLines(after)].length} completed, the others failed`);
  }
});

const CUTS = 3;

// Two outcomes, and batches as well as single ones.
const someJobs = (count: number) =>
  count % 4 === 0
    ? [noop, { ...noop, method: 'permanent' }, { ...noop, id: `own-${count}` }]
    : [count % 4 === 1 ? { ...noop, method: 'permanent' } : noop];

const living = (spool: Spool) =>
  slots(spool)
    .flatMap((slot) => holderOfSlot(spool, slot) ?? [])
    .filter((holder) => holder.kind === 'runner' && stateOf(holder.pid) !== undefined)
    .map((holder) => ({ holder }));

/** Stops the service and its runners wherever they are, and returns what lets them go on. A sync that is under way ends first. */
async function stopAll(spool: Spool, service: number): Promise<() => void> {
  const pids = [service, ...living(spool).map(({ holder }) => holder.pid)];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await waitFor(() => pids.every(isStopped), 'the service and its runners to be stopped');
  return () => {
    for (const pid of pids) if (stateOf(pid) !== undefined) process.kill(pid, 'SIGCONT');
  };
}

const isStopped = (pid: number): boolean =>
  stateOf(pid) === undefined || fs.readdirSync(`/proc/${pid}/task`).every((thread) => ['T', 't', undefined].includes(stateOf(pid, thread)));

/** The state of a process or one of its threads, as /proc shows it; undefined when there is none. */
function stateOf(pid: number, thread = String(pid)): string | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
    const state = stat.charAt(stat.lastIndexOf(')') + 2);
    return state === 'Z' || state === 'X' ? undefined : state;
  } catch {
    return undefined;
  }
}

async function drain(dir: string): Promise<void> {
  const { code, out, err } = await runProgram(dir, ['drain'], { JOBSPOOL_JOBS: TROUBLE, JOBSPOOL_RUNNERS: '2', JOBSPOOL_SCAN: '200ms' });
  // 1 says that jobs failed, as they should.
  assert.ok(code === 0 || code === 1, `drain ${dir}: ended with ${code}\n${out}\n${err}`);
}
