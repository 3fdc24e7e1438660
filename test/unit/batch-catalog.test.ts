/** The dashboard's memory of batches: every line is a row, and a hundred thousand of them are one thing to remember. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { batchFileName } from '../../spool/batch-name.ts';
import { Catalog, type ListQuery } from '../../spool/catalog.ts';
import { disk } from '../../spool/disk.ts';
import { type Filter, parseFilter } from '../../spool/filter.ts';
import { countByState, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { STATES } from '../../spool/state.ts';
import { ACCEPTED_AT, putBatch, putFile, putLine } from '../support/job-files.ts';
import { dropFile, tempFolder, tempSpool } from '../support/spool.ts';

const NOW = Date.now();
const HOUR = 3_600_000;
const AMPLE_MS = 60_000;

function filterOf(text: string): Filter {
  const parsed = parseFilter(text, NOW);
  assert.ok(parsed.ok);
  return parsed.filter;
}

async function catalogOf(spool: Spool): Promise<Catalog> {
  const catalog = new Catalog(spool);
  await catalog.refresh();
  return catalog;
}

const idsOf = async (catalog: Catalog, query: Partial<ListQuery> & { filter: Filter }): Promise<string[]> =>
  (await catalog.list({ limit: 1_000, budgetMs: AMPLE_MS, ...query }, NOW)).jobs.map(({ id }) => id);

/** Batches in every place, among single jobs. */
function mixedSpool(spool: Spool): Spool {
  putFile(spool, 'pending', { id: 'a', runAt: NOW - 9_000 });
  putBatch(spool, 'pending', { id: 'b', from: 3, to: 12, runAt: NOW - 9_000 });
  putFile(spool, 'pending', { id: 'c', runAt: NOW - 9_000 });
  putFile(spool, 'pending', { id: 'first', priority: 9, runAt: NOW - 1_000 });
  putBatch(spool, 'running/host-7', { id: 'b', to: 2, runAt: NOW - 9_000 });
  putBatch(spool, 'pending', { id: 'later', to: 11, runAt: NOW + HOUR });
  putFile(spool, 'pending', { id: 'latest', runAt: NOW + 2 * HOUR });
  dropFile(spool, 'p5-now-dropped.ndjson', '{"class":"A"}\n');
  return spool;
}

test('the lines of a batch are listed where their turn is, in the order of the file', async (t) => {
  const catalog = await catalogOf(mixedSpool(tempSpool(t)));
  const lines = (batch: string, from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => `${batch}.${from + at}`);
  assert.deepEqual(await idsOf(catalog, { filter: filterOf('') }), [
    ...['b.1', 'first', 'a', ...lines('b', 2, 12), 'c', 'dropped'],
    ...[...lines('later', 1, 11), 'latest'],
  ]);
});

test('counts are what the files say, and each list is as long', async (t) => {
  const spool = mixedSpool(tempSpool(t));
  const catalog = await catalogOf(spool);
  assert.deepEqual(catalog.counts(NOW), countByState(spool, NOW));
  for (const state of STATES) {
    const { jobs, total } = await catalog.list({ filter: filterOf(`state:${state}`), limit: 1_000, budgetMs: AMPLE_MS }, NOW);
    assert.equal(jobs.length, catalog.counts(NOW)[state], state);
    assert.equal(total, jobs.length, state);
    for (const job of jobs) assert.equal(jobStatus(spool, job.id, NOW)?.state, state, job.id);
  }
});

for (const limit of [1, 3, 7]) {
  test(`pages of ${limit} give each line exactly once, also while parts are claimed between two of them`, async (t) => {
    const spool = tempSpool(t);
    putFile(spool, 'pending', { id: 'a', runAt: NOW - HOUR });
    const file = putBatch(spool, 'pending', { id: 'b', to: 30, runAt: NOW - HOUR });
    putFile(spool, 'pending', { id: 'c', runAt: NOW - HOUR });
    const catalog = await catalogOf(spool);
    const seen: string[] = [];
    let after: string | undefined;
    do {
      const page = await catalog.list({ filter: filterOf('state:pending'), limit, after, budgetMs: AMPLE_MS }, NOW);
      seen.push(...page.jobs.map(({ id }) => id));
      after = page.next;
      // A runner took the first lines: what is left has another name.
      if (fs.existsSync(file)) {
        fs.renameSync(file, `${spool.pending}/${batchFileName({ id: 'b', from: 3, to: 30, priority: 5, runAt: NOW - HOUR })}`);
        await catalog.refresh(0);
      }
    } while (after !== undefined);
    assert.equal(new Set(seen).size, seen.length);
    for (let line = 3; line <= 30; line++) assert.ok(seen.includes(`b.${line}`), `b.${line}`);
    for (const id of ['a', 'c']) assert.ok(seen.includes(id), id);
  });
}

test('what a line asks for is searched, and its handler is known once it was read', async (t) => {
  const spool = tempSpool(t);
  const lines = Array.from({ length: 500 }, (_, at) => JSON.stringify({ class: at % 100 === 7 ? 'Odd' : 'Even', params: [`mail-${at}`] }));
  putBatch(spool, 'pending', { id: 'b', to: 500, lines });
  const catalog = await catalogOf(spool);
  assert.deepEqual(await idsOf(catalog, { filter: filterOf('class:Odd') }), ['b.8', 'b.108', 'b.208', 'b.308', 'b.408']);
  assert.deepEqual(await idsOf(catalog, { filter: filterOf('params:mail-499') }), ['b.500']);
  assert.deepEqual(await idsOf(catalog, { filter: filterOf('id:b.49*') }), [
    'b.49',
    ...Array.from({ length: 10 }, (_, at) => `b.${490 + at}`),
  ]);
  for (const [text, count] of [
    ['id:b*', 500],
    ['id:*.500', 1],
    ['id:b.7,b.8,c.9', 2],
    ['id:c*', 0],
    ['id:b', 0],
    ['id:b.*9', 50],
  ] as const) {
    assert.equal((await idsOf(catalog, { filter: filterOf(text) })).length, count, text);
    assert.equal((await catalog.list({ filter: filterOf(text), limit: 1 }, NOW)).total, count, text);
  }
  const { total } = await catalog.list({ filter: filterOf('id:b.1*'), limit: 1 }, NOW);
  assert.equal(total, 111);
  assert.deepEqual(
    catalog.handlers().map((handler) => handler.class),
    ['Even', 'Odd'],
  );
});

test('a page of fifty lines reads their file once', async (t) => {
  let reads = 0;
  const readBytes: typeof disk.readBytes = (...span) => {
    reads += 1;
    return disk.readBytes(...span);
  };
  const spool = openSpool(`${tempFolder(t)}/spool`, { durability: 'none', disk: { ...disk, readBytes } });
  putBatch(spool, 'pending', { id: 'b', to: 1_000 });
  const catalog = await catalogOf(spool);
  reads = 0;
  assert.equal((await idsOf(catalog, { filter: filterOf('state:pending'), limit: 50 })).length, 50);
  assert.equal(reads, 1);
});

test('a line is found by its id wherever it is, also when its file got another name since the last look', async (t) => {
  const spool = mixedSpool(tempSpool(t));
  const catalog = await catalogOf(spool);
  putLine(spool, 'b.1', NOW, { acceptedAt: new Date(ACCEPTED_AT).toISOString() }, 'host-7');
  const waits = fs.readdirSync(spool.pending).find((name) => name.includes('-b@')) as string;
  fs.renameSync(`${spool.pending}/${waits}`, `${spool.pending}/${waits.replace('@3-', '@4-')}`);
  for (const [id, state] of Object.entries({
    'b.1': 'completed',
    'b.2': 'running',
    'b.4': 'pending',
    'later.11': 'scheduled',
    'dropped.1': 'pending',
  })) {
    const found = await catalog.find(id, NOW);
    assert.equal(found?.job.id, id);
    assert.equal(found?.job.state, state, id);
  }
  for (const id of ['b', 'b.3', 'b.13', 'dropped.2']) assert.equal(await catalog.find(id, NOW), undefined, id);
  assert.equal((await catalog.find('dropped', NOW))?.job.state, 'pending');
});

test('the version of what waits changes with what is claimed and begun', async (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'running/host-7', { id: 'b', to: 4 });
  const catalog = await catalogOf(spool);
  const before = catalog.version('pending');
  await catalog.refresh(0);
  assert.equal(catalog.version('pending'), before, 'nothing happened');
  putLine(spool, 'b.1', NOW, { acceptedAt: new Date(ACCEPTED_AT).toISOString() }, 'host-7');
  await catalog.refresh(0);
  assert.notEqual(catalog.version('pending'), before);
  assert.deepEqual([catalog.counts(NOW).pending, catalog.counts(NOW).running, catalog.counts(NOW).completed], [2, 1, 1]);
});

test('scheduled batches become due as a whole', async (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 4, runAt: NOW + HOUR });
  const catalog = await catalogOf(spool);
  assert.equal(catalog.counts(NOW).scheduled, 4);
  assert.equal(catalog.counts(NOW + HOUR).pending, 4);
});

test('a million jobs in a hundred batches are a hundred entries', async (t) => {
  const spool = tempSpool(t);
  for (let batch = 0; batch < 100; batch++) putBatch(spool, 'pending', { id: `batch-${batch}`, to: 10_000, lines: ['{"class":"A"}'] });
  const before = process.memoryUsage().heapUsed;
  const catalog = await catalogOf(spool);
  assert.equal(catalog.counts(NOW).pending, 1_000_000);
  assert.equal((await idsOf(catalog, { filter: filterOf('state:pending'), limit: 50 })).length, 50);
  assert.ok(process.memoryUsage().heapUsed - before < 50_000_000, 'a hundred bytes for each would be twice as much');
});

test('what matched as of a moment still does after its file was claimed in parts', async (t) => {
  const spool = tempSpool(t);
  const file = putBatch(spool, 'pending', { id: 'b', to: 4 });
  const catalog = await catalogOf(spool);
  // To the next tick of the clock that files have.
  const asOf = Date.now() + 1;
  fs.renameSync(file, file.replace('@1-4', '@2-4'));
  const matched: string[] = [];
  for await (const { job } of catalog.matching(filterOf('state:pending'), asOf)) matched.push(job.id);
  assert.deepEqual(matched, ['b.2', 'b.3', 'b.4']);
});
