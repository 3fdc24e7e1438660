import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkBatch, splitBatch } from '../../spool/batch.ts';
import { MAX_BATCH_LINES } from '../../spool/batch-name.ts';

const LINE = '{"class":"Example"}';
const check = (text: string, lines?: { from: number; to: number }) =>
  checkBatch(text, lines, ({ class: className }) => (className === 'Forbidden' ? 'Forbidden is not on the allow-list' : undefined));

test('a batch has as many jobs as lines, whether the last is ended or not', () => {
  for (const ending of ['', '\n']) assert.deepEqual(splitBatch(`${LINE}\n${LINE}${ending}`), [LINE, LINE]);
  const checked = check(`${LINE}\n${LINE}\n`);
  assert.deepEqual(checked.ok && checked.lines, { from: 1, to: 2 });
});

test('lines with a carriage return are read too', () => {
  assert.equal(check(`${LINE}\r\n${LINE}\r\n`).ok, true);
});

test('a batch whose last line is cut in half, or that is empty, may still be being written', () => {
  for (const text of ['', `${LINE}\n{"class":"Exa`, `${LINE}\n\n${LINE}`]) {
    const checked = check(text);
    assert.ok(!checked.ok && checked.unfinished, text);
  }
});

test('what is wrong is said by its line, and after five of them by their number', () => {
  const bad = '{"class":"Forbidden"}';
  const one = check(`${LINE}\n${bad}\n{"class":"Example","attempts":[]}\n{"class":"Example","priority":3}`);
  assert.ok(!one.ok && !one.unfinished);
  assert.match(
    one.reason,
    /^line 2: Forbidden is not on the allow-list; line 3: unknown field "attempts": .*; line 4: unknown field "priority"/,
  );
  const many = check(Array.from({ length: 12 }, () => bad).join('\n'));
  assert.ok(!many.ok);
  assert.match(many.reason, /line 5: .*; and 7 more bad lines$/);
});

test('of a part that was held back only its own lines count', () => {
  const text = `no\n${LINE}\n${LINE}\nno\n`;
  const checked = check(text, { from: 2, to: 3 });
  assert.deepEqual(checked.ok && checked.lines, { from: 2, to: 3 });
  assert.equal(check(text, { from: 2, to: 5 }).ok, false);
});

test('a batch of more lines than may be is refused', () => {
  const checked = check(`${LINE}\n`.repeat(MAX_BATCH_LINES + 1));
  assert.ok(!checked.ok && /at most 10000 lines, got 10001/.test(checked.reason));
});

test('any text gives a result, and never an exception', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void check(text)));
  fc.assert(fc.property(fc.array(fc.json(), { maxLength: 5 }), (values) => void check(values.join('\n'))));
});
