/** A line of a batch is steered as a job of its own, wherever it waits or runs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { shellCommands } from '../../spool/by-hand.ts';
import { slots } from '../../spool/lease.ts';
import { jobStatus, locate } from '../../spool/query.ts';
import { rescue } from '../../spool/rescue.ts';
import type { Spool } from '../../spool/spool.ts';
import { cancel, refusal, remove, retry, runNow, setPriority } from '../../spool/steer.ts';
import { withToolSlot } from '../../spool/tool-slot.ts';
import { aPolicy } from '../support/a-job.ts';
import { ACCEPTED_AT, putBatch } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const NOW = Date.now();
const HOUR = 3_600_000;

const names = (folder: string): string[] =>
  fs
    .readdirSync(folder)
    .map((name) => name.replace(/^p\d+-[^-]*-/, ''))
    .sort();
const states = (spool: Spool, id: string, to: number) => Array.from({ length: to }, (_, at) => jobStatus(spool, `${id}.${at + 1}`)?.state);

test('a line in the middle of a batch is cancelled, deleted, made due and given another priority, and the others wait on', async (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 10, runAt: NOW + HOUR });
  const cancelled = await withToolSlot(spool, (slot) => cancel(spool, 'b.5', { slot }));
  assert.ok(cancelled.kind === 'cancelled' && cancelled.job?.id === 'b.5');
  const { state, params, acceptedAt } = jobStatus(spool, 'b.5') ?? {};
  assert.deepEqual([state, params, acceptedAt], ['cancelled', [5], new Date(ACCEPTED_AT).toISOString()]);
  assert.deepEqual(await withToolSlot(spool, (slot) => remove(spool, 'b.1', { slot })), { kind: 'done', from: 'scheduled' });
  assert.equal(jobStatus(spool, 'b.1'), undefined);
  assert.equal((await withToolSlot(spool, (slot) => runNow(spool, 'b.8', { slot, now: NOW }))).kind, 'done');
  assert.equal(jobStatus(spool, 'b.8')?.state, 'pending');
  assert.equal((await withToolSlot(spool, (slot) => setPriority(spool, 'b.10', 9, { slot }))).kind, 'done');
  assert.equal(jobStatus(spool, 'b.10')?.priority, 9);
  assert.equal(jobStatus(spool, 'b.10')?.acceptedAt, acceptedAt, 'it was accepted with its batch');
  assert.deepEqual(names(spool.pending), ['b.10.json', 'b.8.json', 'b@2-4.ndjson', 'b@6-7.ndjson', 'b@9-9.ndjson']);
  assert.deepEqual(slots(spool), [], 'the slot is given back');
});

test('what has no slot is told that it needs one, and nothing is moved', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 3 });
  assert.deepEqual(cancel(spool, 'b.2'), { kind: 'slot' });
  assert.match(refusal({ kind: 'slot' }), /slot/);
  assert.deepEqual(names(spool.pending), ['b@1-3.ndjson']);
});

test('a line that a runner has claimed and not begun is cancelled by its marker, and nothing else is done to it', async (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'running/host-7', { id: 'b', to: 3 });
  for (const line of [1, 3]) {
    const asked = await withToolSlot(spool, (slot) => cancel(spool, `b.${line}`, { slot }));
    assert.deepEqual(asked, { kind: 'asked', from: line === 1 ? 'running' : 'pending', slot: 'host-7' });
    assert.ok(fs.existsSync(spool.cancelMarker(`b.${line}`)));
  }
  const seen = { place: locate(spool, 'b.2'), only: true };
  assert.equal((await withToolSlot(spool, (slot) => cancel(spool, 'b.2', { ...seen, slot }))).kind, 'asked');
  const refused = await withToolSlot(spool, (slot) => remove(spool, 'b.3', { slot }));
  assert.deepEqual(refused, { kind: 'conflict', state: 'running' });
});

test('one after the other is taken from where it was seen, though their file has another name each time', async (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 6 });
  const seen = [2, 3, 6].map((line) => ({ id: `b.${line}`, place: locate(spool, `b.${line}`) }));
  for (const { id, place } of seen) {
    const done = await withToolSlot(spool, (slot) => cancel(spool, id, { place, only: true, slot }));
    assert.equal(done.kind, 'cancelled', id);
  }
  assert.deepEqual(states(spool, 'b', 6), ['pending', 'cancelled', 'cancelled', 'pending', 'pending', 'cancelled']);
});

test("a batch's own id cancels all that is left of it, by its marker", (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', from: 4, to: 6 });
  assert.equal(cancel(spool, 'b').kind, 'asked');
  assert.ok(fs.existsSync(spool.cancelMarker('b')));
  assert.equal(cancel(spool, 'c').kind, 'unknown');
});

test('a batch that is not accepted gets another priority, or is made due, as one file', (t) => {
  const spool = tempSpool(t);
  dropFile(spool, 'p5-30261122T101500Z-b.ndjson', '{"class":"Example"}\n');
  dropFile(spool, 'p5-30261122T101500.000Z-c@2-3.ndjson', '{"class":"Example"}\n');
  for (const id of ['b', 'c']) assert.deepEqual(setPriority(spool, id, 9), { kind: 'done', from: 'scheduled' });
  assert.equal(runNow(spool, 'b', { now: NOW }).kind, 'done');
  assert.deepEqual(names(spool.incoming), ['b.ndjson', 'c@2-3.ndjson']);
  assert.ok(['b', 'c'].every((id) => jobStatus(spool, id)?.priority === 9));
  assert.deepEqual([jobStatus(spool, 'b')?.state, jobStatus(spool, 'c')?.state], ['pending', 'scheduled']);
});

test('what is over of the same id does not keep a batch from being cancelled: a twin of it that was rejected, say', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'pending', { id: 'b', to: 3 });
  fs.writeFileSync(`${spool.rejected}/p5-now-b.json`, '{}');
  assert.equal(cancel(spool, 'b').kind, 'asked');
  assert.ok(fs.existsSync(spool.cancelMarker('b')));
});

test('a line of a batch that is not accepted, or was rejected, is not taken out of it; the whole of it is handed in again', async (t) => {
  const spool = tempSpool(t);
  dropFile(spool, 'p5-now-b.ndjson', '{"class":"A"}\n{"class":"B"}\n');
  const at = (id: string) => withToolSlot(spool, (slot) => remove(spool, id, { slot }));
  assert.deepEqual(await at('b.2'), { kind: 'batch', id: 'b' });
  assert.match(refusal({ kind: 'batch', id: 'b' }), /the batch b, which is steered as a whole/);
  fs.renameSync(`${spool.incoming}/p5-now-b.ndjson`, `${spool.rejected}/p5-now-b.ndjson`);
  fs.writeFileSync(spool.reason('p5-now-b.ndjson'), '{"reason":"line 1: no such class"}');
  assert.deepEqual(await at('b.1'), { kind: 'batch', id: 'b' });
  assert.deepEqual(retry(spool, 'b.1'), { kind: 'batch', id: 'b' });
  assert.deepEqual(retry(spool, 'b'), { kind: 'done', from: 'rejected' });
  assert.deepEqual(fs.readdirSync(spool.incoming), ['p5-now-b.ndjson']);
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
});

test('by hand a line can be read and cancelled, and its file is not offered to be moved', (t) => {
  const spool = tempSpool(t);
  const file = putBatch(spool, 'pending', { id: 'b', to: 3, runAt: NOW + HOUR });
  const place = locate(spool, 'b.2');
  const job = jobStatus(spool, 'b.2');
  assert.ok(place && job);
  assert.deepEqual(
    shellCommands(spool, job, place).map(({ does, command }) => [does, command]),
    [
      ['read it', `sed -n 2p ${file}`],
      ['cancel', `touch ${spool.cancelMarker('b.2')}`],
    ],
  );
});

test('what a dead program had in its slot waits again: nobody had begun it', (t) => {
  const spool = tempSpool(t);
  putBatch(spool, 'running/host-9', { id: 'b', to: 3 });
  fs.writeFileSync(
    spool.holder('host-9'),
    JSON.stringify({ kind: 'tool', host: 'h', pid: 1, processStart: '', bootId: '', pidNamespace: '', since: '' }),
  );
  const error = { name: 'RunnerCrashed', message: 'it is dead' };
  const options = { now: NOW, random: () => 0, policyOf: () => aPolicy(), endOf: () => ({ kind: 'crashed' as const, error }) };
  assert.deepEqual(rescue(spool, 'host-9', 'host-1', options), []);
  assert.deepEqual(names(spool.pending), ['b@1-3.ndjson']);
  assert.deepEqual(states(spool, 'b', 3), ['pending', 'pending', 'pending']);
});
