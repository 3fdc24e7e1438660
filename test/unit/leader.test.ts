import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leaderOf, orphansFor } from '../../service/leader.ts';
import { type Holder, hostName } from '../../spool/lease.ts';
import { Liveness } from '../../spool/liveness.ts';
import { platform } from '../../spool/platform.ts';
import { replaceFile, type Spool } from '../../spool/spool.ts';
import { tempSpool } from '../support/spool.ts';

const STALE = 5_000;

/** Writes a holder whose process lives: this very one. `age`: the higher, the longer ago it began. */
function hold(spool: Spool, slot: string, kind: Holder['kind'], age: number, over: Partial<Holder> = {}): void {
  const holder: Holder = {
    kind,
    slot,
    host: hostName(),
    pid: process.pid,
    processStart: platform.processStart(process.pid) ?? '',
    bootId: platform.bootId(),
    pidNamespace: platform.pidNamespace(),
    since: new Date(1_000_000_000_000 - age).toISOString(),
    ...over,
  };
  replaceFile(spool, spool.holder(slot), JSON.stringify(holder));
  spool.disk.makeFolder(spool.lock(slot));
}

const beat = (spool: Spool, slot: string, ms: number) => spool.disk.setTimes(spool.lock(slot), ms);

test('a dispatcher that lives and stands still does not keep the others from accepting, and accepts again when it goes on', (t) => {
  const spool = tempSpool(t);
  hold(spool, 'host-1', 'dispatcher', 2);
  hold(spool, 'host-2', 'dispatcher', 1);
  const liveness = new Liveness(spool, STALE);
  assert.equal(leaderOf(spool, liveness, 0), 'host-1', 'the oldest accepts');
  beat(spool, 'host-2', 1_000);
  assert.equal(leaderOf(spool, liveness, STALE - 1), 'host-1', 'a late heartbeat alone says nothing');
  beat(spool, 'host-2', 2_000);
  assert.equal(leaderOf(spool, liveness, STALE + 1), 'host-2');
  beat(spool, 'host-1', 3_000);
  assert.equal(leaderOf(spool, liveness, STALE + 2), 'host-1');
});

test('where every heartbeat stands still, the oldest dispatcher accepts all the same', (t) => {
  const spool = tempSpool(t);
  hold(spool, 'host-1', 'dispatcher', 2);
  hold(spool, 'host-2', 'dispatcher', 1);
  const liveness = new Liveness(spool, STALE);
  leaderOf(spool, liveness, 0);
  assert.equal(leaderOf(spool, liveness, 10 * STALE), 'host-1');
});

test('a runner whose dispatcher died takes the room of one dispatcher, not of all', (t) => {
  const spool = tempSpool(t);
  const dispatchers = ['host-1', 'host-2', 'host-3'];
  for (const [index, slot] of dispatchers.entries()) hold(spool, slot, 'dispatcher', 100 - index);
  for (const slot of ['host-11', 'host-12', 'host-13', 'host-14']) hold(spool, slot, 'runner', 50, { dispatcher: 'host-9' });
  hold(spool, 'host-20', 'runner', 50, { dispatcher: 'host-1' });
  hold(spool, 'host-21', 'runner', 50, { dispatcher: 'host-9', host: 'elsewhere' });
  const liveness = new Liveness(spool, STALE);
  const taken = dispatchers.map((own) => orphansFor(spool, liveness, own, 0));
  assert.deepEqual(taken.flat().toSorted(), ['host-11', 'host-12', 'host-13', 'host-14'], 'each is counted once');
  assert.deepEqual(
    taken.map(({ length }) => length),
    [1, 1, 2],
    'the youngest first: it is the dead one’s successor',
  );
});

test('a dispatcher that is alone makes room for every runner that a dead one left', (t) => {
  const spool = tempSpool(t);
  hold(spool, 'host-1', 'dispatcher', 100);
  hold(spool, 'host-2', 'dispatcher', 200, { stopping: true });
  for (const slot of ['host-11', 'host-12']) hold(spool, slot, 'runner', 50, { dispatcher: 'host-9' });
  assert.equal(orphansFor(spool, new Liveness(spool, STALE), 'host-1', 0).length, 2);
});
