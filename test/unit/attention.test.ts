import assert from 'node:assert/strict';
import test from 'node:test';
import type { Counts, FailureGroup } from '../../spool/catalog.ts';
import { concernsIn, type Snapshot } from '../../ui/attention.ts';

const MIB = 1_048_576;

const NONE: Counts = { scheduled: 0, pending: 0, running: 0, retrying: 0, completed: 0, failed: 0, cancelled: 0, rejected: 0 };

type Slot = Snapshot['slots'][number];

const aSlot = (over: Partial<Slot> = {}): Slot => ({ kind: 'runner', life: 'alive', jobs: [], stopping: false, draining: false, ...over });
const DISPATCHER = aSlot({ kind: 'dispatcher' });

const roomOf = (freeBytes: number) => ({ freeBytes, totalBytes: 20_000 * MIB, freeFiles: 1_000_000 });

/** A service that is well, but for what a test says. */
const aSnapshot = (over: Partial<Snapshot> = {}): Snapshot => ({
  counts: NONE,
  slots: [DISPATCHER, aSlot()],
  isPaused: false,
  room: roomOf(10_000 * MIB),
  minFreeBytes: 50 * MIB,
  oldestPendingMs: undefined,
  endedLastHour: 0,
  failures: [],
  rejected: { count: 0, isMore: false },
  unread: { ledgerBytes: 0, files: 0 },
  ...over,
});

const aGroup = (over: Partial<FailureGroup> = {}): FailureGroup => ({
  class: 'FetchUrl',
  method: 'head',
  error: 'TypeError: fetch failed',
  count: 5,
  newest: 0,
  example: 'a',
  filter: '',
  ...over,
});

const textsOf = (over: Partial<Snapshot>): string[] => concernsIn(aSnapshot(over)).map(({ text }) => text);
const kindsOf = (over: Partial<Snapshot>): string[] => concernsIn(aSnapshot(over)).map(({ kind }) => kind);

test('a service at work, with work done and some of it failed, needs no attention', () => {
  const counts = { ...NONE, pending: 900, running: 1, completed: 5_000, failed: 40 };
  assert.deepEqual(concernsIn(aSnapshot({ counts, oldestPendingMs: 60_000, endedLastHour: 10 })), []);
});

test('each concern leads to a page on which to act', () => {
  const slots = [aSlot({ life: 'dead', jobs: ['x'] })];
  const concerns = concernsIn(
    aSnapshot({
      slots,
      isPaused: true,
      room: roomOf(0),
      failures: [aGroup()],
      rejected: { count: 1, isMore: false },
      unread: { ledgerBytes: 1, files: 0 },
    }),
  );
  assert.deepEqual(
    concerns.map(({ kind }) => kind),
    ['no-dispatcher', 'paused', 'disk-low', 'dead-slots', 'failures', 'rejected', 'unread'],
  );
  for (const { link } of concerns) {
    assert.match(link.path, /^\/(dashboard|job-logs)/);
    assert.notEqual(link.text, '');
  }
});

test('without a living dispatcher there is one sentence, whatever else follows from it', () => {
  assert.deepEqual(kindsOf({ slots: [] }), ['no-dispatcher']);
  assert.match(textsOf({ slots: [aSlot({ kind: 'dispatcher', life: 'dead' })] })[0] ?? '', /^No dispatcher is alive/);
  assert.match(textsOf({ slots: [aSlot({ kind: 'dispatcher', stopping: true }), aSlot()] })[0] ?? '', /^Every dispatcher is stopping/);
});

test('a dispatcher without a runner that takes work is not well', () => {
  assert.deepEqual(kindsOf({ slots: [DISPATCHER] }), ['no-runner']);
  assert.match(textsOf({ slots: [DISPATCHER, aSlot({ draining: true })] })[0] ?? '', /^The only runner is draining/);
  assert.match(textsOf({ slots: [DISPATCHER, aSlot({ draining: true }), aSlot({ draining: true })] })[0] ?? '', /^All 2 runners are/);
  assert.deepEqual(kindsOf({ slots: [DISPATCHER, aSlot({ draining: true }), aSlot()] }), []);
});

test('a pause says how much waits for its end, and is the only cause named for it', () => {
  const counts = { ...NONE, pending: 1_200 };
  assert.deepEqual(textsOf({ isPaused: true, counts, oldestPendingMs: 302_000 }), [
    'Paused: nothing new is run until it is resumed; 1,200 jobs are due, the oldest for 5m 2s.',
  ]);
  assert.deepEqual(textsOf({ isPaused: true }), ['Paused: nothing new is run until it is resumed.']);
});

test('the disk is spoken of before it is too full, and differently once it is', () => {
  assert.deepEqual(kindsOf({ room: roomOf(100 * MIB) }), []);
  assert.match(textsOf({ room: roomOf(99 * MIB) })[0] ?? '', /^Only 99 MiB are free .*: under 50 MiB .* nothing is accepted or run\.$/);
  assert.match(textsOf({ room: roomOf(49 * MIB) })[0] ?? '', /less than 50 MiB .*: nothing is accepted or run until there is more\.$/);
});

test('dead runners are counted with the jobs they left; dead dispatchers leave none', () => {
  const dead = aSlot({ life: 'lost', jobs: ['a', 'b'] });
  const slots = [DISPATCHER, aSlot(), dead, aSlot({ life: 'dead', kind: undefined }), aSlot({ life: 'dead', kind: 'dispatcher' })];
  assert.match(textsOf({ slots })[0] ?? '', /^2 dead runners wait for rescue with 2 jobs:/);
});

test('jobs run late from more than a minute on', () => {
  assert.deepEqual(kindsOf({ counts: { ...NONE, pending: 1 }, oldestPendingMs: 60_000, endedLastHour: 5 }), []);
  assert.deepEqual(textsOf({ counts: { ...NONE, pending: 1 }, oldestPendingMs: 61_000, endedLastHour: 5 }), [
    'Jobs run late: one that is due has been waiting for 1m 1s.',
  ]);
});

test('a backlog is more than an hour of work at the pace of the last hour; a burst that has just come is none', () => {
  const counts = { ...NONE, pending: 3_000 };
  assert.match(
    textsOf({ counts, oldestPendingMs: 90_000, endedLastHour: 1_000 })[0] ?? '',
    /^3,000 jobs are due, more than the 1,000 .* they take 3h\.$/,
  );
  assert.match(textsOf({ counts, oldestPendingMs: 90_000, endedLastHour: 0 })[0] ?? '', /none ended in the last hour\.$/);
  assert.deepEqual(kindsOf({ counts, oldestPendingMs: 90_000, endedLastHour: 3_000 }), ['late']);
  assert.deepEqual(kindsOf({ counts, oldestPendingMs: 5_000, endedLastHour: 10 }), []);
  assert.deepEqual(kindsOf({ counts, oldestPendingMs: 90_000, endedLastHour: 10, slots: [] }), ['no-dispatcher', 'late']);
});

test('a failure that repeats itself is named, the fourth and further ones are summed', () => {
  assert.deepEqual(kindsOf({ failures: [aGroup({ count: 4 })] }), []);
  const failures = [9, 8, 7, 6, 5, 4].map((count) => aGroup({ count, error: `Error: ${count}` }));
  const texts = textsOf({ failures });
  assert.equal(texts[0], 'FetchUrl.head failed 9 times in the last hour: Error: 9');
  assert.deepEqual([texts.length, texts[3]], [4, '2 other errors ended 11 jobs in the last hour.']);
});

test('an error of any length leaves the sentence short', () => {
  const [text = ''] = textsOf({ failures: [aGroup({ error: 'x'.repeat(5_000) })] });
  assert.ok(text.length < 200, `${text.length}`);
  assert.ok(text.endsWith('…'));
});

test('an error cannot move the cursor, break the line or turn the text of the sentence', () => {
  const [text = ''] = textsOf({ failures: [aGroup({ error: 'Error: a\u001b[2Jb\u202ec\nd' })] });
  assert.ok(text.includes('Error: a'), text);
  assert.doesNotMatch(text, /[\p{C}\p{Zl}\p{Zp}]/u);
});

test('rejected files are counted as far as they were looked at', () => {
  assert.match(textsOf({ rejected: { count: 1, isMore: false } })[0] ?? '', /^1 file was rejected/);
  assert.match(textsOf({ rejected: { count: 20, isMore: true } })[0] ?? '', /^More than 20 files were rejected/);
});

test('lists that are not whole yet say so', () => {
  assert.match(textsOf({ unread: { ledgerBytes: 5 * MIB, files: 0 } })[0] ?? '', /\(5\.0 MiB of the ledger to go\)/);
  assert.match(textsOf({ unread: { ledgerBytes: 5 * MIB, files: 1_200 } })[0] ?? '', /\(5\.0 MiB of the ledger and 1,200 files to go\)/);
});
