import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnswer, type Said } from '../../jobs/command-answer.ts';
import { CommandLines, type Piece } from '../../jobs/command-lines.ts';

const read = (fields: object | string): Said => readAnswer(typeof fields === 'string' ? fields : JSON.stringify(fields), 'a', 'php');
const PRINTED: Said = { kind: 'printed' };

const endOf = (fields: object) => {
  const said = read({ id: 'a', ...fields });
  return said.kind === 'answer' ? { ...said.end, isSound: said.isSound } : assert.fail(`not an answer: ${JSON.stringify(said)}`);
};

test('a handler may print any JSON: only an object with the id of the job in hand says something about it', () => {
  for (const text of [
    '{',
    '{}',
    '[]',
    '{"id":"a"}',
    '{"id":"b","outcome":"completed"}',
    '{"id":["a"],"outcome":"completed"}',
    '{"outcome":"failed"}',
  ])
    assert.deepEqual(read(text), PRINTED, text);
  assert.deepEqual(read({ id: 'a', progress: '40' }), PRINTED);
  assert.deepEqual(read({ id: 'a', progress: 40 }), { kind: 'progress', percent: 40 });
  assert.equal(read('{"id":"a","outcome":"completed"}\r\n').kind, 'answer');
});

test('a completed job has the result that was answered, and none where there was none', () => {
  assert.deepEqual(endOf({ outcome: 'completed', result: 0, progress: 100 }), { kind: 'completed', result: 0, isSound: true });
  for (const fields of [{}, { result: null }])
    assert.deepEqual(endOf({ outcome: 'completed', ...fields }), { kind: 'completed', isSound: true });
});

test('a failed job is matched by the name of its error and by CommandFailed, and is retried unless it says otherwise', () => {
  const error = { name: 'App\\NoRoom', message: 'full', stack: '#0 here' };
  const failed = { kind: 'failed', error, permanent: false, names: ['App\\NoRoom', 'CommandFailed'], isSound: true };
  assert.deepEqual(endOf({ outcome: 'failed', error }), failed);
  assert.deepEqual(endOf({ outcome: 'failed', error, permanent: true }), { ...failed, permanent: true });
  const extended = endOf({ outcome: 'failed', error: { ...error, names: ['LogicException', 7, 'App\\NoRoom'] } });
  assert.deepEqual(extended, { ...failed, names: ['App\\NoRoom', 'LogicException', 'CommandFailed'] });
  assert.deepEqual(endOf({ outcome: 'failed', error, permanent: 'true' }), failed);
});

test('an error that is none, or is enormous, is kept as a sentence of bounded length', () => {
  for (const error of [undefined, null, 'no', [], { name: 7, message: {} }]) {
    const end = endOf({ outcome: 'failed', error });
    assert.deepEqual('error' in end && end.error, {
      name: 'CommandFailed',
      message: 'the command "php" said that its job failed, and not why',
    });
  }
  const long = 'x'.repeat(1_000_000);
  const end = endOf({ outcome: 'failed', error: { name: long, message: long, stack: long } });
  assert.ok(JSON.stringify(end).length < 40_000);
});

test('a job puts itself off by a delay or by its retry delay; what is no delay fails it, and is named', () => {
  assert.deepEqual(endOf({ outcome: 'snoozed', delay: '10s' }), { kind: 'snoozed', delayMs: 10_000, isSound: true });
  assert.deepEqual(endOf({ outcome: 'snoozed', delay: 2 }), { kind: 'snoozed', delayMs: 2_000, isSound: true });
  assert.deepEqual(endOf({ outcome: 'snoozed' }), { kind: 'snoozed', delayMs: undefined, isSound: true });
  const end = endOf({ outcome: 'snoozed', delay: 'soon' });
  assert.match(JSON.stringify(end), /put its job off by \\"soon\\": expected a delay such as/);
  assert.equal(end.isSound, false);
});

test('an outcome that is none ends the job as failed, and the process is not trusted with another', () => {
  for (const outcome of ['done', null, 1, 'toString', 'x'.repeat(100_000)]) {
    const end = endOf({ outcome });
    assert.deepEqual([end.kind, end.isSound], ['failed', false]);
    assert.ok(JSON.stringify(end).length < 1_000);
  }
});

const shown = (pieces: Piece[]): string[] => pieces.map((piece) => ('bytes' in piece ? `${piece.kind} ${piece.bytes}` : piece.kind));

test('lines are found however they were cut on their way', () => {
  const text = 'one\n{"a":1}\n\ntwo{"b":2}\n{"c":"ä"}\nhalf';
  const whole = shown(new CommandLines().read(Buffer.from(text)));
  assert.deepEqual(whole, ['printed one\n', 'line {"a":1}\n', 'printed \n', 'printed two{"b":2}\n', 'line {"c":"ä"}\n', 'printed half']);
  for (let size = 1; size < 12; size++) {
    const lines = new CommandLines();
    const pieces: Piece[] = [];
    const bytes = Buffer.from(text);
    for (let from = 0; from < bytes.length; from += size) pieces.push(...lines.read(bytes.subarray(from, from + size)));
    const found = pieces.flatMap((piece) => (piece.kind === 'line' ? [String(piece.bytes)] : []));
    assert.deepEqual(found, ['{"a":1}\n', '{"c":"ä"}\n'], `${size} bytes at once`);
    assert.equal(Buffer.concat(pieces.map((piece) => ('bytes' in piece ? piece.bytes : Buffer.alloc(0)))).toString(), text);
  }
});

test('what is printed without a newline is seen at once, and half an answer is printed when the process ends', () => {
  const lines = new CommandLines();
  assert.deepEqual(shown(lines.read(Buffer.from('10 %'))), ['printed 10 %']);
  assert.deepEqual(shown(lines.read(Buffer.from('\r{"20 %'))), ['printed \r{"20 %']);
  assert.deepEqual(shown(lines.read(Buffer.from('\n{"id":'))), ['printed \n']);
  assert.equal(lines.end().toString(), '{"id":');
});

test('a line that could be an answer and has no end takes no more memory than an answer may', () => {
  const lines = new CommandLines(8);
  assert.deepEqual(shown(lines.read(Buffer.from('{"a":'))), []);
  assert.deepEqual(shown(lines.read(Buffer.from('12345'))), ['too-long', 'printed {"a":12345']);
  assert.deepEqual(shown(lines.read(Buffer.from('{}\n{}\n'))), ['printed {}\n', 'line {}\n']);
});
