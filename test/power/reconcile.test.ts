/** A job whose end is recorded is not run again because a power cut brought its file back; and nothing else is taken for such a file. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
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
