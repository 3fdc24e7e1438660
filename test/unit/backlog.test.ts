import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Backlog } from '../../service/backlog.ts';
import { batchFileName } from '../../spool/batch-name.ts';
import { jobFileName } from '../../spool/filename.ts';
import { compareJobs, idOf, runAtOf } from '../../spool/order.ts';

const BASE = Date.UTC(2026, 10, 22);
const at = (offset: number, id = 'a', priority = 5) => jobFileName({ priority, runAt: BASE + offset, id });

/** A backlog beside a plain list that must agree with it. */
class Twin {
  readonly backlog = new Backlog();
  readonly waiting = new Set<string>();
  readonly proposed = new Set<string>();
  now = BASE;

  /** Each step does the same to both, and compares what they answer. */
  readonly steps = {
    add: (name: string) => {
      if (!this.proposed.has(name)) this.#wait(name);
    },
    giveBack: (name: string) => {
      if (this.proposed.delete(name)) this.#wait(name);
    },
    remove: (name: string) => {
      this.backlog.remove(name);
      this.waiting.delete(name);
      this.proposed.delete(name);
    },
    later: (_name: string, count: number) => {
      this.now += count;
    },
    take: (_name: string, count: number) => {
      const expected = this.#due().slice(0, count);
      assert.deepEqual(this.backlog.take(count), expected);
      for (const name of expected) {
        this.waiting.delete(name);
        this.proposed.add(name);
      }
    },
  };

  compare(names: string[]): void {
    const later = [...this.waiting].map(runAtOf).filter((runAt) => runAt > this.now);
    assert.equal(this.backlog.ripen(this.now), later.length === 0 ? undefined : Math.min(...later));
    assert.equal(this.backlog.size, this.waiting.size + this.proposed.size);
    assert.equal(this.backlog.hasReady, this.#due().length > 0);
    for (const name of names) assert.equal(this.backlog.nameOf(idOf(name)), this.#knows(name) ? name : undefined);
  }

  #wait(name: string): void {
    this.backlog.add(name, this.now);
    this.waiting.add(name);
  }

  #knows(name: string): boolean {
    return this.waiting.has(name) || this.proposed.has(name);
  }

  #due(): string[] {
    return [...this.waiting].filter((name) => runAtOf(name) <= this.now).toSorted(compareJobs);
  }
}

// One name per id: the intake lets no two live jobs have the same id.
const jobs = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 1, max: 10 })), { minLength: 1, maxLength: 12 })
  .map((list) => list.map(([offset, priority], index) => at(offset, `j${index}`, priority)));
const scripts = fc.array(
  fc.tuple(fc.constantFrom('add', 'add', 'remove', 'take', 'giveBack', 'later'), fc.nat(), fc.integer({ min: 0, max: 10 })),
  {
    maxLength: 60,
  },
);

test('whatever comes and goes, jobs are taken in the order in which they run, never early and never twice', () => {
  fc.assert(
    fc.property(jobs, scripts, (names, script) => {
      const twin = new Twin();
      for (const [step, which, count] of script) {
        twin.steps[step](names[which % names.length] as string, count);
        twin.compare(names);
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

test('a job whose name an earlier job of its id has left behind is known as live: no second one of that id is accepted beside it', () => {
  const backlog = new Backlog();
  backlog.add(at(7), BASE);
  // A person renamed it to another run-at, under which it ran.
  backlog.add(at(5), BASE);
  backlog.remove(at(5));
  // Its id is used again, for the time that it had first.
  backlog.add(at(7), BASE);
  assert.equal(backlog.nameOf('a'), at(7));
});

const partAt = (from: number, to: number, id = 'b', priority = 5) => batchFileName({ priority, runAt: BASE, id, from, to });

test('a part of a batch counts as its jobs, and each of them is known by its id, as is the batch', () => {
  const backlog = new Backlog();
  backlog.add(partAt(1, 64), BASE);
  backlog.add(partAt(65, 10_000), BASE);
  backlog.add(at(0, 'single'), BASE);
  assert.equal(backlog.size, 10_001);
  assert.equal(backlog.nameOf('b.64'), partAt(1, 64));
  assert.equal(backlog.nameOf('b.65'), partAt(65, 10_000));
  assert.equal(backlog.nameOf('b'), partAt(1, 64));
  assert.equal(backlog.nameOf('b.10001'), undefined);
  assert.equal(backlog.nameOf('c.1'), undefined);
  backlog.remove(partAt(1, 64));
  backlog.remove(partAt(65, 10_000));
  backlog.remove(partAt(65, 10_000));
  assert.equal(backlog.size, 1);
  assert.equal(backlog.nameOf('b'), undefined);
});

test('nothing is taken behind a part of a batch: what is left of that is better', () => {
  const backlog = new Backlog();
  for (const name of [at(-1, 'first'), partAt(1, 100), at(1, 'last', 4)]) backlog.add(name, BASE + 10);
  assert.deepEqual(backlog.take(10), [at(-1, 'first'), partAt(1, 100)]);
  backlog.remove(partAt(1, 100));
  backlog.hold(partAt(1, 30));
  backlog.add(partAt(31, 100), BASE + 10);
  assert.ok(backlog.knows(partAt(1, 30)));
  assert.deepEqual(backlog.take(10), [partAt(31, 100)]);
  assert.deepEqual(backlog.take(10), [at(1, 'last', 4)]);
  assert.equal(backlog.nameOf('b.30'), partAt(1, 30));
});
