import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type JobName, jobFileName } from '../../spool/filename.ts';
import { compareDue, compareJobs, idOf, runAtOf } from '../../spool/order.ts';
import { jobNames } from '../support/a-job.ts';

const byCodeUnit = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
const meant = (a: JobName, b: JobName) => b.priority - a.priority || a.runAt - b.runAt || byCodeUnit(a.id, b.id);
const meantDue = (a: JobName, b: JobName) => a.runAt - b.runAt || meant(a, b);

test('jobs run by priority, then run-at, then id, exactly', () => {
  fc.assert(
    fc.property(jobNames, jobNames, (a, b) => {
      assert.equal(Math.sign(compareJobs(jobFileName(a), jobFileName(b))), Math.sign(meant(a, b)));
    }),
    { numRuns: 1_000 },
  );
});

test('the next job to become due is the one with the earliest run-at', () => {
  fc.assert(
    fc.property(jobNames, jobNames, (a, b) => {
      assert.equal(Math.sign(compareDue(jobFileName(a), jobFileName(b))), Math.sign(meantDue(a, b)));
    }),
    { numRuns: 1_000 },
  );
});

test('the order of jobs is the same however they came in', () => {
  fc.assert(
    fc.property(fc.array(jobNames, { maxLength: 30 }), (jobs) => {
      const names = jobs.map(jobFileName);
      const sorted = names.toSorted(compareJobs);
      assert.deepEqual(names.toReversed().toSorted(compareJobs), sorted);
      assert.deepEqual(sorted, jobs.toSorted(meant).map(jobFileName));
    }),
  );
});

test('priority 10 runs before 9 and before 1, and the id "a" before "a.b"', () => {
  const name = (priority: number, id: string) => jobFileName({ priority, runAt: 0, id });
  assert.ok(compareJobs(name(10, 'z'), name(9, 'a')) < 0);
  assert.ok(compareJobs(name(1, 'a'), name(10, 'a')) > 0);
  assert.ok(compareJobs(name(5, 'a'), name(5, 'a.b')) < 0);
  assert.ok(compareJobs(name(5, 'a-b'), name(5, 'a.b')) < 0);
});

test('run-at and id are read from a name as they were written', () => {
  fc.assert(
    fc.property(jobNames, (job) => {
      fc.pre(job.runAt >= Date.UTC(1900, 0));
      assert.equal(runAtOf(jobFileName(job)), job.runAt);
      assert.equal(idOf(jobFileName(job)), job.id);
    }),
  );
});
