import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { disk } from '../../spool/disk.ts';
import { parseRequestName } from '../../spool/filename.ts';
import { parseRequest } from '../../spool/request.ts';
import type { Spool } from '../../spool/spool.ts';
import { type Submission, type SubmitOptions, submit } from '../../spool/submit.ts';
import { breakingDisk, Crash } from '../support/breaking-disk.ts';
import { tempSpool } from '../support/spool.ts';

const NOW = Date.UTC(2026, 10, 22, 10, 15);
const incoming = (spool: Spool) => fs.readdirSync(spool.incoming).toSorted();
const body = (spool: Spool, name: string) => JSON.parse(fs.readFileSync(path.join(spool.incoming, name), 'utf8'));
const one = (over: Partial<Submission> = {}): Submission => ({ class: 'A', ...over });

test('a submitted job is the file that a producer would have dropped', async (t) => {
  const spool = tempSpool(t, { durability: 'full' });
  const ids = await submit(spool, [one({ id: 'x', method: 'm', params: ['a'], priority: 8, retries: 2, timeout: '5m' })], NOW);
  assert.deepEqual(ids, ['x']);
  assert.deepEqual(incoming(spool), ['p8-now-x.json']);
  assert.deepEqual(body(spool, 'p8-now-x.json'), { class: 'A', method: 'm', params: ['a'], retries: 2, timeout: '5m' });
  assert.deepEqual(fs.readdirSync(spool.tmp), []);
});

test('delay and at say when it runs', async (t) => {
  const spool = tempSpool(t);
  const cases: [SubmitOptions, string][] = [
    [{}, 'now'],
    [{ delay: 0 }, 'now'],
    [{ delay: 60 }, '20261122T101600.000Z'],
    [{ delay: '2m' }, '20261122T101700.000Z'],
    [{ at: new Date(NOW + 5) }, '20261122T101500.005Z'],
    [{ at: '2026-12-24T18:00:00+01:00' }, '20261224T170000.000Z'],
    [{ at: '2028-02-29T23:30:00-01:00' }, '20280301T003000.000Z'],
  ];
  for (const [index, [options, runAt]] of cases.entries()) {
    await submit(spool, [one({ id: `j${index}`, ...options })], NOW);
    assert.ok(incoming(spool).includes(`p5-${runAt}-j${index}.json`), `${JSON.stringify(options)}: ${incoming(spool)}`);
  }
});

test('a wrong submission is refused in a sentence, and nothing of its whole batch is written', async (t) => {
  const spool = tempSpool(t);
  const circular: unknown[] = [];
  circular.push(circular);
  const cases: [Partial<Submission>, string, RegExp][] = [
    [{ priority: 0 }, 'INVALID_REQUEST', /priority: expected a whole number from 1 to 10, got 0/],
    [{ priority: 5.5 }, 'INVALID_REQUEST', /priority/],
    [{ priority: 11 }, 'INVALID_REQUEST', /priority/],
    [{ id: 'a/b' }, 'INVALID_ID', /id: .*got "a\/b"/],
    [{ id: '../x' }, 'INVALID_ID', /id/],
    [{ id: '' }, 'INVALID_ID', /id/],
    [{ class: '' }, 'INVALID_REQUEST', /class/],
    [{ retries: -1 }, 'INVALID_REQUEST', /retries/],
    [{ delay: 'soon' }, 'INVALID_DURATION', /delay: expected/],
    [{ delay: -5 }, 'INVALID_DURATION', /delay/],
    [{ at: 'tomorrow' }, 'INVALID_RUN_AT', /at: expected a time/],
    [{ at: '2026-02-30T10:00:00Z' }, 'INVALID_RUN_AT', /at: expected a time .*, got "2026-02-30T10:00:00Z"/],
    [{ delay: 1, at: '2026-11-22' }, 'INVALID_REQUEST', /delay or at, got both/],
    [{ params: [1n] }, 'INVALID_REQUEST', /params: expected values that JSON can hold/],
    [{ params: circular }, 'INVALID_REQUEST', /params/],
    [{ params: ['x'.repeat(1_048_576)] }, 'INVALID_REQUEST', /at most 1048576 bytes/],
  ];
  for (const [over, code, message] of cases) {
    await assert.rejects(submit(spool, [one(), one(over)], NOW), { name: 'SpoolError', code, message }, JSON.stringify(Object.keys(over)));
    await assert.rejects(submit(spool, [one(), one(over)], NOW), { message: /^job 2: / });
  }
  assert.deepEqual(incoming(spool), []);
  assert.deepEqual(fs.readdirSync(spool.tmp), []);
});

test('a run-at that no file name can hold is refused, and not lost in the spool', async (t) => {
  const spool = tempSpool(t);
  for (const when of [
    { delay: '9999999d' },
    { delay: 1e15 },
    { delay: '9'.repeat(400) },
    { at: new Date(8.64e15) },
    { at: '-000001-01-01T00:00:00Z' },
  ]) {
    await assert.rejects(submit(spool, [one(when)], NOW), { name: 'SpoolError' }, JSON.stringify(when));
  }
  assert.deepEqual(incoming(spool), []);
});

test('one id twice in a batch is refused', async (t) => {
  const spool = tempSpool(t);
  await assert.rejects(submit(spool, [one({ id: 'x' }), one({ id: 'x' })], NOW), { code: 'INVALID_ID', message: /"x" twice/ });
  assert.deepEqual(incoming(spool), []);
});

test('a batch becomes visible highest priority first, and equals keep the order in which they were given', async (t) => {
  const renamed: string[] = [];
  const spool = tempSpool(t);
  const watched = {
    ...disk,
    rename: (from: string, to: string) => {
      if (path.dirname(to) === spool.incoming) renamed.push(path.basename(to));
      return disk.rename(from, to);
    },
  };
  const priorities = [3, 10, 5, 10, 1, 5];
  const ids = await submit(
    { ...spool, disk: watched },
    priorities.map((priority) => one({ priority })),
    NOW,
  );
  const expected = [1, 3, 2, 5, 0, 4].map((index) => `p${priorities[index]}-now-${ids[index]}.json`);
  assert.deepEqual(renamed, expected);
  assert.deepEqual(ids.toSorted(), ids);
});

test('an empty batch is no error', async (t) => {
  assert.deepEqual(await submit(tempSpool(t), [], NOW), []);
});

test('whatever is submitted is either refused or a file that the intake reads', async (t) => {
  const spool = tempSpool(t);
  const submissions = fc.record(
    {
      class: fc.string({ maxLength: 20 }),
      method: fc.string({ maxLength: 20 }),
      params: fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())),
      priority: fc.integer({ min: -1, max: 12 }),
      retries: fc.integer({ min: -1, max: 3 }),
    },
    { requiredKeys: ['class'] },
  );
  await fc.assert(
    fc.asyncProperty(submissions, async (submission) => {
      try {
        await submit(spool, [submission]);
      } catch (error) {
        assert.equal((error as Error).name, 'SpoolError');
      }
      for (const name of incoming(spool)) {
        assert.equal(parseRequestName(name).kind, 'request');
        assert.ok(parseRequest(fs.readFileSync(path.join(spool.incoming, name), 'utf8')).ok);
        fs.rmSync(path.join(spool.incoming, name));
      }
    }),
    { numRuns: 60 },
  );
});

test('a crash at any step of a batch leaves each job whole or not there at all', async (t) => {
  for (let crashAt = 1; ; crashAt++) {
    const spool = tempSpool(t);
    const breaking = breakingDisk(crashAt);
    const crashed = await submit({ ...spool, disk: breaking.disk }, [one({ id: 'a' }), one({ id: 'b', priority: 9 })], NOW).then(
      () => false,
      (error) => error instanceof Crash || Promise.reject(error),
    );
    for (const name of incoming(spool)) assert.deepEqual(body(spool, name), { class: 'A' });
    if (incoming(spool).length === 1) assert.deepEqual(incoming(spool), ['p9-now-b.json']);
    if (!crashed) {
      assert.deepEqual(incoming(spool), ['p5-now-a.json', 'p9-now-b.json']);
      assert.ok(crashAt > 4, `only ${crashAt - 1} steps`);
      return;
    }
  }
});
