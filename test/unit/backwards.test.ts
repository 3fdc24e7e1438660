import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { type Line, linesBackwards, type Read } from '../../spool/backwards.ts';

const reading =
  (file: Buffer): Read =>
  (start, length) =>
    file.subarray(start, start + length);

const line = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 30 }), fc.constant('é'.repeat(90)), fc.constant(''));
const lines = fc.array(
  line.map((text) => text.replace(/\n/g, ' ')),
  { maxLength: 12 },
);

test('lines read from the end are those that are there, wherever the blocks begin', () => {
  fc.assert(
    fc.property(lines, fc.constantFrom('', 'unfinished'), fc.integer({ min: 200, max: 400 }), (texts, tail, blockBytes) => {
      const file = Buffer.from(texts.map((text) => `${text}\n`).join('') + tail);
      const read = [...linesBackwards(reading(file), file.length, blockBytes)].flat();
      assert.deepEqual(
        read.map(({ bytes }) => bytes.toString()),
        [...texts, ...(tail ? [tail] : [])].reverse(),
      );
      for (const { start, bytes } of read) assert.ok(file.subarray(start).indexOf(bytes) === 0);
    }),
  );
});

test('of lines longer than a block no byte is left out and none comes twice', () => {
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 50 }), (texts, blockBytes) => {
      const file = Buffer.from(texts.map((text) => `${text}\n`).join(''));
      const covered: Line[] = [...linesBackwards(reading(file), file.length, blockBytes)].flat();
      for (let at = file.length; at > 0; ) {
        const next = covered.shift();
        assert.ok(next, `nothing covers the bytes before ${at}`);
        const end = next.start + next.bytes.length;
        assert.ok(end === at || (end === at - 1 && file[end] === 0x0a), `expected a line that ends at ${at}, got one that ends at ${end}`);
        at = next.start;
      }
      assert.equal(covered.length, 0);
    }),
  );
});

test('a reader may go on from the beginning of any line it was given', () => {
  fc.assert(
    fc.property(lines, fc.nat(20), (texts, after) => {
      const file = Buffer.from(texts.map((text) => `${text}\n`).join(''));
      const all = [...linesBackwards(reading(file), file.length)].flat();
      const stop = all[after];
      if (!stop) return;
      const rest = [...linesBackwards(reading(file), stop.start)].flat();
      assert.deepEqual(rest, all.slice(after + 1));
    }),
  );
});

test('a file that is emptied while it is read ends the reading', () => {
  assert.deepEqual([...linesBackwards(() => Buffer.alloc(0), 1_000)], []);
});
