/** A job whose end is recorded is not run again because a power cut brought its file back; and nothing else is taken for such a file. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { batchFileName } from '../../spool/batch-name.ts';
import { jobFileName } from '../../spool/filename.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { reconcile } from '../../spool/reconcile.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { putFailed, putLine } from '../support/job-files.ts';
import { dropFile, startService, tempFolder, tempSpool } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

const NOOP = { class: 'Trouble', method: 'noop', params: [] };
const iso = (ms: number): string => new Date(ms).toISOString();

/** A request in `incoming/` or `pending/` that was written at `writtenAt`. */
function putWaiting(spool: Spool, folder: 'incoming' | 'pending', name: string, writtenAt: number, more: object = {}): string {
  const file = path.join(spool[folder], name);
  fs.writeFileSync(file, JSON.stringify({ ...NOOP, ...more }));
  spool.disk.setTimes(file, writtenAt);
  return file;
}

test('files of jobs that the ledger or a later file overtook are removed, wherever they wait', (t) => {
  const spool = tempSpool(t);
  const then = Date.now() - 5_000;
  const name = (id: string) => jobFileName({ id, priority: 5, runAt: then });
  const files = [
    putWaiting(spool, 'incoming', 'p5-now-a.json', then),
    putWaiting(spool, 'pending', name('b'), then),
    putWaiting(spool, 'pending', name('c'), then),
  ];
  for (const id of ['a', 'b']) putLine(spool, id, Date.now() + 1_000, { ...NOOP, acceptedAt: iso(then) });
  spool.disk.setTimes(putFailed(spool, 'c', then, 'it broke', { ...NOOP, acceptedAt: iso(then) }), Date.now() + 1_000);
  const kept = putWaiting(spool, 'pending', name('d'), then);
  const removed = reconcile(spool);
  assert.deepEqual(removed.map(({ file }) => file).toSorted(), files.toSorted());
  assert.deepEqual(
    new Map(removed.map(({ id, by }) => [id, by])),
    new Map([
      ['a', 'completed'],
      ['b', 'completed'],
      ['c', 'failed'],
    ]),
  );
  assert.ok(fs.existsSync(kept));
  assert.deepEqual(reconcile(spool), []);
});

test('a request that was dropped after an earlier one of the same id and time had ended is kept', (t) => {
  const spool = tempSpool(t);
  const template = Date.now() - 86_400_000;
  putLine(spool, 'nightly', Date.now() - 60_000, { ...NOOP, acceptedAt: iso(template) });
  const file = putWaiting(spool, 'incoming', 'p5-now-nightly.json', template);
  assert.deepEqual(reconcile(spool), []);
  assert.ok(fs.existsSync(file));
});

test('a failed job that was moved to incoming/ for another run, and what differs in its time or its params, are kept', (t) => {
  const spool = tempSpool(t);
  const then = Date.now() - 5_000;
  const attempts = [{ number: 1, outcome: 'failed', startedAt: iso(then), finishedAt: iso(then), runner: 'host-1' }];
  putWaiting(spool, 'incoming', 'p5-now-a.json', then, { acceptedAt: iso(then), attempts });
  putFailed(spool, 'a', then, 'it broke', { ...NOOP, acceptedAt: iso(then) });
  putWaiting(spool, 'incoming', 'p5-now-b.json', then);
  putLine(spool, 'b', Date.now() + 1_000, { ...NOOP, acceptedAt: iso(then - 1) });
  putWaiting(spool, 'incoming', 'p5-now-c.json', then);
  putLine(spool, 'c', Date.now() + 1_000, { ...NOOP, params: [1], acceptedAt: iso(then) });
  assert.deepEqual(reconcile(spool), []);
});

const BODY = `${JSON.stringify(NOOP)}\n`.repeat(6);

function putPart(spool: Spool, folder: string, from: number, to: number, writtenAt: number): string {
  const name = batchFileName({ priority: 5, runAt: writtenAt, id: 'b', from, to });
  fs.mkdirSync(path.join(spool.root, folder), { recursive: true });
  fs.writeFileSync(path.join(spool.root, folder, name), BODY);
  spool.disk.setTimes(path.join(spool.root, folder, name), writtenAt);
  return name;
}

const rangesIn = (folder: string): string[] =>
  fs
    .readdirSync(folder)
    .filter((name) => name.endsWith('.ndjson'))
    .map((name) => /@(.*)\.ndjson$/.exec(name)?.[1] as string)
    .sort();

test('of parts of one batch that name the same jobs the smaller counts, and a job that is over, or has a file of its own, is in none', (t) => {
  const spool = tempSpool(t);
  const then = Date.now() - 5_000;
  putPart(spool, 'pending', 1, 6, then);
  putPart(spool, 'pending', 5, 6, then);
  putPart(spool, 'running/host-1', 1, 3, then);
  putLine(spool, 'b.2', Date.now(), { ...NOOP, acceptedAt: iso(then) });
  putFailed(spool, 'b.3', then, 'it broke', { ...NOOP, acceptedAt: iso(then) });
  assert.equal(reconcile(spool).length, 2);
  assert.deepEqual(rangesIn(spool.pending), ['4-4', '5-6']);
  assert.deepEqual(rangesIn(spool.slot('host-1')), ['1-1']);
  assert.deepEqual(reconcile(spool), []);
});

test('a batch that a cut brought back to incoming/ keeps there what has not run', (t) => {
  const spool = tempSpool(t);
  const then = Date.now() - 5_000;
  fs.writeFileSync(path.join(spool.incoming, 'p5-now-b.ndjson'), BODY);
  spool.disk.setTimes(path.join(spool.incoming, 'p5-now-b.ndjson'), then);
  for (const line of [1, 2, 5]) putLine(spool, `b.${line}`, Date.now() + 1_000, { ...NOOP, acceptedAt: iso(then) });
  putPart(spool, 'pending', 6, 6, then);
  reconcile(spool);
  assert.deepEqual(rangesIn(spool.incoming), ['3-4']);
  assert.deepEqual(rangesIn(spool.pending), ['6-6']);
});

test('what a living runner has in hand is left alone, and another batch of the same id too', (t) => {
  const spool = tempSpool(t);
  const then = Date.now() - 5_000;
  putPart(spool, 'running/host-1', 1, 4, then);
  putPart(spool, 'pending', 3, 6, then);
  putPart(spool, 'pending', 1, 2, then - 60_000);
  putLine(spool, 'b.1', Date.now(), { ...NOOP, acceptedAt: iso(then - 1) });
  reconcile(spool, (slot) => slot === 'host-1');
  assert.deepEqual(rangesIn(spool.slot('host-1')), ['1-4']);
  assert.deepEqual(rangesIn(spool.pending), ['1-2', '5-6']);
});

test('a service that begins after a cut runs no job whose end is recorded, and says what it removed', async (t) => {
  const spool = openSpool(path.join(tempFolder(t), 'spool'), { durability: 'none' });
  const then = Date.now() - 5_000;
  putWaiting(spool, 'incoming', 'p5-now-done.json', then);
  putLine(spool, 'done', Date.now() + 1_000, { ...NOOP, acceptedAt: iso(then) });
  dropFile(spool, 'p5-now-new.json', { class: 'Trouble', method: 'noop' });
  // What is left of the runner of before.
  fs.mkdirSync(spool.slot('host-1'));
  const service = await startService(t, { dir: spool.root, allowlist: TROUBLE });
  await waitFor(() => jobStatus(spool, 'new')?.state === 'completed', 'the other job to run');
  assert.deepEqual([...completedLines(spool)].map(({ id }) => id).toSorted(), ['done', 'new']);
  assert.match(service.output() + service.errors(), /removed .*p5-now-done\.json: a power cut had brought it back/);
});
