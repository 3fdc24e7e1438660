/** `fsck` on spools that were damaged in every way we know: it finds each, and its repair loses nothing. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { disk } from '../../spool/disk.ts';
import type { Sums } from '../../spool/fsck/sums.ts';
import { type Flaw, flaws } from '../../spool/fsck.ts';
import { Liveness } from '../../spool/liveness.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { crashAtEveryStep } from '../support/breaking-disk.ts';
import { DAMAGES, event } from '../support/damage.ts';
import { fingerprint } from '../support/fingerprint.ts';
import { putFailed, putFile, putLine, putRejected } from '../support/job-files.ts';
import { tempFolder } from '../support/spool.ts';

const AT = Date.UTC(2026, 0, 5, 12);

function check(spool: Spool): { found: Flaw[]; sums: Sums | undefined } {
  const found: Flaw[] = [];
  const looking = flaws(spool, new Liveness(spool, 5_000));
  for (let next = looking.next(); ; next = looking.next()) {
    if (next.done) return { found, sums: next.value };
    found.push(next.value);
  }
}

const repairAll = (found: readonly Flaw[]): void => {
  for (const { repair } of found) repair?.act();
};

/** A spool with a job in every place, as the service leaves them. */
function goodSpool(root: string): Spool {
  const spool = openSpool(root, { durability: 'none' });
  putFile(spool, 'pending', { id: 'waits' });
  putFile(spool, 'retrying', { id: 'waits-again', request: { attempts: [], acceptedAt: new Date(AT).toISOString() } });
  putFile(spool, 'cancelled', { id: 'cancelled' });
  putFailed(spool, 'failed', AT);
  // An id may be used again: its earlier job is another one.
  putFailed(spool, 'waits', AT - 500_000);
  spool.disk.makeFolder(spool.ledgerDay('2026-01-05'));
  putLine(spool, 'waits', AT - 900_000);
  putLine(spool, 'done', AT);
  putRejected(spool, 'rejected.json', AT);
  fs.writeFileSync(spool.cancelMarker('waits'), '');
  fs.writeFileSync(spool.jobLog('done'), 'x');
  for (const id of ['waits', 'waits-again', 'cancelled', 'failed', 'done']) event(spool, 'accepted', id, AT - 1_000);
  event(spool, 'completed', 'done', AT);
  return spool;
}

/** Every id that stands anywhere in a name or a text. */
function idsIn(root: string): Set<string> {
  const found = new Set<string>();
  for (const name of fs.readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    for (const [id] of name.matchAll(/case\d+/g)) found.add(id);
    const file = path.join(root, name);
    if (fs.lstatSync(file).isFile()) for (const [id] of fs.readFileSync(file, 'latin1').matchAll(/case\d+/g)) found.add(id);
  }
  return found;
}

/** Markers, and files of slots that nobody has, are no jobs. */
const JOBLESS = new Set<string>([
  'folder-mode',
  'missing-folder',
  'version',
  'marker-for-nothing',
  'orphan-slot-file',
  'dead-slot',
  'reason-without-file',
]);

test('a good spool has no flaw, and its sums add up', (t) => {
  const { found, sums } = check(goodSpool(tempFolder(t)));
  assert.deepEqual(found, []);
  assert.equal(sums?.addsUp, true);
  const { since, ...accepted } = sums.accepted;
  assert.equal(since, new Date(AT - 1_000).toISOString());
  assert.deepEqual(
    [accepted.total, accepted.completed, accepted.failed, accepted.cancelled, accepted.pending, accepted.retrying, accepted.nowhere],
    [5, 1, 1, 1, 1, 1, 0],
  );
  assert.deepEqual([sums.onDisk.completed, sums.onDisk.failed, sums.onDisk.rejected, sums.onDisk.pending], [2, 2, 1, 1]);
});

for (const [index, damage] of DAMAGES.entries()) {
  test(`fsck finds ${damage.kind} (${index}), names its file, and its repair leaves ${damage.leaves}`, (t) => {
    const spool = goodSpool(tempFolder(t));
    const file = damage.apply(spool, 'case0');
    const before = fingerprint(spool.root);
    const { found } = check(spool);
    assert.equal(fingerprint(spool.root), before, 'a look changes nothing');
    const its = found.filter(({ kind }) => kind === damage.kind);
    const named = its.find((flaw) => flaw.file === file);
    assert.ok(named && (named.what.includes(path.basename(file)) || named.what.includes('case0')), JSON.stringify(found));
    repairAll(found);
    const left = check(spool).found;
    const level = left.some((flaw) => flaw.level === 'wrong') ? 'wrong' : left.length > 0 ? 'note' : 'nothing';
    assert.equal(level, damage.leaves, JSON.stringify(left));
    if (damage.leaves !== 'nothing') assert.ok(left.some(({ kind }) => kind === damage.kind));
  });
}

test('a slot that is taken while fsck looks is not taken for a stranger, whose holder a repair would remove', (t) => {
  const folder = tempFolder(t);
  const { running, slot, holder, lock } = openSpool(folder, { durability: 'none' });
  let taken = 0;
  const names = (listed: string): string[] => {
    const found = disk.names(listed);
    if (listed !== running) return found;
    taken += 1;
    const name = `host-${taken}`;
    for (const made of [lock(name), slot(name)]) fs.mkdirSync(made);
    fs.writeFileSync(holder(name), '{}');
    return found;
  };
  const { found } = check(openSpool(folder, { durability: 'none', disk: { ...disk, names } }));
  assert.ok(taken >= 2, 'running/ is listed more than once');
  assert.deepEqual(
    found.filter(({ kind }) => kind.startsWith('foreign')),
    [],
  );
});

test('a crash at any step of any repair loses no job, and the next repair brings it to its end', async (t) => {
  const root = tempFolder(t);
  let [run, steps] = [0, 0];
  for (const damage of DAMAGES) {
    const prepare = () => {
      run += 1;
      const spool = goodSpool(path.join(root, String(run)));
      damage.apply(spool, 'case0');
      return { spool, hadJob: idsIn(spool.root).has('case0') };
    };
    // To read the log is no step.
    const act = ({ spool }: { spool: Spool }, disk: Spool['disk']) =>
      repairAll(check({ ...spool, disk: { ...disk, lineBlocks: spool.disk.lineBlocks } }).found);
    const isKept = ({ spool, hadJob }: { spool: Spool; hadJob: boolean }, step: number) => {
      if (hadJob && !JOBLESS.has(damage.kind)) assert.ok(idsIn(spool.root).has('case0'), `${damage.kind} lost its job in step ${step}`);
      repairAll(check(spool).found);
      // An empty slot that was half cleared away is let be for a minute, as one that is just being taken.
      const isSlot = (kind: string) => kind === 'dead-slot' || kind === 'orphan-slot-file';
      const left = check(spool).found.filter(({ kind }) => !isSlot(kind) && (damage.leaves === 'nothing' || kind !== damage.kind));
      assert.deepEqual(
        left.filter(({ file }) => !file.startsWith('tmp/')).map(({ what }) => what),
        damage.kind === 'not-a-folder' ? ['cancelled-case0 is not part of a spool; nobody reads it'] : [],
        `${damage.kind}, step ${step}`,
      );
      fs.rmSync(spool.root, { recursive: true });
    };
    steps += await crashAtEveryStep(prepare, act, isKept);
  }
  assert.ok(steps > 60, `${steps} steps`);
});

test('a job that is lost is missed, whatever an earlier job of its id has left', (t) => {
  const leave: ((spool: Spool) => unknown)[] = [
    (spool) => putLine(spool, 'again', AT - 60_000),
    (spool) => fs.utimesSync(putFailed(spool, 'again', AT - 60_000), AT / 1_000 - 60, AT / 1_000 - 60),
    (spool) => {
      putRejected(spool, 'again.json', AT - 60_000);
      fs.utimesSync(spool.reason('again.json'), AT / 1_000 - 60, AT / 1_000 - 60);
    },
  ];
  for (const act of leave) {
    const spool = goodSpool(path.join(tempFolder(t), 'spool'));
    event(spool, 'accepted', 'again', AT - 90_000);
    event(spool, 'failed', 'again', AT - 60_000);
    act(spool);
    assert.deepEqual(check(spool).found, []);
    event(spool, 'accepted', 'again', AT);
    const { found, sums } = check(spool);
    assert.deepEqual(
      found.map(({ kind, id }) => `${kind} ${id}`),
      ['vanished again'],
    );
    assert.deepEqual([sums?.addsUp, sums?.accepted.nowhere], [false, 1]);
  }
});

test('logs of jobs that nobody knows are one note, with one of them named', (t) => {
  const spool = goodSpool(tempFolder(t));
  for (const id of ['a', 'b']) fs.writeFileSync(spool.jobLog(id), 'x');
  const [found, ...others] = check(spool).found;
  assert.deepEqual([found?.kind, found?.level, others], ['orphan-log', 'note', []]);
  assert.match(found?.what ?? '', /^logs\/jobs has 2 logs of jobs that nobody knows any more, such as [ab]\.log/);
});

test('whatever is done to a spool, fsck finds each thing; its repair loses no job and has nothing to do a second time', (t) => {
  const root = tempFolder(t);
  let run = 0;
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...DAMAGES), { minLength: 1, maxLength: 12 }), (damages) => {
      run += 1;
      const spool = goodSpool(path.join(root, String(run)));
      const files = damages.map((damage, index) => ({ kind: damage.kind, file: damage.apply(spool, `case${index}`) }));
      const ids = idsIn(spool.root);
      const { found } = check(spool);
      for (const { kind, file } of files)
        assert.ok(
          found.some((flaw) => flaw.kind === kind && flaw.file === file),
          `${kind} ${file}`,
        );
      // Another fsck that saw the same and comes late.
      const late = check(spool).found;
      repairAll(found);
      repairAll(late);
      const second = check(spool).found;
      // Moving one thing aside may bring another to light, but each kind that can be put right is put right in the end.
      repairAll(second);
      const third = check(spool).found;
      assert.deepEqual(
        third.filter(({ repair }) => repair).map(({ what }) => what),
        [],
        'what could be repaired',
      );
      const allowed = new Set<string>(damages.filter(({ leaves }) => leaves !== 'nothing').map(({ kind }) => kind));
      // Its folder is still there, under another name.
      if (allowed.has('not-a-folder')) allowed.add('foreign-file');
      assert.deepEqual(
        third.filter(({ kind }) => !allowed.has(kind)).map(({ what }) => what),
        [],
        'what is left',
      );
      const kept = idsIn(spool.root);
      for (const [index, { kind }] of damages.entries())
        if (!JOBLESS.has(kind)) assert.ok(kept.has(`case${index}`), `${kind} lost its job`);
      assert.ok(ids.size >= kept.size);
      fs.rmSync(spool.root, { recursive: true });
    }),
    { numRuns: Number(process.env.FSCK_RUNS ?? 40) },
  );
});
