import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { SharedProgress } from '../../jobs/progress.ts';
import { jobStatus } from '../../spool/query.ts';
import { aJob } from '../support/a-job.ts';
import { tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

test('jobs that share a runner each show how far they themselves are, and nothing stays behind', async (t) => {
  const spool = tempSpool(t);
  const slot = 'host-1';
  spool.disk.makeFolder(spool.slot(slot));
  // One id is the end of another.
  for (const id of ['a', 'b-a', 'c']) fs.writeFileSync(path.join(spool.slot(slot), aJob({ id }).name), '{"class":"A"}');
  const progress = new SharedProgress(spool, slot);
  const [a, b] = [progress.of('a'), progress.of('b-a')];
  b.report(12.34);
  a.report(Number.NaN);
  a.report(70);
  await waitFor(() => jobStatus(spool, 'a')?.progress === 70, 'the progress of a');
  assert.equal(jobStatus(spool, 'b-a')?.progress, 12.3);
  assert.equal(jobStatus(spool, 'c')?.progress, undefined);
  a.clear(false);
  await waitFor(() => jobStatus(spool, 'a')?.progress === undefined, 'its line to go');
  assert.equal(jobStatus(spool, 'b-a')?.progress, 12.3);
  b.clear(false);
  assert.equal(fs.existsSync(spool.progress(slot)), false);
});
