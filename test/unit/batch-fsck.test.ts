/** `fsck` and `prune` on spools with batches: each line is a job, and no repair loses one. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { type Flaw, flaws } from '../../spool/fsck.ts';
import { Liveness } from '../../spool/liveness.ts';
import { prune } from '../../spool/prune.ts';
import { countByState, jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { ACCEPTED_AT, putBatch, putFile, putLine, requestLine } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const START = Date.UTC(2020, 0, 1);
const iso = (ms: number): string => new Date(ms).toISOString();
const acceptedAt = iso(ACCEPTED_AT);
/** What a file of one of its lines says. */
const LINE = { acceptedAt, runAt: iso(START) };

function check(spool: Spool) {
  const found: Flaw[] = [];
  const looking = flaws(spool, new Liveness(spool, 5_000));
  for (let next = looking.next(); ; next = looking.next()) {
    if (next.done) return { found, sums: next.value };
    found.push(next.value);
  }
}

const wrongs = ({ found }: { found: Flaw[] }): string[] =>
  found.filter(({ level }) => level === 'wrong').map(({ kind, file }) => `${kind} ${file}`);

function repairAll(spool: Spool): void {
  for (const { repair } of check(spool).found) repair?.act();
}

function accepted(spool: Spool, id: string, jobs: number, file = `p5-now-${id}.ndjson`): void {
  const line = { file, level: 'info', time: iso(ACCEPTED_AT), event: 'accepted', id, jobs, msg: 'accepted' };
  fs.appendFileSync(`${spool.logs}/background_jobs.log`, `${JSON.stringify(line)}\n`);
}

const pending = (spool: Spool): string[] =>
  fs
    .readdirSync(spool.pending)
    .map((name) => name.replace(/^p5-[^-]*-/, ''))
    .sort();

test('the jobs of a batch add up, wherever they are, and what a spool with batches holds is in order', (t) => {
  const spool = tempSpool(t);
  accepted(spool, 'b', 9);
  putBatch(spool, 'pending', { id: 'b', from: 6, to: 9 });
  putFile(spool, 'retrying', { id: 'b.4', request: { ...LINE, attempts: [] } });
  putFile(spool, 'failed', { id: 'b.5', request: { ...LINE, attempts: [] } });
  spool.disk.makeFolder(spool.ledgerDay('2026-01-05'));
  for (const line of [1, 2, 3]) putLine(spool, `b.${line}`, ACCEPTED_AT + 1_000, LINE);
  dropFile(spool, 'p5-now-more.ndjson', '{"class":"A"}\n');
  fs.writeFileSync(spool.cancelMarker('b'), '');
  const looked = check(spool);
  assert.deepEqual(looked.found, []);
  const { total, pending: waiting, retrying, failed, completed, nowhere } = looked.sums?.accepted ?? {};
  assert.deepEqual(
    { total, waiting, retrying, failed, completed, nowhere },
    { total: 9, waiting: 4, retrying: 1, failed: 1, completed: 3, nowhere: 0 },
  );
});

test('a line that is nowhere has vanished, each by its own id', (t) => {
  const spool = tempSpool(t);
  accepted(spool, 'b', 3);
  putBatch(spool, 'pending', { id: 'b', to: 2 });
  const { found } = check(spool);
  assert.deepEqual(
    found.map(({ kind, id }) => [kind, id]),
    [['vanished', 'b.3']],
  );
});

test('of a part that was held back and handed in again its own lines are looked for', (t) => {
  const spool = tempSpool(t);
  accepted(spool, 'b', 2, 'p5-20200101T000000.000Z-b@8-9.ndjson');
  putBatch(spool, 'pending', { id: 'b', from: 8, to: 9 });
  const { found, sums } = check(spool);
  assert.deepEqual(found, []);
  assert.equal(sums?.accepted.pending, 2);
});

test('lines that hold no request, and those that are missing, are told of in one sentence', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 5, lines: [requestLine(1), 'nonsense', requestLine(3), '{"class":"A","attempts":[]}'] });
  const looked = check(spool);
  assert.equal(looked.found.length, 1);
  assert.match(looked.found[0]?.what ?? '', /^the lines 2, 4, 5 of pending\/p5-.*-b@1-5\.ndjson hold no request: line 2 /);
  assert.equal(looked.found[0]?.repair, undefined, 'the others are not to be lost for its sake');
});

test('of parts that overlap the smaller counts, and the repair cuts the larger', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 10 });
  putBatch(spool, 'pending', { id: 'b', from: 4, to: 6 });
  putFile(spool, 'pending', { id: 'b.9', request: LINE });
  assert.deepEqual(wrongs(check(spool)), ['overlap pending/p5-20200101T000000.000Z-b@1-10.ndjson']);
  repairAll(spool);
  assert.deepEqual(pending(spool), ['b.9.json', 'b@1-3.ndjson', 'b@10-10.ndjson', 'b@4-6.ndjson', 'b@7-8.ndjson']);
  assert.deepEqual(wrongs(check(spool)), []);
  assert.equal(countByState(spool).pending, 10);
});

test('lines that are done, over or live elsewhere are taken out of the part that waits, and nothing else is', (t) => {
  const spool = tempSpool(t);
  const file = putBatch(spool, 'pending', { id: 'b', to: 9 });
  spool.disk.makeFolder(spool.ledgerDay('2026-01-05'));
  for (const line of [1, 2]) putLine(spool, `b.${line}`, ACCEPTED_AT + 1_000, LINE);
  putFile(spool, 'retrying', { id: 'b.5', request: { ...LINE, attempts: [] } });
  putFile(spool, 'failed', { id: 'b.9', request: { ...LINE, attempts: [] } });
  // Of an earlier life of the id.
  putLine(spool, 'b.3', ACCEPTED_AT - 1_000, { acceptedAt: iso(START), runAt: iso(START) });
  const shown = file.slice(spool.root.length + 1);
  assert.deepEqual(wrongs(check(spool)).sort(), [`already-completed ${shown}`, `twin ${shown}`, `two-outcomes ${shown}`]);
  // The names change with each: it may take several.
  for (let times = 0; times < 3; times++) repairAll(spool);
  assert.deepEqual(check(spool).found, []);
  assert.deepEqual(pending(spool), ['b@3-4.ndjson', 'b@6-8.ndjson']);
  const states = Array.from({ length: 9 }, (_, at) => jobStatus(spool, `b.${at + 1}`)?.state);
  assert.deepEqual(states, ['completed', 'completed', 'pending', 'pending', 'retrying', 'pending', 'pending', 'pending', 'failed']);
});

test('a job that has the id of a live batch is told of', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 2 });
  putFile(spool, 'pending', { id: 'b' });
  const { found } = check(spool);
  assert.match(found[0]?.what ?? '', /has the id of a batch/);
});

test('a batch that lies where none waits is no job, and neither is one whose name has no lines', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 2 });
  for (const folder of ['retrying', 'failed'] as const)
    fs.renameSync(putBatch(spool, 'pending', { id: folder, to: 2 }), `${spool[folder]}/p5-20200101T000000.000Z-b@1-2.ndjson`);
  fs.writeFileSync(`${spool.pending}/p5-20200101T000000.000Z-b@2-1.ndjson`, '{"class":"A"}\n');
  assert.deepEqual(
    wrongs(check(spool)).map((text) => text.split('/')[0]),
    ['misnamed pending', 'misnamed retrying', 'misnamed failed'],
  );
});

test('what a dead runner left of a batch is one thing that it left behind, and its jobs run', (t) => {
  const spool = tempSpool(t);
  accepted(spool, 'b', 8);
  putBatch(spool, 'running/host-7', { id: 'b', to: 8 });
  putBatch(spool, 'running/host-7', { id: 'b', from: 5, to: 8, bound: '.pending=' });
  const { found, sums } = check(spool);
  assert.deepEqual(found.map(({ kind }) => kind).sort(), ['bound-file', 'left-behind']);
  assert.equal(sums?.accepted.running, 8);
  assert.ok(sums?.addsUp);
});

test('the logs of jobs that wait in a batch are not pruned', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', from: 2, to: 3 });
  for (const id of ['b.1', 'b.2', 'b.3']) {
    fs.writeFileSync(spool.jobLog(id), 'x');
    fs.utimesSync(spool.jobLog(id), 1_000, 1_000);
  }
  const forever = 1e12;
  assert.equal(prune(spool, { keepCompletedMs: forever, keepFailedMs: forever, keepLogsMs: 1_000 }).logs, 1);
  assert.deepEqual(fs.readdirSync(spool.jobLogs).sort(), ['b.2.log', 'b.3.log']);
});
