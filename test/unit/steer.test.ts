import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { shellCommands } from '../../spool/by-hand.ts';
import { parseJobName } from '../../spool/filename.ts';
import { jobStatus, locate, type Place } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { ACTIONS, STATES } from '../../spool/state.ts';
import { cancel, refusal, remove, retry, runNow, setPriority } from '../../spool/steer.ts';
import { putFailed, putFile, putLine, putRejected, putRunning } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const NOW = Date.now();
const HOUR = 3_600_000;

test('a job that waits is cancelled at once, with its history; one that runs gets the marker', (t) => {
  const spool = tempSpool(t);
  putFile(spool, 'pending', { id: 'p' });
  putFile(spool, 'retrying', { id: 'r', runAt: NOW + HOUR });
  putRunning(spool, 'host-1', { id: 'runs' });
  dropFile(spool, 'dropped.json', { class: 'A' });
  for (const id of ['p', 'r']) {
    const cancelled = cancel(spool, id);
    assert.equal(cancelled.kind === 'cancelled' && cancelled.job?.id, id);
    assert.equal(jobStatus(spool, id)?.state, 'cancelled');
    assert.ok(!fs.existsSync(spool.cancelMarker(id)), 'the marker has done its work');
  }
  assert.deepEqual(cancel(spool, 'runs'), { kind: 'asked', from: 'running', slot: 'host-1' });
  assert.deepEqual(cancel(spool, 'dropped'), { kind: 'asked', from: 'pending', slot: undefined });
  for (const id of ['runs', 'dropped']) assert.ok(fs.existsSync(spool.cancelMarker(id)), id);
  assert.ok(jobStatus(spool, 'runs')?.cancelRequestedAt);
});

test('what is over runs again under its own name; what waits for its time runs now', (t) => {
  const spool = tempSpool(t);
  putFailed(spool, 'f', NOW);
  putFile(spool, 'cancelled', { id: 'c' });
  putRejected(spool, 'x.json', NOW);
  putFile(spool, 'pending', { id: 's', priority: 7, runAt: NOW + HOUR });
  putFile(spool, 'retrying', { id: 'r', runAt: NOW + HOUR });
  dropFile(spool, 'p3-20991231T000000Z-later.json', { class: 'A' });
  for (const id of ['f', 'c', 'x']) assert.equal(retry(spool, id).kind, 'done', id);
  assert.equal(fs.readdirSync(spool.incoming).length, 4);
  assert.deepEqual(fs.readdirSync(spool.rejected), [], 'the reason goes with its file');
  for (const id of ['s', 'r', 'later']) assert.equal(runNow(spool, id, { now: NOW }).kind, 'done', id);
  assert.deepEqual(parseJobName(nameOf(spool, 's')), { priority: 7, runAt: NOW, id: 's' });
  assert.equal(path.dirname(locate(spool, 'r')?.file ?? ''), spool.retrying);
  assert.deepEqual(parseJobName(nameOf(spool, 'later')), { priority: 3, runAt: NOW, id: 'later' });
});

test('a priority is changed by a rename in the same folder, and by nothing that is none', (t) => {
  const spool = tempSpool(t);
  putFile(spool, 'pending', { id: 'p', runAt: NOW - 5 });
  putFile(spool, 'retrying', { id: 'r', runAt: NOW + HOUR });
  dropFile(spool, 'dropped.json', { class: 'A' });
  for (const id of ['p', 'r', 'dropped']) assert.equal(setPriority(spool, id, 9).kind, 'done', id);
  assert.deepEqual(parseJobName(nameOf(spool, 'p')), { priority: 9, runAt: NOW - 5, id: 'p' });
  assert.equal(path.dirname(locate(spool, 'r')?.file ?? ''), spool.retrying);
  assert.equal(path.dirname(locate(spool, 'dropped')?.file ?? ''), spool.incoming);
  assert.equal(setPriority(spool, 'p', 9).kind, 'done', 'it has it already');
  for (const priority of [0, 11, 2.5, Number.NaN])
    assert.throws(() => setPriority(spool, 'p', priority), /expected a whole number from 1 to 10/);
});

test('no job is ever put in the place of another', (t) => {
  const spool = tempSpool(t);
  const failed = putFailed(spool, 'a', NOW);
  // A request of the same name waits to be accepted already, and a job of the same id has the priority that another is to get.
  dropFile(spool, path.basename(failed), { class: 'Other' });
  const place: Place = { state: 'failed', name: path.basename(failed), file: failed };
  assert.deepEqual(retry(spool, 'a', { place }), { kind: 'taken', name: path.basename(failed) });
  assert.equal(fs.readFileSync(`${spool.incoming}/${path.basename(failed)}`, 'utf8'), '{"class":"Other"}');
  assert.ok(fs.existsSync(failed));
  const low = putFile(spool, 'pending', { id: 'b', priority: 1, request: { class: 'Low' } });
  const high = putFile(spool, 'pending', { id: 'b', priority: 9, request: { class: 'High' } });
  const waiting: Place = { state: 'pending', name: path.basename(low), file: low };
  assert.equal(setPriority(spool, 'b', 9, { place: waiting }).kind, 'taken');
  assert.match(fs.readFileSync(high, 'utf8'), /High/);
  assert.ok(fs.existsSync(low));
});

test('a job that has moved since it was seen is looked for, or only reported when many are steered', (t) => {
  const spool = tempSpool(t);
  const seenAt = (id: string): Place => ({ ...(locate(spool, id) as Place) });
  const acts = { cancel, retry, remove } as const;
  for (const [name, act] of Object.entries(acts)) {
    const file = putFile(spool, name === 'retry' ? 'failed' : 'pending', { id: name, runAt: NOW - 1 });
    const place = seenAt(name);
    fs.renameSync(file, `${name === 'retry' ? spool.cancelled : spool.retrying}/${path.basename(file)}`);
    assert.deepEqual(act(spool, name, { place, only: true }), { kind: 'moved' }, name);
    assert.ok(!fs.existsSync(spool.cancelMarker(name)), 'no marker is left behind');
    assert.ok(['done', 'cancelled'].includes(act(spool, name, { place }).kind), name);
  }
  assert.deepEqual(cancel(spool, 'x', { only: true }), { kind: 'moved' });
});

test('a state that does not allow it, and an id that is unknown, are answers', (t) => {
  const spool = tempSpool(t);
  putLine(spool, 'done', NOW);
  putRunning(spool, 'host-1', { id: 'runs' });
  putFile(spool, 'pending', { id: 'p', runAt: NOW - 1 });
  assert.deepEqual(cancel(spool, 'done'), { kind: 'conflict', state: 'completed' });
  assert.deepEqual(remove(spool, 'runs'), { kind: 'conflict', state: 'running' });
  assert.deepEqual(retry(spool, 'p'), { kind: 'conflict', state: 'pending' });
  assert.deepEqual(runNow(spool, 'p'), { kind: 'conflict', state: 'pending' });
  assert.deepEqual(setPriority(spool, 'unknown', 5), { kind: 'unknown' });
  assert.deepEqual(cancel(spool, '../../etc/passwd'), { kind: 'unknown' });
  const sentences = [
    { kind: 'unknown' },
    { kind: 'moved' },
    { kind: 'conflict', state: 'completed' },
    { kind: 'taken', name: 'n' },
  ] as const;
  for (const why of sentences) assert.match(refusal(why), /\w+ \w+/);
});

test('deleting a finished job leaves the log and the marker of a live job that has its id now', (t) => {
  const spool = tempSpool(t);
  const failed = putFailed(spool, 'a', NOW);
  const place = locate(spool, 'a') as Place;
  putRunning(spool, 'host-1', { id: 'a' });
  const minuteAgo = Date.now() / 1_000 - 60;
  fs.utimesSync(failed, minuteAgo, minuteAgo);
  fs.writeFileSync(spool.jobLog('a'), 'the live one says this');
  fs.writeFileSync(spool.cancelMarker('a'), '');
  assert.equal(remove(spool, 'a', { place, only: true }).kind, 'done');
  assert.ok(fs.existsSync(spool.jobLog('a')));
  assert.ok(fs.existsSync(spool.cancelMarker('a')));
});

test('deleting a job takes its own log along', (t) => {
  const spool = tempSpool(t);
  fs.writeFileSync(spool.jobLog('f'), 'it said this');
  putFailed(spool, 'f', NOW);
  fs.writeFileSync(spool.jobLog('r'), 'it said this');
  putFile(spool, 'retrying', { id: 'r', runAt: NOW + HOUR });
  for (const id of ['f', 'r']) {
    assert.equal(remove(spool, id).kind, 'done');
    assert.ok(!fs.existsSync(spool.jobLog(id)), id);
    assert.equal(jobStatus(spool, id), undefined);
  }
});

test('each state offers the shell command for each of its actions, and the words are safe in a shell', (t) => {
  const spool = tempSpool(t);
  const name = "it's; rm -rf ~.json";
  for (const state of STATES) {
    const place: Place = { state, name: 'p5-20261122T101500.000Z-a.json', file: `${spool.pending}/p5-20261122T101500.000Z-a.json` };
    const commands = shellCommands(spool, { id: 'a', state, priority: 5, runAt: '', attempts: [] }, place, NOW);
    const allowed = Object.values(ACTIONS).filter((states) => (states as readonly string[]).includes(state));
    assert.equal(commands.length, allowed.length, state);
  }
  const place: Place = { state: 'rejected', name, file: `${spool.rejected}/${name}` };
  const [again] = shellCommands(spool, { id: 'x', state: 'rejected', priority: 5, runAt: '', attempts: [] }, place, NOW);
  assert.match(again?.command ?? '', /^mv -n '.*it'\\''s; rm -rf ~\.json' /);
});

test('the shell commands do what they say', (t) => {
  const spool = tempSpool(t);
  const file = putFile(spool, 'pending', { id: 'a', runAt: NOW + HOUR });
  const status = jobStatus(spool, 'a');
  assert.ok(status);
  const commands = shellCommands(spool, status, locate(spool, 'a') as Place, NOW);
  const target = (does: string) =>
    path.basename(
      commands
        .find((one) => one.does === does)
        ?.command.split(' ')
        .at(-1) ?? '',
    );
  assert.deepEqual(parseJobName(target('run now')), { priority: 5, runAt: NOW, id: 'a' });
  assert.deepEqual(parseJobName(target('priority')), { priority: 10, runAt: NOW + HOUR, id: 'a' });
  assert.equal(target('delete'), path.basename(file));
  assert.equal(target('cancel'), 'a');
});

const nameOf = (spool: Spool, id: string): string => locate(spool, id)?.name ?? '';
