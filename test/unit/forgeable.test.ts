/** What others than its owner may have written is known for that ever after, however often the service writes it anew. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Claimed, claim, readJob } from '../../spool/claim.ts';
import { BatchTexts, claimPart, lineJob } from '../../spool/claim-part.ts';
import type { Move } from '../../spool/decide.ts';
import { disk, type FileFacts } from '../../spool/disk.ts';
import type { End } from '../../spool/job.ts';
import { LineTexts } from '../../spool/line-texts.ts';
import { singleOut } from '../../spool/part.ts';
import { locate } from '../../spool/query.ts';
import { reconcile } from '../../spool/reconcile.ts';
import { rescue } from '../../spool/rescue.ts';
import { settle } from '../../spool/settle.ts';
import type { Spool } from '../../spool/spool.ts';
import { cancel, retry, runNow, setPriority } from '../../spool/steer.ts';
import { withToolSlot } from '../../spool/tool-slot.ts';
import { aPolicy } from '../support/a-job.ts';
import { tempSpool } from '../support/spool.ts';

const [ADA, BOB, GROUP] = [54_112, 54_113, 54_210];
const LINE = '{"class":"Limited","method":"noop"}\n';
const NOW = Date.now();
const SPAN = { startedAt: NOW, finishedAt: NOW, runner: 'host-1' };
const FAILED: End = { kind: 'failed', error: { name: 'Error', message: 'no' }, permanent: true, names: [] };
const FAILING: Move = { to: 'failed', outcome: 'failed', why: 'no retries' };
const SINGLE = 'p5-20990101T000000.000Z-one.json';
const PART = 'p5-20990101T000000.000Z-many@1-3.ndjson';
const DUE = Date.UTC(2099, 0, 2);

/** Each begins with a file of Ada's that her group may write, single or a batch, and ends with the job in a file that the service wrote. */
const WAYS: { [way: string]: (spool: Spool) => Promise<unknown> | unknown } = {
  'a line is run now': (spool) => withToolSlot(spool, (slot) => runNow(spool, 'many.2', { slot })),
  'a line gets another priority': (spool) => withToolSlot(spool, (slot) => setPriority(spool, 'many.2', 4, { slot })),
  'a line is cancelled and retried': async (spool) => {
    await withToolSlot(spool, (slot) => cancel(spool, 'many.2', { slot }));
    retry(spool, 'many.2');
  },
  'a claimed line gets a file of its own': (spool) => singleOut(spool, 'host-1', claimLine(spool), NOW),
  'a claimed line is refused': (spool) =>
    settle(spool, 'host-1', claimLine(spool), { kind: 'refused', reason: 'no' }, { to: 'rejected', reason: 'no' }, SPAN, NOW),
  'a claimed line is released': (spool) => settle(spool, 'host-1', claimLine(spool), { kind: 'released' }, { to: 'pending' }, SPAN, NOW),
  'a claimed line fails': (spool) => settle(spool, 'host-1', claimLine(spool), FAILED, FAILING, SPAN, NOW),
  'the runner of the first line dies': (spool) => {
    claimLine(spool);
    rescue(spool, 'host-1', 'host-2', {
      endOf: () => ({ kind: 'crashed', error: { name: 'CrashError', message: 'gone' } }),
      policyOf: () => aPolicy(),
      now: NOW,
      random: () => 0,
    });
  },
  'a job that waits is cancelled': (spool) => cancel(spool, 'one'),
  'a job fails': (spool) => settle(spool, 'host-1', claimSingle(spool), FAILED, FAILING, SPAN, NOW),
  'a job that claims a spent budget is refused': (spool) =>
    settle(spool, 'host-1', claimSingle(spool), { kind: 'refused', reason: 'no' }, { to: 'rejected', reason: 'no' }, SPAN, NOW),
};

for (const [way, rewrite] of Object.entries(WAYS))
  test(`what a group may write is nobody’s word for good: ${way}`, async (t) => {
    const spool = forgeable(t);
    if (!spool) return;
    await rewrite(spool);
    const id = way.includes('first') ? 'many.1' : way.includes('line') ? 'many.2' : 'one';
    const place = locate(spool, id) ?? assert.fail(`${id} is gone`);
    const file = place.file;
    assert.equal(path.extname(file), '.json');
    assert.equal(fs.statSync(file).uid, process.geteuid?.(), 'the service wrote it anew');
    const read = readJob(spool, file, place.name);
    assert.ok(read.kind === 'claimed', JSON.stringify(read));
    const { request } = read.job;
    assert.deepEqual([request.submittedBy, request.isForgeable], [ADA, true]);
  });

test('the lines of a batch are not taken for those of another whose file it looks like', (t) => {
  // As on a file system that gives the number of a removed file to the next (ext4): its size and its time are whatever its owner wants.
  const spool = tempSpool(t, { disk: { ...disk, facts: (file) => withNumber(disk.facts(file)) } });
  const file = path.join(spool.pending, PART);
  const put = (text: string) => {
    fs.rmSync(file, { force: true });
    fs.writeFileSync(file, text);
    fs.utimesSync(file, 1_000, 1_000);
  };
  const [batches, lines] = [new BatchTexts(), new LineTexts(spool)];
  const read = () => {
    const batch = batches.read(spool, file);
    return [batch.kind === 'text' ? batch.lines[0] : batch.kind, lines.line(file, 1)];
  };
  for (const text of ['{"class":"Limited"}', '{"class":"Harmful"}']) {
    put(`${text}\n`);
    assert.deepEqual(read(), [text, text]);
  }
});

test('what another user says of a job’s past takes no job away, also where a power cut is made good', (t) => {
  const spool = forgeable(t);
  if (!spool) return;
  const written = new Date('2026-01-01T00:00:00.123Z');
  const waiting = [SINGLE, PART].map((name) => path.join(spool.pending, name));
  for (const file of waiting) fs.utimesSync(file, written, written);
  const attempt = { number: 1, outcome: 'failed', startedAt: written, finishedAt: written, runner: 'host-1' };
  const bobs: [string, string, Date][] = [
    // Of the same id and time, and it seems to have come further.
    ['p5-now-one.json', JSON.stringify({ class: 'Limited', method: 'noop', attempts: [attempt], acceptedAt: written }), new Date(DUE)],
    [PART.replace('1-3', '2-2'), LINE.repeat(3), written],
  ];
  for (const [name, text, time] of bobs) {
    const file = path.join(spool.incoming, name);
    fs.writeFileSync(file, text);
    fs.chownSync(file, BOB, GROUP);
    fs.utimesSync(file, time, time);
  }
  assert.deepEqual(reconcile(spool), []);
  // The service’s own files are believed, and who hands in a part of his own batch takes nothing from others.
  for (const [name] of bobs) fs.chownSync(path.join(spool.incoming, name), name.includes('one') ? 0 : ADA, GROUP);
  assert.deepEqual(
    reconcile(spool).map(({ file }) => file),
    waiting,
  );
});

const withNumber = (facts: FileFacts | undefined): FileFacts | undefined => facts && { ...facts, ino: 7 };

function claimSingle(spool: Spool) {
  const claimed: Claimed = claim(spool, 'host-1', SINGLE, DUE);
  return claimed.kind === 'claimed' ? claimed.job : assert.fail(claimed.kind);
}

function claimLine(spool: Spool) {
  const claimed = claimPart(spool, 'host-1', PART, DUE, new BatchTexts());
  return claimed.kind === 'claimed' ? lineJob(claimed.part, claimed.text, 2).job : assert.fail(claimed.kind);
}

/** As Ada's files are that she dropped with the umask 007. */
function forgeable(t: TestContext): Spool | undefined {
  if (process.geteuid?.() !== 0) {
    t.skip('SKIPPED: only root can make files of another user');
    return undefined;
  }
  const spool = tempSpool(t);
  fs.mkdirSync(spool.slot('host-1'));
  const body = JSON.stringify({ class: 'Limited', method: 'noop', spent: 0 });
  for (const [name, text] of [
    [SINGLE, body],
    [PART, LINE.repeat(3)],
  ] as const) {
    const file = path.join(spool.pending, name);
    fs.writeFileSync(file, text);
    fs.chmodSync(file, 0o660);
    fs.chownSync(file, ADA, GROUP);
  }
  return spool;
}
