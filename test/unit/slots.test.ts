import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { acquireSlot, forgetSlot, type Holder, holderOfSlot, type Lease, slots } from '../../spool/lease.ts';
import { Liveness } from '../../spool/liveness.ts';
import { clearDrain, drainRequests, isDrainRequested, requestDrain } from '../../spool/marker.ts';
import { slotViews } from '../../spool/slots.ts';
import { replaceFile, type Spool } from '../../spool/spool.ts';
import { afterwards } from '../support/afterwards.ts';
import { tempSpool } from '../support/spool.ts';

const STALE = 5_000;

async function lease(t: TestContext, spool: Spool, kind: Holder['kind'], dispatcher?: string): Promise<Lease> {
  const taken = await acquireSlot(spool, { kind, dispatcher, staleMs: STALE, onLost: () => assert.fail('the lease was lost') });
  afterwards(t, () => taken.release());
  return taken;
}

/** A slot of another machine, whose heartbeat is `ageMs` old. */
function foreign(spool: Spool, slot: string, ageMs: number): void {
  const holder = {
    kind: 'runner',
    slot,
    host: 'elsewhere',
    pid: process.pid,
    processStart: '1',
    bootId: 'b',
    pidNamespace: 'n',
    since: 's',
  };
  replaceFile(spool, spool.holder(slot), JSON.stringify(holder));
  spool.disk.makeFolder(spool.lock(slot));
  spool.disk.setTimes(spool.lock(slot), Date.now() - ageMs);
}

test('a slot says who holds it, with how much memory, and which jobs it runs', async (t) => {
  const spool = tempSpool(t);
  const dispatcher = await lease(t, spool, 'dispatcher');
  const runner = await lease(t, spool, 'runner', dispatcher.slot);
  const job = 'p5-20261122T101500.000Z-a.json';
  fs.writeFileSync(spool.claimed(runner.slot, job), '{}');
  fs.writeFileSync(spool.claimed(runner.slot, '.failed=x'), '{}');
  const [first, second] = slotViews(spool, new Liveness(spool, STALE), Date.now());
  fs.unlinkSync(spool.claimed(runner.slot, job));
  fs.unlinkSync(spool.claimed(runner.slot, '.failed=x'));
  assert.deepEqual([first?.kind, first?.slot, first?.jobs], ['dispatcher', dispatcher.slot, []]);
  const { leaseAgeMs, memoryBytes, since, host, ...rest } = second ?? assert.fail('the runner is missing');
  assert.deepEqual(rest, {
    slot: runner.slot,
    kind: 'runner',
    life: 'alive',
    pid: process.pid,
    dispatcher: dispatcher.slot,
    stopping: false,
    jobs: [job],
    draining: false,
  });
  assert.deepEqual([since, host], [holderOfSlot(spool, runner.slot)?.since, holderOfSlot(spool, runner.slot)?.host]);
  assert.ok(leaseAgeMs !== undefined && leaseAgeMs >= 0 && leaseAgeMs < 60_000, `a lease age of ${leaseAgeMs} ms`);
  if (process.platform === 'linux') assert.ok((memoryBytes ?? 0) > 10_000_000, `${memoryBytes} bytes`);
  else assert.equal(memoryBytes, undefined);
});

test('of a slot on another machine the age of its heartbeat is known, and no memory of a process here that has its pid', (t) => {
  const spool = tempSpool(t);
  foreign(spool, 'elsewhere-7', 60_000);
  const [view] = slotViews(spool, new Liveness(spool, STALE), Date.now());
  assert.equal(view?.memoryBytes, undefined);
  assert.ok((view?.leaseAgeMs ?? 0) >= 59_000 && (view?.leaseAgeMs ?? 0) < 120_000, `${view?.leaseAgeMs}`);
});

test('a slot whose holder says nothing is shown all the same', (t) => {
  const spool = tempSpool(t);
  fs.mkdirSync(spool.slot('here-1'));
  const [view] = slotViews(spool, new Liveness(spool, STALE), Date.now());
  assert.deepEqual([view?.slot, view?.kind, view?.pid, view?.leaseAgeMs], ['here-1', undefined, undefined, undefined]);
});

test('only a runner can be asked to drain, and no name leads out of the spool', async (t) => {
  const spool = tempSpool(t);
  const dispatcher = await lease(t, spool, 'dispatcher');
  const runner = await lease(t, spool, 'runner', dispatcher.slot);
  for (const slot of [dispatcher.slot, 'nobody-1', '../pending/x', '']) assert.equal(requestDrain(spool, slot), false, slot);
  assert.deepEqual(drainRequests(spool), []);
  assert.equal(requestDrain(spool, runner.slot), true);
  assert.equal(requestDrain(spool, runner.slot), true);
  assert.deepEqual(drainRequests(spool), [runner.slot]);
  assert.equal(slotViews(spool, new Liveness(spool, STALE), Date.now()).find(({ slot }) => slot === runner.slot)?.draining, true);
  assert.equal(clearDrain(spool, runner.slot), true);
  assert.equal(isDrainRequested(spool, runner.slot), false);
});

test('a drain marker goes with its slot, makes no slot of its own, and a folder of such a name is none', (t) => {
  const spool = tempSpool(t);
  foreign(spool, 'elsewhere-7', 0);
  assert.equal(requestDrain(spool, 'elsewhere-7'), true);
  forgetSlot(spool, 'elsewhere-7');
  assert.deepEqual(fs.readdirSync(spool.running), []);
  fs.writeFileSync(spool.drain('gone-8'), '');
  fs.mkdirSync(path.join(spool.running, 'folder-9.drain'));
  assert.deepEqual(slots(spool), []);
  assert.deepEqual(drainRequests(spool), ['gone-8']);
});
