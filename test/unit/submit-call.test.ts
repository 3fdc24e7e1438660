/** Calls that are in flight at once share a file: each is told of its own job, and only of its own. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Intake } from '../../spool/accept.ts';
import { SpoolError } from '../../spool/errors.ts';
import { jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { submitCall } from '../../spool/submit-call.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const NOW = Date.UTC(2026, 10, 22);
const one = (more: object = {}) => ({ class: 'A', method: 'm', ...more });
const files = (spool: Spool) => fs.readdirSync(spool.incoming);

test('each of many calls in flight gets the id of its own job', async (t) => {
  for (const durability of ['none', 'full'] as const) {
    const spool = tempSpool(t, { durability });
    const ids = await Promise.all(Array.from({ length: 60 }, (_, number) => submitCall(spool, one({ params: [number] }))));
    assert.equal(new Set(ids).size, 60);
    assert.ok(files(spool).length < 6, `${files(spool)}`);
    const intake = new Intake(spool, { refusal: () => undefined, isLive: () => false });
    for (const name of intake.names()) assert.match(intake.accept(name, NOW, 0).kind, /^accepted/);
    for (const [number, id] of ids.entries()) {
      const status = jobStatus(spool, id);
      assert.equal(status?.state, 'pending', id);
      assert.deepEqual(status?.params, [number], id);
    }
  }
});

test('a call that is not valid is refused alone', async (t) => {
  const spool = tempSpool(t);
  const calls = Array.from({ length: 20 }, (_, number) => submitCall(spool, one(number === 7 ? { retries: -1 } : {})));
  const settled = await Promise.allSettled(calls);
  assert.deepEqual(
    settled.flatMap(({ status }, number) => (status === 'rejected' ? [number] : [])),
    [7],
  );
});

test('a few calls at once, and those with an id or a time of their own, are files that a person can see and move', async (t) => {
  const spool = tempSpool(t);
  await Promise.all([submitCall(spool, one()), submitCall(spool, one()), submitCall(spool, one())]);
  const special = [{ id: 'x' }, { delay: 60 }, { id: 'y', delay: 60 }].map((options) => submitCall(spool, one(options)));
  await Promise.all(special);
  assert.equal(files(spool).length, 6);
  assert.ok(files(spool).every((name) => name.endsWith('.json')));
});

test('calls of different priorities do not share a file', async (t) => {
  const spool = tempSpool(t);
  await Promise.all(Array.from({ length: 21 }, (_, number) => submitCall(spool, one({ priority: 1 + (number % 2) * 8 }))));
  const batches = files(spool).filter((name) => name.endsWith('~each.ndjson'));
  assert.deepEqual(batches.map((name) => name.slice(0, 2)).toSorted(), ['p1', 'p9']);
});

test('where the disk takes nothing, every call hears of it, and nothing is left behind', async (t) => {
  const spool = tempSpool(t);
  const full = Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
  const broken: Spool = {
    ...spool,
    disk: {
      ...spool.disk,
      create() {
        throw full;
      },
    },
  };
  const settled = await Promise.allSettled(Array.from({ length: 12 }, () => submitCall(broken, one())));
  for (const result of settled) assert.ok(result.status === 'rejected' && (result.reason as SpoolError).code === 'SPOOL_FULL');
  assert.deepEqual([files(spool), fs.readdirSync(spool.tmp)], [[], []]);
  assert.equal(typeof (await submitCall(spool, one())), 'string');
});

test('where the last sync fails, each call is told that its own job was submitted, and of no other', async (t) => {
  const spool = tempSpool(t, { durability: 'full' });
  const broken: Spool = { ...spool, disk: { ...spool.disk, syncFolderLater: () => Promise.reject(new Error('EIO: i/o error')) } };
  const settled = await Promise.allSettled(Array.from({ length: 12 }, () => submitCall(broken, one())));
  const told = settled.map((result) => {
    assert.ok(result.status === 'rejected' && result.reason instanceof SpoolError);
    assert.equal(result.reason.code, 'PARTLY_SUBMITTED');
    assert.match(result.reason.message, /^submit 1 job: submitted/);
    assert.equal(result.reason.submitted.length, 1);
    return result.reason.submitted[0];
  });
  assert.equal(new Set(told).size, 12);
});

test('a batch of calls that a program is still writing is left alone, and taken when it ends with a whole line', (t) => {
  const spool = tempSpool(t);
  const intake = new Intake(spool, { refusal: () => 'nothing is allowed', isLive: () => false });
  const file = path.join(spool.incoming, 'p5-now-x~each.ndjson');
  dropFile(spool, path.basename(file), '{"class":"A"}\n{"class":"B"');
  assert.equal(intake.accept(path.basename(file), NOW, 0).kind, 'unfinished');
  fs.appendFileSync(file, '}\n');
  // What is not allowed is refused by who claims it, line by line.
  const accepted = intake.accept(path.basename(file), NOW, 0);
  assert.equal(accepted.kind === 'accepted-batch' && accepted.name, 'p5-20261122T000000.000Z-x@1-2.ndjson');
});

test('a batch of calls is no larger than another batch, and has no id that lives', (t) => {
  const spool = tempSpool(t);
  const intake = new Intake(spool, { refusal: () => undefined, isLive: (id) => id === 'y.2' });
  const lines = (count: number) => '{"class":"A"}\n'.repeat(count);
  dropFile(spool, 'p5-now-x~each.ndjson', lines(10_001));
  dropFile(spool, 'p5-now-y~each.ndjson', lines(2));
  const [x, y] = ['x', 'y'].map((id) => intake.accept(`p5-now-${id}~each.ndjson`, NOW, 0));
  assert.match(x?.kind === 'rejected' ? x.reason : '', /at most 10000 lines, got 10001/);
  assert.match(y?.kind === 'rejected' ? y.reason : '', /duplicate.*"y\.2"/);
});
