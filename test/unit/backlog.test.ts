import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backlog } from '../../service/backlog.ts';
import { jobFileName } from '../../spool/filename.ts';
import { compareJobs, idOf, runAtOf } from '../../spool/order.ts';

const BASE = Date.UTC(2026, 10, 22);
const at = (offset: number, id = 'a', priority = 5) => jobFileName({ priority, runAt: BASE + offset, id });

/** The backlog as a plain list: what waits, and what is proposed. */
class Model {
  waiting = new Set<string>();
  proposed = new Set<string>();

  due(now: number): string[] {
    return [...this.waiting].filter((name) => runAtOf(name) <= now).toSorted(compareJobs);
  }

  next(now: number): number | undefined {
    const later = [...this.waiting].map(runAtOf).filter((runAt) => runAt > now);
    return later.length === 0 ? undefined : Math.min(...later);
  }
}

// One name per id: the intake lets no two live jobs have the same id.
const jobs = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 10 })), { minLength: 1, maxLength: 12 })
  .map((list) => list.map(([offset, priority], index) => at(offset, `j${index}`, priority)));
const steps = fc.array(
  fc.record({ do: fc.constantFrom('add', 'remove', 'take', 'giveBack', 'ripen'), which: fc.nat(), wait: fc.integer({ min: 0, max: 10 }) }),
  { maxLength: 60 },
);

test('whatever comes and goes, jobs are taken in the order in which they run, never early and never twice', () => {
  fc.assert(
    fc.property(jobs, steps, (names, script) => {
      const backlog = new Backlog();
      const model = new Model();
      let now = BASE;
      for (const { do: what, which, wait } of script) {
        const name = names[which % names.length] as string;
        if (what === 'add' && !model.proposed.has(name)) {
          backlog.add(name, now);
          model.waiting.add(name);
        } else if (what === 'remove') {
          backlog.remove(name);
          model.waiting.delete(name);
          model.proposed.delete(name);
        } else if (what === 'giveBack' && model.proposed.delete(name)) {
          backlog.add(name, now);
          model.waiting.add(name);
        } else if (what === 'ripen') {
          now += wait;
          assert.equal(backlog.ripen(now), model.next(now));
        } else if (what === 'take') {
          backlog.ripen(now);
          const expected = model.due(now).slice(0, which % 4);
          assert.deepEqual(backlog.take(which % 4), expected);
          for (const taken of expected) {
            model.waiting.delete(taken);
            model.proposed.add(taken);
          }
        }
        backlog.ripen(now);
        assert.equal(backlog.size, model.waiting.size + model.proposed.size);
        assert.equal(backlog.hasReady, model.due(now).length > 0);
        for (const each of names) {
          const known = model.waiting.has(each) || model.proposed.has(each);
          assert.equal(backlog.nameOf(idOf(each)), known ? each : undefined);
        }
      }
    }),
    { numRuns: 300 },
  );
});

test('a job that was put off under a new name is known by the new one alone', () => {
  const backlog = new Backlog();
  backlog.add(at(0), BASE);
  assert.deepEqual(backlog.take(1), [at(0)]);
  backlog.remove(at(0));
  backlog.add(at(100), BASE);
  assert.equal(backlog.nameOf('a'), at(100));
  assert.equal(backlog.size, 1);
  assert.deepEqual(backlog.take(1), []);
  assert.equal(backlog.ripen(BASE + 100), undefined);
  assert.deepEqual(backlog.take(5), [at(100)]);
});

test('thousands of jobs come out highest priority first', () => {
  const backlog = new Backlog();
  const names = Array.from({ length: 5_000 }, (_, index) => at(index % 7, `id${(index * 7919) % 5_000}`, 1 + (index % 10)));
  for (const name of names) backlog.add(name, BASE + 10);
  assert.deepEqual(backlog.take(10_000), names.toSorted(compareJobs));
});
