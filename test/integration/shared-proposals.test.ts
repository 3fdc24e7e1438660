/** What a dispatcher believes of a runner that jobs share, when its proposals and the runner's claims cross on the way. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { EventLog } from '../../jobs/event-log.ts';
import { loadAllowlist } from '../../jobs/load-allowlist.ts';
import type { Settlement } from '../../jobs/messages.ts';
import { RunnerPool } from '../../service/runner-pool.ts';
import { SharedMethods } from '../../service/shared-methods.ts';
import { DEFAULT_POLICY } from '../../spool/policy.ts';
import type { Spool } from '../../spool/spool.ts';
import type { SideBySide } from '../fixtures/side-by-side.ts';
import { afterwards } from '../support/afterwards.ts';
import { tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const ALLOWLIST = path.resolve(import.meta.dirname, '..', 'fixtures', 'side-by-side-allowlist.ts');
const nameOf = (id: string) => `p5-20261122T101500.000Z-${id}.json`;

/** One runner, and this process in the place of its dispatcher. `isClaimed` answers what the pool asks. */
async function startPool(t: TestContext, isClaimed?: (name: string) => boolean, file = ALLOWLIST) {
  const spool = tempSpool(t);
  const folder = tempFolder(t);
  const allowlist = await loadAllowlist(file);
  const methods = new SharedMethods(spool, allowlist);
  const log = new EventLog(spool);
  const settled: Settlement[] = [];
  const returned: string[] = [];
  const pool = new RunnerPool(
    spool,
    {
      dir: spool.root,
      durability: 'none',
      allowlist: file,
      dispatcher: '',
      staleMs: 30_000,
      killGraceMs: 300,
      logLevel: 'info',
      policy: DEFAULT_POLICY,
    },
    log,
    {
      onSettled: (settlement) => settled.push(settlement),
      onReturned: (names) => returned.push(...names),
      onLines: () => undefined,
      onExit: () => undefined,
      onRoom: () => undefined,
      onTook: () => undefined,
      isClaimed: (slot, name) => (isClaimed ? isClaimed(name) : fs.existsSync(spool.claimed(slot, name))),
    },
  );
  afterwards(t, async () => {
    fs.writeFileSync(path.join(folder, 'gate'), '');
    pool.finishAll();
    await waitFor(() => pool.size === 0, 'the runner to end');
    log.close();
  });
  pool.keep(1);
  await waitFor(() => pool.readyCount === 1, 'the runner to be ready', { timeoutMs: 60_000 });
  return {
    spool,
    pool,
    returned,
    settled: (id: string) => settled.some(({ name }) => name === nameOf(id)),
    begun: (id: string) => waitFor(() => fs.existsSync(path.join(folder, `began-${id}`)), `${id} to begin`),
    openGate: () => fs.writeFileSync(path.join(folder, 'gate'), ''),
    /** Puts a job where it waits. */
    plant: (id: string, kind: keyof SideBySide) =>
      fs.writeFileSync(path.join(spool.pending, nameOf(id)), JSON.stringify({ class: 'Mixed', method: 'run', params: [kind, folder] })),
    /** Proposes these; returns those that found room. */
    propose: (...ids: string[]): string[] => {
      const waiting = ids.map(nameOf);
      pool.proposeShared(ids.length, {
        take: () => waiting.shift(),
        putBack: (name) => waiting.unshift(name),
        sharingOf: (name) => methods.sharingOf(name),
        singleOut: () => [],
      });
      return ids.slice(0, ids.length - waiting.length);
    },
  };
}

const FULL = Array.from({ length: 20 }, (_, index) => `w${index}`);

test('a job in hand that somebody else takes before it is taken back keeps no place of its runner', async (t) => {
  const { spool, pool, plant, propose, begun, settled, openGate } = await startPool(t);
  for (const id of [...FULL, 'ahead', 'gone']) plant(id, 'wait');
  propose('w0');
  // One that a busy machine held up would make all of them look slow, and then none is proposed ahead.
  for (const id of Array.from({ length: 10 }, (_, index) => `quick${index}`)) {
    plant(id, 'alone');
    propose(id);
    await waitFor(() => settled(id), 'the pace of the runner to be known');
  }
  assert.deepEqual(propose(...FULL.slice(1)), FULL.slice(1));
  // All of them first: what is on its way to be claimed could be taken back too.
  for (const id of FULL) await begun(id);
  assert.deepEqual(propose('ahead', 'gone'), ['ahead', 'gone']);
  fs.rmSync(path.join(spool.pending, nameOf('gone')));
  await waitFor(() => pool.proposedCount === FULL.length, 'what did not begin to be taken back');
  openGate();
  await waitFor(() => pool.proposedCount === 0, 'all to be reported');
  plantAlone(spool);
  assert.deepEqual(propose('single'), ['single'], 'the runner is free again');
  await waitFor(() => settled('single'), 'it to run');
});

test('a runner whose job began while it was taken back is not taken for free', async (t) => {
  const { spool, pool, plant, propose, begun, settled, returned, openGate } = await startPool(t, () => false);
  plant('w0', 'wait');
  plant('w1', 'wait');
  plantAlone(spool);
  propose('w0');
  await begun('w0');
  pool.takeBackAll();
  assert.deepEqual(returned, [nameOf('w0')]);
  assert.deepEqual(propose('single'), [], 'it would be claimed and released again and again');
  assert.deepEqual(propose('w1'), ['w1'], 'its like still finds room there');
  await begun('w1');
  openGate();
  await waitFor(() => settled('w0') && settled('w1'), 'both to end');
  await waitFor(() => propose('single').length === 1, 'the runner to be free');
  await waitFor(() => settled('single'), 'it to run');
});

test('a part of a batch is in the hand of the runner that told of it, however long its job takes and whatever its file is called by now', async (t) => {
  const { spool, pool, returned } = await startPool(t, () => false, TROUBLE);
  const name = 'p5-20261122T101500.000Z-b@1-2.ndjson';
  const goOn = path.join(spool.tmp, 'go-on');
  fs.writeFileSync(path.join(spool.pending, name), `${JSON.stringify({ class: 'Trouble', method: 'until', params: [goOn] })}\n`.repeat(2));
  const waiting = [name];
  pool.propose(1, { take: () => waiting.splice(0), putBack: (one) => waiting.push(one) });
  await waitFor(() => fs.readdirSync(spool.pending).includes('p5-20261122T101500.000Z-b@2-2.ndjson'), 'its first job to be claimed');
  const began = performance.now();
  await waitFor(() => {
    pool.takeBackFromDeaf();
    return performance.now() - began > SILENT_MS;
  }, 'a runner that tells nothing to be taken for deaf');
  assert.deepEqual([returned, pool.proposedCount], [[], 1]);
  fs.writeFileSync(goOn, '');
  await waitFor(() => pool.proposedCount === 0, 'the job to end');
});

/** Longer than a pool waits for word of a claim. */
const SILENT_MS = 1_500;

const plantAlone = (spool: Spool) =>
  fs.writeFileSync(
    path.join(spool.pending, nameOf('single')),
    JSON.stringify({ class: 'SideBySide', method: 'alone', params: [spool.tmp] }),
  );
