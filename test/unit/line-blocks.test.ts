import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import fc from 'fast-check';
import { findCompleted } from '../../spool/query.ts';
import { tempSpool } from '../support/spool.ts';

test('a ledger that is read in portions gives every whole line, wherever the portions end', (t) => {
  const spool = tempSpool(t);
  const file = path.join(spool.tmp, 'lines');
  const line = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 40 }),
    fc.constant('é'.repeat(700_000)),
    fc.constant('x'.repeat(1_048_575)),
  );
  const plain = line.map((text) => text.replace(/\n/g, ' '));
  fc.assert(
    fc.property(fc.array(plain, { maxLength: 6 }), fc.constantFrom('', 'torn'), (lines, tail) => {
      fs.writeFileSync(file, lines.map((text) => `${text}\n`).join('') + tail);
      const read = [...spool.disk.lineBlocks(file)].join('');
      assert.equal(read, fs.readFileSync(file, 'utf8').slice(0, -tail.length || undefined));
    }),
    { numRuns: 40 },
  );
});

test('the newest record of an id is found in a ledger of several megabytes', (t) => {
  const spool = tempSpool(t);
  const day = '2026-11-22';
  fs.mkdirSync(spool.ledgerDay(day));
  const line = (id: string, finishedAt: string) => `${JSON.stringify({ id, finishedAt, attempts: [], result: 'r'.repeat(400_000) })}\n`;
  const text = ['first', 'a', 'b', 'a', 'c', 'd', 'e', 'last'].map((id, index) => line(id, `2026-11-22T00:00:0${index}.000Z`)).join('');
  fs.writeFileSync(spool.ledger(day, 'host-1'), text);
  for (const [id, second] of [
    ['first', 0],
    ['a', 3],
    ['last', 7],
  ] as const) {
    assert.equal(findCompleted(spool, id)?.finishedAt, `2026-11-22T00:00:0${second}.000Z`);
  }
  assert.equal(findCompleted(spool, 'r'), undefined);
});
