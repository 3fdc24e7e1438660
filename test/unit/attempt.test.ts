import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ErrorRecord, errorRecord } from '../../spool/attempt.ts';

class PaymentError extends Error {}

test('an error is kept by the name of its class, with its sentence and its stack', () => {
  const { name, message, stack } = errorRecord(new PaymentError('card declined'));
  assert.equal(name, 'PaymentError');
  assert.equal(message, 'card declined');
  assert.match(stack ?? '', /attempt\.test\.ts/);
  assert.equal(errorRecord(Object.assign(new Error('x'), { name: 'AbortError' })).name, 'AbortError');
});

test('the causes of an error are kept with it', () => {
  const { stack } = errorRecord(new Error('outer', { cause: new Error('middle', { cause: new TypeError('inner') }) }));
  assert.match(stack ?? '', /outer[\s\S]*Caused by: .*middle[\s\S]*Caused by: .*inner/);
});

test('what is thrown and is no error is kept in words', () => {
  assert.deepEqual(errorRecord('no'), { name: 'Error', message: 'threw "no"' });
  assert.deepEqual(errorRecord(undefined), { name: 'Error', message: 'threw undefined' });
  assert.deepEqual(errorRecord({ code: 7 }), { name: 'Error', message: 'threw {"code":7}' });
  assert.deepEqual(errorRecord(7n), { name: 'Error', message: 'threw 7' });
});

test('errors whose causes go in a circle are recorded, and do not take the runner down', () => {
  const chicken = new Error('chicken');
  chicken.cause = new Error('egg', { cause: chicken });
  assert.equal(errorRecord(chicken).message, 'chicken');
});

test('a huge error is kept at a bounded size', () => {
  const huge = new Error('m'.repeat(1_000_000), { cause: new Error('c'.repeat(1_000_000)) });
  assert.ok(JSON.stringify(errorRecord(huge)).length < 40_000);
  assert.ok(JSON.stringify(errorRecord('s'.repeat(1_000_000))).length < 40_000);
});

test("whatever a handler throws becomes a record that the job's file can hold", () => {
  const strange = fc.constantFrom<unknown>(
    Object.create(null),
    Object.assign(new Error('x'), { stack: 7 }),
    Object.assign(new Error('x'), { name: '' }),
    Object.assign(new Error('x'), { message: Symbol('m') }),
    Object.assign(new Error('x'), { name: 7 }),
    {
      toJSON: () => {
        throw new Error('json');
      },
    },
    Symbol('thrown'),
    () => 7,
  );
  fc.assert(
    fc.property(fc.oneof(fc.anything(), strange), (thrown) => {
      assert.ok(ErrorRecord.safeParse(JSON.parse(JSON.stringify(errorRecord(thrown)))).success);
    }),
  );
});
