import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Refusal } from '../../service/commands/exit.ts';
import { paramsOf } from '../../service/commands/params.ts';

test('what is JSON arrives as its value, all else as the text that was typed', () => {
  assert.deepEqual(paramsOf([]), []);
  assert.deepEqual(paramsOf(['Hello World']), ['Hello World']);
  assert.deepEqual(paramsOf(['1', '-2.5', 'true', 'null', '"7"', '[1]', '{"a":1}']), [1, -2.5, true, null, '7', [1], { a: 1 }]);
  assert.deepEqual(paramsOf(['007', '1,5', 'True', '', '{a:1}', "it's", '$(rm -rf .)', 'a\nb']), [
    '007',
    '1,5',
    'True',
    '',
    '{a:1}',
    "it's",
    '$(rm -rf .)',
    'a\nb',
  ]);
});

test('one object alone is the object argument; an array alone stays one positional argument', () => {
  assert.deepEqual(paramsOf(['{"name":"Ada"}']), { name: 'Ada' });
  assert.deepEqual(paramsOf(['[1,2]']), [[1, 2]]);
});

test('--params is the whole value, and nothing else than an array or an object', () => {
  assert.deepEqual(paramsOf([], '[1,"a"]'), [1, 'a']);
  assert.deepEqual(paramsOf([], '{"a":[]}'), { a: [] });
  for (const text of ['5', '"a"', 'null', 'a', ''])
    assert.throws(() => paramsOf([], text), isUsage(/--params: expected a JSON array or object/));
  assert.throws(() => paramsOf(['a'], '[]'), isUsage(/expected PARAMS or --params, got both/));
});

test('a number that would silently become another is refused', () => {
  assert.throws(() => paramsOf(['12345678901234567890']), isUsage(/larger number than JSON keeps exactly/));
  assert.throws(() => paramsOf(['1e999']), isUsage(/larger number/));
  assert.deepEqual(paramsOf(['"12345678901234567890"']), ['12345678901234567890']);
});

const isUsage = (message: RegExp) => (error: unknown) => error instanceof Refusal && error.exitCode === 2 && message.test(error.message);
