import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { NameTable } from '../../service/name-table.ts';
import { batchFileName } from '../../spool/batch-name.ts';
import { jobFileName } from '../../spool/filename.ts';
import { compareDue, compareJobs, idOf } from '../../spool/order.ts';

const BASE = Date.UTC(2026, 10, 22);
const nameOf = (number: number) => jobFileName({ priority: 5, runAt: BASE + (number % 1_000), id: `job-${number}` });

const priority = fc.integer({ min: 1, max: 10 });
const runAt = fc.integer({ min: 0, max: 3 }).map((offset) => BASE + offset);
// Short ones of few letters: many are equal, or the beginning of another.
const id = fc.stringMatching(/^[ab][ab.-]{0,3}$/);
const job = fc.record({ priority, runAt, id }).map(jobFileName);
const part = fc.record({ priority, runAt, id, from: fc.integer({ min: 1, max: 11 }) }).map((batch) => batchFileName({ ...batch, to: 11 }));

test('packed names have the order of the names: in that jobs run, and in that they come due', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.oneof(job, job, part), { minLength: 2, maxLength: 30 }), (names) => {
      const table = new NameTable();
      const numbers = names.map((name) => table.add(name));
      const sorted = (compare: (a: number, b: number) => number) => numbers.toSorted(compare).map((number) => table.nameAt(number));
      assert.deepEqual(
        sorted((a, b) => table.compare(a, b)),
        names.toSorted(compareJobs),
      );
      assert.deepEqual(
        sorted((a, b) => table.compareDue(a, b)),
        names.toSorted(compareDue),
      );
    }),
    { numRuns: 300 },
  );
});

test('of a hundred thousand names that come and go each is found by name and by id, and none that went', () => {
  const table = new NameTable();
  const numbers = new Map<string, number>();
  const forget = (name: string) => {
    table.hide(numbers.get(name) as number);
    table.free(numbers.get(name) as number);
    numbers.delete(name);
  };
  for (let number = 0; number < 100_000; number++) {
    numbers.set(nameOf(number), table.add(nameOf(number)));
    // Most go soon, as jobs do that are run; every hundredth stays.
    if (number >= 1_000 && number % 100 !== 0) forget(nameOf(number - 1_000));
  }
  assert.equal(table.size, numbers.size);
  for (const [name, number] of numbers) {
    assert.equal(table.find(name), number);
    assert.equal(table.nameAt(number), name);
    assert.equal(table.nameOf(idOf(name)), name);
  }
  for (let number = 0; number < 100_000; number++) if (!numbers.has(nameOf(number))) assert.equal(table.find(nameOf(number)), undefined);
});
