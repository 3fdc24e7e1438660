import assert from 'node:assert/strict';
import test from 'node:test';
import { type Room, shortageOf } from '../../spool/room.ts';

const MIB = 1_048_576;
const DISK: Room = { freeBytes: 500 * MIB, totalBytes: 1_000 * MIB, freeFiles: 100_000 };
const shortage = (over: Partial<Room>, minFreeBytes = 50 * MIB) => shortageOf({ ...DISK, ...over }, minFreeBytes);

test('a disk with less than must stay free is low, also when only a byte is missing', () => {
  assert.equal(shortage({ freeBytes: 50 * MIB }), undefined);
  assert.deepEqual(shortage({ freeBytes: 50 * MIB - 1 })?.kind, 'disk-low');
  assert.match(
    shortage({ freeBytes: 3 * MIB })?.text ?? '',
    /^only 3\.0 MiB are free on the spool's disk, less than 50 MiB \(JOBSPOOL_MIN_FREE\)$/,
  );
});

test('a disk on which no file can be made is full though it has bytes free, and the reason names inodes', () => {
  assert.equal(shortage({ freeFiles: 16 }), undefined);
  assert.equal(shortage({ freeFiles: 0 })?.kind, 'disk-full');
  assert.match(shortage({ freeFiles: 0 })?.text ?? '', /inodes are used up/);
  assert.equal(shortage({ freeFiles: Number.POSITIVE_INFINITY }), undefined, 'a file system without a limit');
});

test('a full disk is a shortage also where no bytes need stay free', () => {
  assert.equal(shortage({ freeBytes: 0 }, 0)?.kind, 'disk-full');
  assert.equal(shortage({ freeBytes: 4_096 }, 0)?.kind, 'disk-full');
  assert.equal(shortage({ freeBytes: MIB }, 0), undefined);
});

test('a JOBSPOOL_MIN_FREE that no disk of this size can satisfy is named as the cause', () => {
  assert.match(shortage({}, 2_000 * MIB)?.text ?? '', /whole disk has 1000 MiB, less than 2\.0 GiB .*set JOBSPOOL_MIN_FREE lower/);
});
