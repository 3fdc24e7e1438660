/** The order of system calls, as the conformance kit judges it, from what strace writes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brokenSteps, parseCalls } from '../../spool/conformance/system-calls.ts';

const NAME = 'p5-now-a.json';
const WRITE = [
  '10 openat(AT_FDCWD</>, "/s/tmp/a.json", O_WRONLY|O_CREAT|O_EXCL, 0660) = 3</s/tmp/a.json>',
  '10 write(3</s/tmp/a.json>, ""..., 20) = 20',
];
const SYNC = '10 fsync(3</s/tmp/a.json>) = 0';
const MOVE = `10 rename("/s/tmp/a.json", "/s/incoming/${NAME}") = 0`;
const SYNC_FOLDER = '10 fsync(4</s/incoming>) = 0';

const broken = (...lines: string[]) => brokenSteps(parseCalls(lines.join('\n')), '/s', NAME);

test('a file that is written, synced, moved, and whose folder is synced, is as it should be', () => {
  assert.deepEqual(broken(...WRITE, SYNC, MOVE, SYNC_FOLDER), []);
  assert.deepEqual(broken(...WRITE, '10 fdatasync(3</s/tmp/a.json>) = 0', MOVE.replace('rename', 'link'), SYNC_FOLDER), []);
});

test('each step that is left out or comes too early is told of', () => {
  const fileUnsynced = /the file to be synced/;
  assert.match(broken(...WRITE, MOVE, SYNC_FOLDER).join(), fileUnsynced);
  assert.match(broken(...WRITE, MOVE, SYNC, SYNC_FOLDER).join(), fileUnsynced);
  assert.match(broken(SYNC, ...WRITE, MOVE, SYNC_FOLDER).join(), fileUnsynced);
  assert.match(broken(...WRITE, SYNC, MOVE).join(), /incoming\/ to be synced/);
  assert.match(broken(...WRITE, SYNC, SYNC_FOLDER, MOVE).join(), /incoming\/ to be synced/);
  assert.match(broken(...WRITE, SYNC, MOVE, WRITE[1] as string, SYNC_FOLDER).join(), /nothing to be written .* after it was moved/);
});

test('a file that is written in incoming/ itself, or comes from elsewhere, is told of', () => {
  const direct = WRITE.map((line) => line.replaceAll('/s/tmp/a.json', `/s/incoming/${NAME}`));
  assert.match(broken(...direct, SYNC, SYNC_FOLDER).join(), /nothing in incoming\/ to be opened for writing.*expected one rename/);
  assert.match(broken(...WRITE, SYNC, MOVE.replace('/s/tmp/', '/other/'), SYNC_FOLDER).join(), /to come from tmp\//);
});

test('a file whose id the caller chose may take no name that is taken', () => {
  const chosen = (move: string) => brokenSteps(parseCalls([...WRITE, SYNC, move, SYNC_FOLDER].join('\n')), '/s', NAME, true);
  const at = (call: string, flags: string) => `10 ${call}(AT_FDCWD</>, "/s/tmp/a.json", AT_FDCWD</>, "/s/incoming/${NAME}", ${flags}) = 0`;
  for (const right of [MOVE.replace('rename', 'link'), at('linkat', '0'), at('renameat2', 'RENAME_NOREPLACE')])
    assert.deepEqual(chosen(right), []);
  for (const wrong of [MOVE, at('renameat2', '0'), at('renameat2', 'RENAME_EXCHANGE')])
    assert.match(chosen(wrong).join(), /replaces a request of that id/);
});

test('a call that failed is none, and one that is told in two halves is one', () => {
  assert.match(
    broken(...WRITE, SYNC.replace('= 0', '= -1 ENOSPC (No space left on device) (INJECTED)'), MOVE, SYNC_FOLDER).join(),
    /file to be synced/,
  );
  const halves = ['10 fsync(3</s/tmp/a.json> <unfinished ...>', '11 write(1<pipe:[7]>, ""..., 1) = 1', '10 <... fsync resumed>) = 0'];
  assert.deepEqual(broken(...WRITE, ...halves, MOVE, SYNC_FOLDER), []);
});
