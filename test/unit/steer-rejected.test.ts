import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { Intake } from '../../spool/accept.ts';
import { shellCommands } from '../../spool/by-hand.ts';
import { type Disk, disk } from '../../spool/disk.ts';
import { jobStatus, locate, type Place } from '../../spool/query.ts';
import { refusal, remove, retry } from '../../spool/steer.ts';
import { putRejected } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const NOW = Date.now();

test('a file that is rejected anew in the moment of its retry keeps the reason for that', (t) => {
  const spool = tempSpool(t);
  putRejected(spool, 'p5-now-x.json', NOW, 'the old reason');
  const intake = new Intake(spool, { refusal: () => 'the new reason', isLive: () => false });
  const quick: Disk = {
    ...disk,
    rename(from, to) {
      const moved = disk.rename(from, to);
      // A dispatcher that is as fast as it can be.
      if (moved && to.startsWith(spool.incoming)) assert.equal(intake.accept('p5-now-x.json', NOW, 0).kind, 'rejected');
      return moved;
    },
  };
  assert.equal(retry({ ...spool, disk: quick }, 'x').kind, 'done');
  assert.equal(jobStatus(spool, 'x')?.reason, 'the new reason');
  assert.deepEqual(fs.readdirSync(spool.tmp), []);
});

test('a rejected file that cannot be retried keeps its reason', (t) => {
  const spool = tempSpool(t);
  putRejected(spool, 'p5-now-x.json', NOW, 'why');
  dropFile(spool, 'p5-now-x.json', { class: 'Other' });
  const place: Place = { state: 'rejected', name: 'p5-now-x.json', file: `${spool.rejected}/p5-now-x.json` };
  assert.equal(retry(spool, 'x', { place, only: true }).kind, 'taken');
  assert.ok(fs.existsSync(spool.reason('p5-now-x.json')));
  assert.deepEqual(fs.readdirSync(spool.tmp), []);
});

test('deleting a rejected duplicate leaves the log of the job that has the id', (t) => {
  const spool = tempSpool(t);
  fs.writeFileSync(spool.jobLog('x'), 'the job that lives printed this');
  putRejected(spool, 'p5-now-x.json', NOW, 'duplicate');
  assert.equal(remove(spool, 'x').kind, 'done');
  assert.ok(fs.existsSync(spool.jobLog('x')));
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
});

test('a folder that somebody dropped is not deleted as a file, and it is said who can', (t) => {
  const spool = tempSpool(t);
  fs.mkdirSync(`${spool.rejected}/things.json`);
  fs.writeFileSync(`${spool.rejected}/things.json/a`, 'kept');
  const removed = remove(spool, 'things');
  assert.equal(removed.kind, 'folder');
  assert.match(refusal({ kind: 'folder' }), /folder/);
  assert.ok(fs.existsSync(`${spool.rejected}/things.json/a`));
  const status = jobStatus(spool, 'things');
  const place = locate(spool, 'things');
  assert.ok(status && place);
  const command = shellCommands(spool, status, place, NOW).find(({ does }) => does === 'delete')?.command;
  assert.match(command ?? '', /^rm -r /);
});
