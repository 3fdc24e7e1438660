import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Catalog } from '../../spool/catalog.ts';
import { type Disk, disk } from '../../spool/disk.ts';
import { type Filter, parseFilter } from '../../spool/filter.ts';
import { jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { cancel } from '../../spool/steer.ts';
import { putFailed, putFile, putLine, putRejected, putRunning } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const NOW = Date.now();
const HOUR = 3_600_000;

test('a job is found in every state, with its place, as the files have it', async (t) => {
  const spool = tempSpool(t);
  putFile(spool, 'pending', { id: 'pending', runAt: NOW - 1_000 });
  putFile(spool, 'pending', { id: 'scheduled', runAt: NOW + HOUR });
  putFile(spool, 'retrying', { id: 'retrying', runAt: NOW + HOUR });
  putRunning(spool, 'host-1', { id: 'running' });
  putFailed(spool, 'failed', NOW - 1_000);
  putFile(spool, 'cancelled', { id: 'cancelled' });
  putLine(spool, 'completed', NOW - 1_000);
  putRejected(spool, 'rejected.json', NOW - 1_000);
  dropFile(spool, 'dropped.json', { class: 'Example' });
  const catalog = new Catalog(spool);
  for (const id of ['pending', 'scheduled', 'retrying', 'running', 'failed', 'cancelled', 'completed', 'rejected', 'dropped']) {
    const match = await catalog.find(id, NOW);
    assert.deepEqual(match?.job, jobStatus(spool, id, NOW), id);
    assert.equal(match?.job.state, id === 'dropped' ? 'pending' : id);
    assert.equal(match?.place !== undefined && fs.existsSync(match.place.file), id !== 'completed', id);
  }
  for (const id of ['unknown', '', '.', '..', 'pend', '-pending', 'pending.json', '*', '__proto__', 'a/../b'])
    assert.equal(await catalog.find(id, NOW), undefined, id);
});

test('a job that moves between the look and the reading is found where it went', async (t) => {
  const moves: (() => void)[] = [];
  // Moves the job in the very moment in which its file is asked for.
  const moving: Disk = {
    ...disk,
    facts: (file) => {
      if (file.includes('-moves.json')) moves.shift()?.();
      return disk.facts(file);
    },
  };
  const spool = tempSpool(t, { disk: moving });
  const pending = putFile(spool, 'pending', { id: 'moves', runAt: NOW - 1_000 });
  const catalog = new Catalog(spool);
  await catalog.refresh();
  const name = path.basename(pending);
  const claimed = spool.claimed('host-1', name);
  fs.mkdirSync(spool.slot('host-1'));
  moves.push(() => fs.renameSync(pending, claimed));
  assert.equal((await catalog.find('moves', NOW))?.job.state, 'running');
  moves.push(
    () => fs.renameSync(claimed, `${spool.retrying}/${name}`),
    () => fs.renameSync(`${spool.retrying}/${name}`, `${spool.failed}/${name}`),
  );
  assert.equal((await catalog.find('moves', NOW))?.job.state, 'failed');
  moves.push(() => {
    putLine(spool, 'moves', NOW);
    fs.unlinkSync(`${spool.failed}/${name}`);
  });
  assert.equal((await catalog.find('moves', NOW))?.job.state, 'completed');
});

test('a job that came after the last look is found all the same', async (t) => {
  const spool = tempSpool(t);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  putFile(spool, 'pending', { id: 'new', runAt: NOW - 1_000 });
  assert.equal((await catalog.find('new', NOW))?.job.state, 'pending');
  putLine(spool, 'done', NOW);
  assert.equal((await catalog.find('done', NOW))?.job.state, 'completed');
});

test('of several jobs of one id the live one counts, then the one that ended last, then a rejected request', async (t) => {
  const spool = tempSpool(t);
  putRejected(spool, 'a.json', NOW);
  const catalog = new Catalog(spool);
  const state = async () => {
    await catalog.refresh(0);
    const found = (await catalog.find('a', NOW))?.job;
    assert.deepEqual(found, jobStatus(spool, 'a', NOW));
    return found?.state;
  };
  assert.equal(await state(), 'rejected');
  putFailed(spool, 'a', NOW - 60_000);
  assert.equal(await state(), 'failed');
  putLine(spool, 'a', NOW - 120_000);
  assert.equal(await state(), 'failed');
  putLine(spool, 'a', NOW - 30_000, { class: 'Newer' });
  putLine(spool, 'a', NOW - 40_000, {}, 'host-2');
  assert.equal(await state(), 'completed');
  assert.equal((await catalog.find('a', NOW))?.job.class, 'Newer');
  putFile(spool, 'pending', { id: 'a', runAt: NOW - 1_000 });
  assert.equal(await state(), 'pending');
});

test('an id that nobody knows costs no reading of folders that did not change, and of no ledger', async (t) => {
  const calls: string[] = [];
  const counting = new Proxy(disk, {
    get(target, name, receiver) {
      const call = Reflect.get(target, name, receiver) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        calls.push(`${String(name)} ${String(args[0])}`);
        return call(...args);
      };
    },
  }) as Disk;
  const spool = tempSpool(t, { disk: counting });
  for (let n = 0; n < 20; n++) {
    putFile(spool, 'pending', { id: `p-${n}` });
    putLine(spool, `l-${n}`, NOW - n);
  }
  await pause(150);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  calls.length = 0;
  assert.equal(await catalog.find('unknown', NOW), undefined);
  assert.deepEqual(
    calls.filter((call) => /^(namesOf|inspect|readBytes|lineBlocks)/.test(call)),
    [],
  );
});

test('what matches as of a moment leaves out what came later', async (t) => {
  const spool = tempSpool(t);
  putFile(spool, 'pending', { id: 'p', runAt: NOW - 5_000 });
  putFailed(spool, 'f', NOW - 5_000);
  putLine(spool, 'l', NOW - 5_000);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  await pause(30);
  const asOf = Date.now();
  await pause(30);
  putFile(spool, 'pending', { id: 'p-later', runAt: NOW - 5_000 });
  putFailed(spool, 'f-later', Date.now());
  putLine(spool, 'l-later', Date.now());
  assert.deepEqual(await matching(catalog, '', asOf), ['f', 'l', 'p']);
  assert.deepEqual(await matching(catalog, '', Date.now() + 1_000), ['f', 'f-later', 'l', 'l-later', 'p', 'p-later']);
  assert.deepEqual(await matching(catalog, 'state:failed', asOf), ['f']);
});

test('what was scheduled at the moment and has become due since was not pending then', async (t) => {
  const spool = tempSpool(t);
  putFile(spool, 'pending', { id: 'became-due', runAt: Date.now() + 60 });
  putFile(spool, 'pending', { id: 'due', runAt: NOW - 5_000 });
  const catalog = new Catalog(spool);
  await pause(20);
  const asOf = Date.now();
  await pause(100);
  assert.deepEqual(await matching(catalog, 'state:pending', asOf), ['due']);
  assert.deepEqual(await matching(catalog, 'state:pending,scheduled', asOf), ['became-due', 'due']);
});

test('all that match are given once, though each of them is moved as it is given', async (t) => {
  const spool = tempSpool(t);
  for (let n = 0; n < 300; n++) {
    putFile(spool, 'pending', { id: `p-${n}`, runAt: NOW - n, request: { class: n % 2 ? 'A' : 'B' } });
    putLine(spool, `l-${n}`, NOW - 5_000, { class: n % 2 ? 'A' : 'B' });
  }
  const catalog = new Catalog(spool);
  await pause(20);
  const asOf = Date.now();
  await pause(20);
  const given: string[] = [];
  for await (const { job, place } of catalog.matching(filterOf('class:A'), asOf)) {
    given.push(job.id);
    if (place) assert.equal(cancel(spool, job.id, { place, only: true }).kind, 'cancelled');
    else putLine(spool, `more-${job.id}`, NOW - 6_000, { class: 'A' });
    if (given.length % 50 === 0) await catalog.refresh(0);
  }
  const odd = Array.from({ length: 150 }, (_, n) => 2 * n + 1);
  const missing = odd.flatMap((n) => [`p-${n}`, `l-${n}`]).filter((id) => !given.includes(id));
  assert.deepEqual(missing, []);
  assert.equal(new Set(given).size, given.length);
});

test('a masked secret does not make a job match', async (t) => {
  const spool: Spool = tempSpool(t);
  putFile(spool, 'pending', { id: 'a', runAt: NOW - 1, request: { params: [{ password: 'hunter2' }] } });
  const catalog = new Catalog(spool);
  const hide = (job: NonNullable<ReturnType<typeof jobStatus>>) => ({ ...job, params: [] });
  const given: string[] = [];
  for await (const { job } of catalog.matching(filterOf('hunter2'), Date.now() + 1_000, hide)) given.push(job.id);
  assert.deepEqual(given, []);
  assert.deepEqual(await matching(catalog, 'hunter2', Date.now() + 1_000), ['a']);
});

async function matching(catalog: Catalog, text: string, asOf: number): Promise<string[]> {
  const given: string[] = [];
  for await (const { job } of catalog.matching(filterOf(text), asOf)) given.push(job.id);
  return given.sort();
}

function filterOf(text: string): Filter {
  const parsed = parseFilter(text, NOW);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason);
  return parsed.filter;
}
