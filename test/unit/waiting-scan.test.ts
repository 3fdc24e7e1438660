import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { WaitingScan } from '../../service/waiting-scan.ts';
import { disk } from '../../spool/disk.ts';
import { putFile } from '../support/job-files.ts';
import { tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

test('a listing that took long because the machine was busy is repeated soon: jobs that others accepted must not be overlooked so long', async (t) => {
  // Nothing of this second is work of this process.
  const namesOf = async function* (folder: string) {
    await sleep(1_000);
    yield* disk.namesOf(folder);
  };
  const spool = tempSpool(t, { disk: { ...disk, namesOf } });
  const scan = new WaitingScan(spool, 200);
  const seen = new Set<string>();
  const look = () => scan.read(false, (name) => seen.add(name));
  putFile(spool, 'pending', { id: 'first' });
  await look();
  assert.equal(seen.size, 1);
  putFile(spool, 'pending', { id: 'second' });
  await waitFor(async () => {
    await look();
    return seen.size === 2;
  }, 'the second job to be seen');
});
