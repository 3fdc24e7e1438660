import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';
import { singleLines } from '../../service/single-lines.ts';
import { batchFileName } from '../../spool/batch-name.ts';
import { jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { tempSpool } from '../support/spool.ts';

const RUN_AT = Date.UTC(2026, 10, 22);
const SLOT = 'host-1';

function plantBatch(folder: string, texts: readonly string[]): string {
  const name = batchFileName({ priority: 5, runAt: RUN_AT, id: 'b', from: 1, to: texts.length });
  fs.writeFileSync(`${folder}/${name}`, texts.map((text) => `${text}\n`).join(''));
  return name;
}

/** Holds the slot, as a dispatcher does. */
const hold = (spool: Spool): void => fs.writeFileSync(spool.holder(SLOT), '{}');

const line = (n: number): string => JSON.stringify({ class: 'Fetch', method: 'get', params: [n] });

for (const [durability, count] of [
  ['none', 64],
  ['full', 8],
] as const) {
  test(`with durability ${durability} no more than the first ${count} lines get files of their own, the others wait in theirs, and every job is what it was`, (t) => {
    const spool = tempSpool(t, { durability });
    hold(spool);
    const name = plantBatch(
      spool.pending,
      Array.from({ length: 100 }, (_, index) => line(index + 1)),
    );
    const accepted = jobStatus(spool, 'b.100')?.acceptedAt;
    const { singles, rest } = singleLines(spool, SLOT, name, 90) ?? assert.fail('it waits');
    assert.equal(rest, batchFileName({ priority: 5, runAt: RUN_AT, id: 'b', from: count + 1, to: 100 }));
    assert.deepEqual([...singles, rest].toSorted(), fs.readdirSync(spool.pending).toSorted());
    assert.deepEqual(
      singles.map((one) => /-b\.(\d+)\.json$/.exec(one)?.[1]),
      Array.from({ length: count }, (_, index) => String(index + 1)),
      'in their order',
    );
    for (const n of [1, count, count + 1, 100]) {
      const { state, params, acceptedAt, priority, submittedBy } = jobStatus(spool, `b.${n}`) ?? {};
      assert.deepEqual([state, params, acceptedAt, priority, submittedBy], ['pending', [n], accepted, 5, process.geteuid?.()], `b.${n}`);
    }
    assert.equal(fs.existsSync(spool.slot(SLOT)), false);
  });
}

test('a line that is no request any more waits as it is, for its runner to reject it', (t) => {
  const spool = tempSpool(t);
  hold(spool);
  const { singles, rest } =
    singleLines(spool, SLOT, plantBatch(spool.pending, [line(1), 'no request', line(3)]), 3) ?? assert.fail('it waits');
  assert.deepEqual([singles.length, rest], [3, undefined]);
  const text = fs.readFileSync(`${spool.pending}/${singles[1]}`, 'utf8');
  assert.match(text, /^no request/);
});

test('a part that somebody else has taken is left to him, and so is all while a rescue is unfinished', (t) => {
  const spool = tempSpool(t);
  hold(spool);
  const name = plantBatch(spool.pending, [line(1), line(2)]);
  fs.mkdirSync(spool.slot(SLOT));
  assert.equal(singleLines(spool, SLOT, name, 2), undefined);
  assert.deepEqual(fs.readdirSync(spool.pending), [name]);
  fs.rmdirSync(spool.slot(SLOT));
  fs.rmSync(`${spool.pending}/${name}`);
  assert.equal(singleLines(spool, SLOT, name, 2), undefined);
});
