import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { Catalog, type ListQuery } from '../../spool/catalog.ts';
import { type Filter, matches, parseFilter } from '../../spool/filter.ts';
import { maskJob } from '../../spool/mask.ts';
import { countByState, type JobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { STATES } from '../../spool/state.ts';
import { attemptAt, putFailed, putFile, putLine, putRejected, putRunning } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

/** A search that is not to stop early, however busy the machine is. */
const AMPLE_MS = 60_000;

const HOUR = 3_600_000;
const NOW = Date.now();

test('a list has running jobs first, then due ones as they will run, then those that wait, then what is over, newest first', async (t) => {
  const spool = tempSpool(t);
  putRunning(spool, 'host-7', { id: 'runs' });
  putFile(spool, 'pending', { id: 'low', priority: 1, runAt: NOW - 5_000 });
  putFile(spool, 'pending', { id: 'high', priority: 10, runAt: NOW - 1_000 });
  putFile(spool, 'pending', { id: 'early', runAt: NOW - 3_000 });
  putFile(spool, 'pending', { id: 'late', runAt: NOW - 2_000 });
  dropFile(spool, 'dropped.json', { class: 'Example' });
  putFile(spool, 'retrying', { id: 'again', runAt: NOW + HOUR, request: { attempts: [attemptAt(NOW, 'failed', 'no')] } });
  putFile(spool, 'pending', { id: 'tomorrow', runAt: NOW + 24 * HOUR });
  putFile(spool, 'pending', { id: 'soon', priority: 1, runAt: NOW + HOUR });
  putFailed(spool, 'failed', NOW - 3_000);
  putLine(spool, 'done-1', NOW - 4_000);
  putLine(spool, 'done-2', NOW - 2_000);
  putRejected(spool, 'bad.json', NOW - 1_000);
  const { jobs, total, next } = await page(spool, { limit: 50 });
  assert.deepEqual(ids(jobs), [
    ...['runs', 'high', 'early', 'late', 'low', 'dropped', 'again', 'soon', 'tomorrow'],
    ...['bad', 'done-2', 'failed', 'done-1'],
  ]);
  assert.equal(total, 13);
  assert.equal(next, undefined);
});

test('counts are what the files say', async (t) => {
  const spool = variedSpool(t);
  fs.writeFileSync(`${spool.pending}/notes.txt`, '');
  fs.writeFileSync(`${spool.rejected}/.hidden.json`, '');
  const catalog = new Catalog(spool);
  await catalog.refresh();
  assert.deepEqual(catalog.counts(NOW), countByState(spool, NOW));
  for (const state of STATES) {
    const { jobs, total } = await catalog.list({ filter: filterOf(`state:${state}`), limit: 1_000, budgetMs: AMPLE_MS }, NOW);
    assert.equal(jobs.length, catalog.counts(NOW)[state], state);
    assert.equal(total, jobs.length, state);
  }
});

for (const text of ['', 'state:failed,completed', 'class:A', 'params:even', 'id:*7', 'retried:no since:1h', 'retried:yes']) {
  test(`the pages of "${text}" give each job exactly once, in order, whatever their size`, async (t) => {
    const spool = variedSpool(t);
    const catalog = new Catalog(spool);
    await catalog.refresh();
    const all = (await catalog.list({ filter: filterOf(text), limit: 1_000, budgetMs: AMPLE_MS }, NOW)).jobs;
    assert.ok(all.length > 3, `expected some jobs, got ${all.length}`);
    for (const limit of [1, 7, 50]) assert.deepEqual(ids(await allPages(catalog, { filter: filterOf(text), limit })), ids(all), `${limit}`);
    const { total } = await catalog.list({ filter: filterOf(text), limit: 1, budgetMs: AMPLE_MS }, NOW);
    assert.equal(total, all.length);
  });
}

test('jobs that come and go while somebody turns the pages make no other job appear twice or not at all', async (t) => {
  const spool = variedSpool(t);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  const before = new Set(ids((await catalog.list({ filter: filterOf(''), limit: 1_000, budgetMs: AMPLE_MS }, NOW)).jobs));
  const seen: string[] = [];
  const gone = new Set<string>();
  for (let after: string | undefined, turn = 0; ; turn++) {
    const { jobs, next } = await catalog.list({ filter: filterOf(''), limit: 5, after }, NOW);
    seen.push(...ids(jobs));
    if (next === undefined) break;
    after = next;
    putFile(spool, 'pending', { id: `new-${turn}`, priority: 10, runAt: NOW - 60_000 });
    putLine(spool, `new-line-${turn}`, NOW - 500 + turn);
    putFailed(spool, `new-failed-${turn}`, NOW - 5_000 - turn);
    const victim = fs.readdirSync(spool.pending).find((name) => name.includes('-p-'));
    if (victim) {
      fs.unlinkSync(`${spool.pending}/${victim}`);
      gone.add(victim.slice(victim.indexOf('p-'), -'.json'.length));
    }
    await catalog.refresh(0);
  }
  assert.equal(new Set(seen).size, seen.length, 'a job was listed twice');
  for (const id of before) assert.ok(seen.includes(id) || gone.has(id), `${id} was not listed`);
});

test('a cursor means the same to a process that was started later', async (t) => {
  const spool = variedSpool(t);
  const seen: string[] = [];
  for (let after: string | undefined; ; ) {
    const catalog = new Catalog(spool);
    await catalog.refresh();
    const { jobs, next } = await catalog.list({ filter: filterOf(''), limit: 20, after }, NOW);
    seen.push(...ids(jobs));
    if (next === undefined) break;
    after = next;
  }
  assert.deepEqual(seen, ids((await page(spool, { limit: 1_000 })).jobs));
});

test('a search that runs out of time goes on where it stopped, without a gap and without a double', async (t) => {
  const spool = variedSpool(t);
  const catalog = new Catalog(spool);
  await catalog.refresh();
  const filter = filterOf('even');
  const whole = ids((await catalog.list({ filter, limit: 1_000, budgetMs: AMPLE_MS }, NOW)).jobs);
  const seen: string[] = [];
  let stops = 0;
  for (let after: string | undefined; ; ) {
    const { jobs, next, stoppedEarly } = await catalog.list({ filter, limit: 50, after, budgetMs: 0 }, NOW);
    seen.push(...ids(jobs));
    if (stoppedEarly) stops += 1;
    if (next === undefined) break;
    after = next;
  }
  assert.ok(stops > 10, `expected it to stop often, it did ${stops} times`);
  assert.deepEqual(seen, whole);
});

test('a filter that opens files finds what a filter of the whole list finds', async (t) => {
  const spool = variedSpool(t);
  const everything = (await page(spool, { limit: 1_000 })).jobs;
  for (const text of [
    'even',
    String.raw`params:"\"n\":7"`,
    'error:"broke 3"',
    'error:"broke * of"',
    'class:B state:failed',
    'id:l-1*',
    'id:l-11,f-3',
    'handle',
  ]) {
    const { jobs } = await page(spool, { limit: 1_000, filter: filterOf(text) });
    const expected = everything.filter((job) => matches(filterOf(text), job));
    assert.ok(expected.length > 0, text);
    assert.deepEqual(ids(jobs), ids(expected), text);
  }
});

test('what is said in the message of an error beyond what is remembered of it is found too', async (t) => {
  const spool = tempSpool(t);
  putFailed(spool, 'long', NOW - 1_000, `${'x'.repeat(2_000)} at the very end`);
  putFailed(spool, 'short', NOW - 1_000, 'at the start');
  assert.deepEqual(ids((await page(spool, { filter: filterOf('error:"very end"'), limit: 5 })).jobs), ['long']);
});

test('a masked secret is not found, in a file or in the ledger', async (t) => {
  const spool = tempSpool(t);
  const params = [{ password: 'hunter2', user: 'ada' }];
  putFile(spool, 'pending', { id: 'waits', request: { params } });
  putFailed(spool, 'failed', NOW - 1_000, 'no', { params });
  putLine(spool, 'done', NOW - 1_000, { params, result: { token: 'hunter2' } });
  for (const text of ['hunter2', 'params:hunter2', String.raw`params:"password\":\"h"`]) {
    const { jobs, total } = await page(spool, { filter: filterOf(text), limit: 5, shown: maskJob });
    assert.deepEqual([ids(jobs), total], [[], 0], text);
  }
  assert.equal((await page(spool, { filter: filterOf('ada'), limit: 5, shown: maskJob })).jobs.length, 3);
  assert.equal((await page(spool, { filter: filterOf('params:••••••'), limit: 5, shown: maskJob })).jobs.length, 3);
});

test('names, ids and texts of any kind are listed, paged and found', async (t) => {
  const spool = tempSpool(t);
  const names = [
    '<img src=x onerror=alert(1)>.json',
    'ü ñ 🎈.json',
    '"quoted" and \'single\'.json',
    'no-ending',
    'a b\nc.json',
    '%2e%2e.json',
  ];
  for (const [index, name] of names.entries()) putRejected(spool, name, NOW - index * 1_000, `because of "${name}"`);
  putFailed(spool, 'hostile', NOW - 10_000, '\u001b[31m</script>{"id":"done"}', { class: '__proto__', method: 'constructor' });
  putLine(spool, 'done', NOW - 20_000, { params: ['{"id":"other",', '\n', '\u2028', '\ud800'] });
  const catalog = new Catalog(spool);
  await catalog.refresh();
  const all = await allPages(catalog, { filter: filterOf(''), limit: 1 });
  assert.deepEqual(ids(all), [...names.map((name) => name.replace(/\.json$/, '')), 'hostile', 'done']);
  for (const { id } of all) assert.equal((await catalog.find(id, NOW))?.job.id, id);
  for (const text of ['class:__proto__', 'method:constructor', 'error:</script>', '"{\\"id\\":\\"done"'])
    assert.deepEqual(ids((await catalog.list({ filter: filterOf(text), limit: 5, budgetMs: AMPLE_MS }, NOW)).jobs), ['hostile'], text);
});

test('a text that is no cursor is refused with a sentence', async (t) => {
  const catalog = new Catalog(tempSpool(t));
  for (const after of ['', 'x', 'bnVsbA', Buffer.from('["over","now",1]').toString('base64url'), '__proto__'])
    await assert.rejects(catalog.list({ filter: filterOf(''), limit: 5, after }, NOW), /list: expected a cursor that a page before gave/);
});

test('a job that moved on since the last look is left out, not shown where it was', async (t) => {
  const spool = tempSpool(t);
  const file = putFile(spool, 'pending', { id: 'a', runAt: NOW - 1_000 });
  putFile(spool, 'pending', { id: 'b', runAt: NOW - 500 });
  const catalog = new Catalog(spool);
  await catalog.refresh();
  fs.unlinkSync(file);
  assert.deepEqual(ids((await catalog.list({ filter: filterOf('state:pending'), limit: 5 }, NOW)).jobs), ['b']);
});

test('a scheduled job is pending as soon as its time has come', async (t) => {
  const spool = tempSpool(t);
  putFile(spool, 'pending', { id: 'a', runAt: NOW + HOUR });
  const catalog = new Catalog(spool);
  await catalog.refresh();
  assert.deepEqual([catalog.counts(NOW).scheduled, catalog.counts(NOW).pending], [1, 0]);
  const later = NOW + 2 * HOUR;
  assert.deepEqual([catalog.counts(later).scheduled, catalog.counts(later).pending], [0, 1]);
  assert.deepEqual(ids((await catalog.list({ filter: filterOf('state:pending'), limit: 5 }, later)).jobs), ['a']);
  assert.deepEqual([catalog.counts(NOW).scheduled, catalog.counts(NOW).pending], [1, 0]);
});

/** Thirty jobs or so in each of the states that may hold many, classes A and B by turns; every other one says "even". */
function variedSpool(t: Parameters<typeof tempSpool>[0]): Spool {
  const spool = tempSpool(t);
  for (let n = 0; n < 30; n++) {
    const request = { class: n % 2 ? 'B' : 'A', params: [{ n, text: n % 2 ? 'odd' : 'even' }] };
    putFile(spool, 'pending', { id: `p-${n}`, priority: 1 + (n % 10), runAt: NOW - n * 1_000, request });
    putFile(spool, 'pending', { id: `s-${n}`, priority: 1 + (n % 10), runAt: NOW + HOUR + n * 1_000, request });
    putFailed(spool, `f-${n}`, NOW - n * 7_000, `it broke ${n} of 30 times`, request);
    putLine(spool, `l-${n}`, NOW - n * 5_000, request, `host-${n % 3}`);
    // All at the same moment: only their files and places in them tell them apart.
    putLine(spool, `same-${n}`, NOW - 10_000, request, `host-${n % 3}`);
  }
  for (let n = 0; n < 5; n++) {
    putFile(spool, 'retrying', { id: `r-${n}`, runAt: NOW + n, request: { class: 'A', attempts: [attemptAt(NOW, 'failed', 'no')] } });
    putRejected(spool, `x-${n}.json`, NOW - n * 9_000);
    dropFile(spool, `i-${n}.json`, { class: 'A', params: ['even'] });
  }
  return spool;
}

async function page(spool: Spool, query: Partial<ListQuery> & { limit: number }) {
  const catalog = new Catalog(spool);
  await catalog.refresh();
  return catalog.list({ filter: filterOf(''), budgetMs: AMPLE_MS, ...query }, NOW);
}

async function allPages(catalog: Catalog, query: ListQuery): Promise<JobStatus[]> {
  const all: JobStatus[] = [];
  for (let after: string | undefined; ; ) {
    const { jobs, next } = await catalog.list({ budgetMs: AMPLE_MS, ...query, after }, NOW);
    all.push(...jobs);
    if (next === undefined) return all;
    after = next;
  }
}

const ids = (jobs: readonly JobStatus[]): string[] => jobs.map(({ id }) => id);

function filterOf(text: string): Filter {
  const parsed = parseFilter(text, NOW);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason);
  return parsed.filter;
}
