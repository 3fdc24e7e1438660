import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Accepted, type AcceptRules, Intake, SETTLE_MS } from '../../spool/accept.ts';
import { disk } from '../../spool/disk.ts';
import { MAX_BODY_BYTES } from '../../spool/request.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const NOW = Date.UTC(2026, 10, 22, 10, 15);
const STAMP = '20261122T101500.000Z';

function setUp(t: TestContext, rules: Partial<AcceptRules> = {}) {
  const spool = tempSpool(t);
  const intake = new Intake(spool, { refusal: () => undefined, isLive: () => false, ...rules });
  const list = (folder: 'incoming' | 'pending' | 'rejected' | 'failed') => fs.readdirSync(spool[folder]).toSorted();
  const at = (name: string) => path.join(spool.incoming, name);
  const accept = (name: string, clock = 0) => intake.accept(name, NOW, clock);
  const reason = (name: string): string => JSON.parse(fs.readFileSync(spool.reason(name), 'utf8')).reason;
  return { spool, intake, list, at, accept, reason };
}

const reasonOf = (accepted: Accepted) => (accepted.kind === 'rejected' ? accepted.reason : assert.fail(accepted.kind));

test('a dropped request waits in pending under its canonical name', (t) => {
  const { spool, accept, list } = setUp(t);
  for (const [name, canonical] of [
    ['p8-now-a.json', `p8-${STAMP}-a.json`],
    ['p8-20270101T000000Z-b.json', 'p8-20270101T000000.000Z-b.json'],
    ['p10-1795000000-c.json', 'p10-20261118T110640.000Z-c.json'],
    ['report.json', `p5-${STAMP}-report.json`],
  ] as const) {
    dropFile(spool, name, { class: 'A' });
    const accepted = accept(name);
    assert.equal(accepted.kind === 'accepted' && accepted.job.name, canonical);
    assert.ok(list('pending').includes(canonical));
  }
  assert.deepEqual(list('incoming'), []);
});

test('a request without an id is given one', (t) => {
  const { spool, accept, list } = setUp(t);
  dropFile(spool, 'my report.json', { class: 'A' });
  assert.equal(accept('my report.json').kind, 'accepted');
  assert.match(list('pending')[0] ?? '', /^p5-20261122T101500\.000Z-[0-9A-Z]{26}\.json$/);
});

test('the body that was parsed is what runs: the file is moved, not copied', (t) => {
  const { spool, accept } = setUp(t);
  const text = '{ "class": "A",\n  "params": {"b": 1} }\n';
  dropFile(spool, 'p5-now-a.json', text);
  accept('p5-now-a.json');
  assert.equal(fs.readFileSync(path.join(spool.pending, `p5-${STAMP}-a.json`), 'utf8'), text);
});

test('files come in by priority, and the names that are not ours are not among them', (t) => {
  const { spool, intake, at } = setUp(t);
  for (const name of ['p1-now-a.json', 'p10-now-b.json', 'z.json', 'p5-now-a.json', 'p99-now-x.json']) dropFile(spool, name, '{}');
  fs.writeFileSync(at('.hidden.json'), '');
  fs.writeFileSync(at('p5-now-a.json.part'), '');
  assert.deepEqual(intake.names(), ['p10-now-b.json', 'p5-now-a.json', 'z.json', 'p1-now-a.json', 'p99-now-x.json']);
});

test('a file that is still being written is left alone for as long as it changes', (t) => {
  const { at, accept, list } = setUp(t);
  fs.writeFileSync(at('a.json'), '{"class":');
  assert.equal(accept('a.json', 0).kind, 'unfinished');
  assert.equal(accept('a.json', SETTLE_MS - 1).kind, 'unfinished');
  fs.appendFileSync(at('a.json'), '"A"');
  assert.equal(accept('a.json', SETTLE_MS + 1).kind, 'unfinished');
  assert.equal(accept('a.json', 2 * SETTLE_MS).kind, 'unfinished');
  fs.appendFileSync(at('a.json'), '}');
  assert.equal(accept('a.json', 2 * SETTLE_MS + 2).kind, 'accepted');
  assert.deepEqual(list('rejected'), []);
});

test('a file that stays broken for the settle time is rejected with what is wrong', (t) => {
  const { at, accept, intake, list, reason } = setUp(t);
  for (const [name, bytes] of [
    ['empty.json', ''],
    ['half.json', '{"class":'],
    ['latin1.json', Buffer.from('{"class":"\xe9"}', 'latin1')],
  ] as const) {
    fs.writeFileSync(at(name), bytes);
    assert.equal(accept(name, 0).kind, 'unfinished', name);
    assert.equal(accept(name, SETTLE_MS).kind, 'rejected', name);
  }
  assert.match(reason('empty.json'), /the file is empty/);
  assert.match(reason('half.json'), /not JSON/);
  assert.match(reason('latin1.json'), /not UTF-8/);
  assert.deepEqual(
    list('rejected'),
    ['empty', 'half', 'latin1'].flatMap((stem) => [`${stem}.json`, `${stem}.json.reason.json`]),
  );
  assert.equal(intake.unfinished, 0);
});

test('a file that its writer removed is forgotten', (t) => {
  const { at, accept, intake } = setUp(t);
  fs.writeFileSync(at('a.json'), '{');
  accept('a.json');
  assert.equal(intake.unfinished, 1);
  fs.rmSync(at('a.json'));
  intake.names();
  assert.equal(intake.unfinished, 0);
  assert.equal(accept('a.json').kind, 'none');
});

test('a body may have 1 MiB and not a byte more', (t) => {
  const { spool, accept } = setUp(t);
  const sized = (bytes: number) => {
    const empty = JSON.stringify({ class: 'A', params: [''] });
    return JSON.stringify({ class: 'A', params: ['x'.repeat(bytes - empty.length)] });
  };
  dropFile(spool, 'p5-now-fits.json', sized(MAX_BODY_BYTES));
  assert.equal(accept('p5-now-fits.json').kind, 'accepted');
  dropFile(spool, 'p5-now-large.json', sized(MAX_BODY_BYTES + 1));
  assert.equal(accept('p5-now-large.json', 0).kind, 'unfinished');
  assert.match(reasonOf(accept('p5-now-large.json', SETTLE_MS)), /expected a body of at most 1048576 bytes, got 1048577/);
});

test('links, FIFOs, folders and devices are rejected and never opened', { skip: process.platform === 'win32' }, (t) => {
  const { spool, accept, at, list } = setUp(t);
  const secret = path.join(spool.root, 'secret');
  fs.writeFileSync(secret, '{"class":"A"}');
  fs.symlinkSync(secret, at('link.json'));
  fs.symlinkSync('/nowhere', at('dangling.json'));
  execFileSync('mkfifo', [at('fifo.json')]);
  fs.mkdirSync(at('folder.json'));
  for (const [name, what] of [
    ['link', 'a symbolic link'],
    ['dangling', 'a symbolic link'],
    ['fifo', 'a FIFO'],
    ['folder', 'a folder'],
  ] as const) {
    assert.equal(reasonOf(accept(`${name}.json`)), `expected a regular file, got ${what}`);
  }
  assert.deepEqual(list('incoming'), []);
  assert.equal(fs.readFileSync(secret, 'utf8'), '{"class":"A"}');
});

test('a duplicate of a live job is rejected and the first is left as it is', (t) => {
  const { spool, accept, list } = setUp(t, { isLive: (id) => id === 'a' });
  dropFile(spool, 'p5-now-a.json', { class: 'A' });
  assert.match(reasonOf(accept('p5-now-a.json')), /^duplicate: a job with the id "a" is already waiting or running$/);
  assert.deepEqual(list('pending'), []);
});

test('what the allow-list refuses is rejected with its sentence, its class and its method', (t) => {
  const { spool, accept } = setUp(t, { refusal: ({ class: name }) => `class "${name}" is not on the allow-list` });
  dropFile(spool, 'p5-now-a.json', { class: 'Evil', method: 'm' });
  assert.equal(reasonOf(accept('p5-now-a.json')), 'class "Evil" is not on the allow-list');
  const { id, class: className, method } = JSON.parse(fs.readFileSync(spool.reason('p5-now-a.json'), 'utf8'));
  assert.deepEqual({ id, className, method }, { id: 'a', className: 'Evil', method: 'm' });
});

test('a name that breaks the grammar and a body with a wrong field are rejected at once', (t) => {
  const { spool, accept } = setUp(t);
  dropFile(spool, 'p99-now-a.json', { class: 'A' });
  assert.match(reasonOf(accept('p99-now-a.json')), /priority: expected 1 to 10/);
  dropFile(spool, 'p5-now-b.json', { class: 'A', priority: 8 });
  assert.match(reasonOf(accept('p5-now-b.json')), /"priority" belongs in the file name/);
});

test('rejected files of one name are all kept, each beside its reason', (t) => {
  const { spool, accept, list } = setUp(t);
  for (let time = 0; time < 3; time++) {
    dropFile(spool, 'p99-now-a.json', String(time));
    accept('p99-now-a.json');
  }
  const names = ['p99-now-a.2.json', 'p99-now-a.3.json', 'p99-now-a.json'];
  assert.deepEqual(
    list('rejected'),
    names.flatMap((name) => [name, `${name}.reason.json`]),
  );
});

test('a name as long as the file system allows is rejected, not stuck', (t) => {
  const { spool, accept, list } = setUp(t);
  const name = `p5-now-${'x'.repeat(243)}.json`;
  dropFile(spool, name, { class: 'A' });
  assert.equal(accept(name).kind, 'rejected');
  assert.deepEqual(list('incoming'), []);
});

test('a second job of the same name does not wipe out the history of the first', (t) => {
  const { spool, accept, list } = setUp(t);
  const name = 'p5-20270101T000000.000Z-a.json';
  fs.writeFileSync(path.join(spool.failed, name), 'history');
  dropFile(spool, name, { class: 'A' });
  accept(name);
  assert.deepEqual(list('pending'), ['p5-20270101T000000.001Z-a.json']);
  assert.deepEqual(list('failed'), [name]);
});

test('a failed job that is moved back comes in with its history', (t) => {
  const { spool, accept } = setUp(t);
  const attempt = {
    number: 1,
    outcome: 'failed',
    startedAt: '2026-11-22T00:00:00.000Z',
    finishedAt: '2026-11-22T00:00:01.000Z',
    runner: 'r',
    error: { name: 'E', message: 'm' },
  };
  dropFile(spool, `p5-${STAMP}-a.json`, { class: 'A', attempts: [attempt], acceptedAt: '2026-11-22T00:00:00.000Z' });
  const accepted = accept(`p5-${STAMP}-a.json`);
  assert.deepEqual(accepted.kind === 'accepted' && accepted.job.request.attempts, [attempt]);
});

test('who kept his file from the service is told the umask with which it is taken, in a drop folder the one that keeps it his', (t) => {
  for (const umask of ['007', '027']) {
    const open = tempSpool(t);
    const denied = () => ({ kind: 'unreadable', reason: 'EACCES: permission denied', isDenied: true }) as const;
    const spool = { ...open, disk: { ...disk, inspect: denied } };
    if (umask === '027')
      for (const [folder, mode] of [
        [spool.incoming, 0o3770],
        [spool.pending, 0o700],
      ] as const)
        fs.chmodSync(folder, mode);
    dropFile(spool, 'p5-now-closed.json', {});
    const intake = new Intake(spool, { refusal: () => undefined, isLive: () => false });
    intake.accept('p5-now-closed.json', NOW, 0);
    assert.match(reasonOf(intake.accept('p5-now-closed.json', NOW, SETTLE_MS)), new RegExp(`let its producer have the umask ${umask} and`));
  }
});
