import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { kindOf } from '../../spool/catalog/fact.ts';
import { Catalog } from '../../spool/catalog.ts';
import { parseFilter } from '../../spool/filter.ts';
import type { Spool } from '../../spool/spool.ts';
import { attemptAt, putFailed, putFile, putLine, putRejected } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

/** A search that is not to stop early, however busy the machine is. */
const AMPLE_MS = 60_000;

const NOW = Date.UTC(2026, 10, 22, 12, 0, 30);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

test('failures that differ in numbers and ids alone are one group, and its filter finds exactly them', async (t) => {
  const spool = tempSpool(t);
  for (let n = 0; n < 5; n++) putFailed(spool, `mail-${n}`, NOW - n * MINUTE, `connect ETIMEDOUT 10.0.0.${n}:${n}25`, { class: 'Mail' });
  putFailed(spool, 'other-error', NOW - MINUTE, 'no such mailbox', { class: 'Mail' });
  putFailed(spool, 'other-class', NOW - MINUTE, 'connect ETIMEDOUT 10.0.0.1:25', { class: 'Report' });
  putFailed(spool, 'too-old', NOW - 2 * HOUR, 'connect ETIMEDOUT 10.0.0.1:25', { class: 'Mail' });
  const catalog = await catalogOf(spool);
  const [first, ...rest] = catalog.failures(NOW - HOUR);
  assert.deepEqual(
    { ...first, filter: '' },
    { class: 'Mail', method: 'handle', error: 'Error: connect ETIMEDOUT *', count: 5, newest: NOW, example: 'mail-0', filter: '' },
  );
  assert.deepEqual(
    rest.map(({ count }) => count),
    [1, 1],
  );
  for (const group of [first, ...rest])
    assert.equal((await found(catalog, `state:failed ${group?.filter}`)).length, group?.count, group?.filter);
});

test('whatever class, method and message a failure has, the filter of its group finds it', async (t) => {
  const spool = tempSpool(t);
  const words = ['plain', 'two words', 'a,b', 'say "hi"', 'back\\slash', 'state:failed', '100% *', 'tab\there', '<b>ü</b>'];
  for (const [index, word] of words.entries()) putFailed(spool, `f-${index}`, NOW, `${word}\nmore`, { class: word, method: word });
  const catalog = await catalogOf(spool);
  const groups = catalog.failures(0);
  assert.equal(groups.length, words.length);
  for (const group of groups) assert.deepEqual(await found(catalog, `state:failed ${group.filter}`), [group.example], group.filter);
});

test('the kind of an error keeps the words that tell it from others', () => {
  assert.equal(kindOf('Error', 'request 0a1b2c3d-0000-4000-8000-123456789abc failed after 30000 ms'), 'Error: request * failed after * ms');
  assert.equal(kindOf('Error', 'job 01JD8K3MAAAAAAAAAAAAAAAAAA: gone'), 'Error: job *: gone');
  assert.equal(kindOf('Error', 'connect ECONNREFUSED 10.0.0.1:5432\nat …'), 'Error: connect ECONNREFUSED *');
  assert.equal(
    kindOf('InternationalizationError', 'unconstitutionally long words stay'),
    'InternationalizationError: unconstitutionally long words stay',
  );
});

test('each stretch of time counts what ended in it', async (t) => {
  const spool = tempSpool(t);
  for (const ago of [0, 10_000, 31_000, 90_000, 5 * MINUTE]) putLine(spool, `l-${ago}`, NOW - ago);
  for (const ago of [5_000, 95_000]) putFailed(spool, `f-${ago}`, NOW - ago);
  putRejected(spool, 'x.json', NOW);
  const catalog = await catalogOf(spool);
  const start = NOW - 30_000;
  assert.deepEqual(catalog.throughput(NOW, MINUTE, 3), [
    { from: start - 2 * MINUTE, completed: 0, failed: 1 },
    { from: start - MINUTE, completed: 2, failed: 0 },
    { from: start, completed: 2, failed: 1 },
  ]);
});

test('waits are measured from when a job was due and accepted, runs by their last attempt', async (t) => {
  const spool = tempSpool(t);
  const iso = (ms: number) => new Date(ms).toISOString();
  for (let n = 1; n <= 100; n++) {
    const startedAt = iso(NOW - n);
    const attempts = [{ ...attemptAt(NOW, 'completed'), startedAt }];
    // Every second one was accepted after it was due.
    const [runAt, acceptedAt] = n % 2 ? [iso(NOW - n - 10 * n), iso(NOW - HOUR)] : [iso(NOW - HOUR), iso(NOW - n - 10 * n)];
    putLine(spool, `l-${n}`, NOW, { startedAt, durationMs: n, attempts, runAt, acceptedAt });
  }
  putLine(spool, 'early', NOW - 2 * HOUR, { durationMs: 1_000_000 });
  const catalog = await catalogOf(spool);
  assert.deepEqual(catalog.timings(NOW - HOUR), { wait: { count: 100, p50: 500, p95: 950 }, run: { count: 100, p50: 50, p95: 95 } });
  const nothing = { count: 0, p50: undefined, p95: undefined };
  assert.deepEqual(catalog.timings(NOW + 1), { wait: nothing, run: nothing });
});

test('the oldest due job says how long it has been waiting, whatever its priority and folder', async (t) => {
  const spool = tempSpool(t);
  const catalog = await catalogOf(spool);
  const oldest = async (aheadMs: number) => {
    await catalog.refresh(0);
    return catalog.oldestPendingMs(Date.now() + aheadMs) ?? Number.NaN;
  };
  assert.equal(catalog.oldestPendingMs(Date.now()), undefined);
  putFile(spool, 'pending', { id: 'tomorrow', runAt: Date.now() + 24 * HOUR });
  assert.ok(Number.isNaN(await oldest(0)), 'nothing is due');
  // It has been here since just now, however early it was to run.
  putFile(spool, 'pending', { id: 'back-again', priority: 9, runAt: Date.UTC(2020, 0) });
  assert.ok((await oldest(0)) < 5_000);
  putFile(spool, 'pending', { id: 'low', priority: 1, runAt: Date.now() + HOUR });
  putFile(spool, 'retrying', { id: 'again', runAt: Date.now() + 2 * HOUR });
  assert.ok(Math.abs((await oldest(3 * HOUR)) - 3 * HOUR) < 5_000);
  for (const name of fs.readdirSync(spool.pending)) fs.unlinkSync(`${spool.pending}/${name}`);
  assert.ok(Math.abs((await oldest(3 * HOUR)) - HOUR) < 5_000);
  dropFile(spool, 'dropped.json', { class: 'A' });
  assert.ok(Math.abs((await oldest(3 * HOUR)) - 3 * HOUR) < 5_000, 'also while nobody accepts');
});

test('each slot is credited with what it completed and failed', async (t) => {
  const spool = tempSpool(t);
  for (let n = 0; n < 3; n++) putLine(spool, `l-${n}`, NOW, {}, 'host-2');
  putLine(spool, 'other', NOW);
  putFailed(spool, 'f', NOW);
  const catalog = await catalogOf(spool);
  assert.deepEqual(
    [...catalog.doneBySlot()].sort(([a], [b]) => (a < b ? -1 : 1)),
    [
      ['host-1', { completed: 1, failed: 1 }],
      ['host-2', { completed: 3, failed: 0 }],
    ],
  );
});

test('classes and methods of known jobs are suggested, but not what a rejected request made up', async (t) => {
  const spool = tempSpool(t);
  putLine(spool, 'l', NOW, { class: 'A', method: 'one' });
  putLine(spool, 'm', NOW, { class: 'A', method: 'two' });
  putFailed(spool, 'f', NOW, 'no', { class: 'B' });
  putRejected(spool, 'x.json', NOW);
  const catalog = await catalogOf(spool);
  assert.deepEqual(catalog.handlers(), [
    { class: 'A', method: 'one' },
    { class: 'A', method: 'two' },
    { class: 'B', method: 'handle' },
  ]);
});

async function catalogOf(spool: Spool): Promise<Catalog> {
  const catalog = new Catalog(spool);
  await catalog.refresh();
  return catalog;
}

async function found(catalog: Catalog, text: string): Promise<string[]> {
  const parsed = parseFilter(text, NOW);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason);
  const { jobs, total } = await catalog.list({ filter: parsed.filter, limit: 100, budgetMs: AMPLE_MS }, NOW);
  assert.equal(total, jobs.length);
  return jobs.map(({ id }) => id);
}
