import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { type Holder, hostName } from '../../spool/lease.ts';
import { Liveness } from '../../spool/liveness.ts';
import { type Platform, platform } from '../../spool/platform.ts';
import { replaceFile, type Spool } from '../../spool/spool.ts';
import { tempSpool } from '../support/spool.ts';

const STALE = 5_000;

function hold(spool: Spool, slot: string, over: Partial<Holder> = {}): void {
  const holder: Holder = {
    kind: 'runner',
    slot,
    host: hostName(),
    pid: 7,
    processStart: '100',
    bootId: 'boot',
    pidNamespace: 'ns',
    since: new Date(0).toISOString(),
    ...over,
  };
  replaceFile(spool, spool.holder(slot), JSON.stringify(holder));
  spool.disk.makeFolder(spool.lock(slot));
}

/** This machine, on which only the processes in `running` exist. */
const machine = (running: Record<number, string>): Platform => ({
  ...platform,
  bootId: () => 'boot',
  pidNamespace: () => 'ns',
  processStart: (pid) => running[pid],
});

test('a holder on this machine lives as long as its process, however old its heartbeat', (t) => {
  const spool = tempSpool(t);
  hold(spool, 'a');
  const liveness = new Liveness(spool, STALE, machine({ 7: '100' }));
  assert.equal(liveness.of('a', 0), 'alive');
  assert.equal(liveness.of('a', 1_000_000_000), 'alive');
});

test('a holder whose pid belongs to another process now, or to none, is dead at once', (t) => {
  const spool = tempSpool(t);
  hold(spool, 'a');
  assert.equal(new Liveness(spool, STALE, machine({ 7: '101' })).of('a', 0), 'dead');
  assert.equal(new Liveness(spool, STALE, machine({})).of('a', 0), 'dead');
});

test('a pid of another boot, container or host proves nothing: only a silent heartbeat condemns it', (t) => {
  const spool = tempSpool(t);
  for (const over of [{ bootId: 'earlier' }, { pidNamespace: 'container' }, { host: 'elsewhere' }]) {
    hold(spool, 'a', over);
    const liveness = new Liveness(spool, STALE, machine({}));
    assert.equal(liveness.of('a', 0), 'alive');
    assert.equal(liveness.of('a', STALE), 'alive');
    assert.equal(liveness.of('a', STALE + 1), 'lost');
  }
});

test('a heartbeat keeps a far holder alive, also when its clock is years off', (t) => {
  const spool = tempSpool(t);
  hold(spool, 'a', { host: 'elsewhere' });
  const liveness = new Liveness(spool, STALE, machine({}));
  for (const [beat, year] of [1990, 2040, 1970, 2026].entries()) {
    const time = new Date(Date.UTC(year, 0));
    fs.utimesSync(spool.lock('a'), time, time);
    assert.equal(liveness.of('a', beat * (STALE - 1)), 'alive');
  }
  assert.equal(liveness.of('a', 3 * (STALE - 1) + STALE + 1), 'lost');
});

test('a slot that nobody says he holds is given the stale time before it is lost', (t) => {
  const spool = tempSpool(t);
  spool.disk.makeFolder(spool.lock('a'));
  replaceFile(spool, spool.holder('b'), 'not a holder');
  const liveness = new Liveness(spool, STALE, machine({}));
  for (const slot of ['a', 'b']) assert.equal(liveness.of(slot, 0), 'alive');
  for (const slot of ['a', 'b']) assert.equal(liveness.of(slot, STALE + 1), 'lost');
});

test('a slot that was gone and comes back is watched from the beginning', (t) => {
  const spool = tempSpool(t);
  hold(spool, 'a', { host: 'elsewhere' });
  const liveness = new Liveness(spool, STALE, machine({}));
  liveness.of('a', 0);
  liveness.keepOnly([]);
  assert.equal(liveness.of('a', STALE + 1), 'alive');
});
