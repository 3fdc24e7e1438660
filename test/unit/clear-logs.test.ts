import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { clearLogs } from '../../spool/clear-logs.ts';
import type { Spool } from '../../spool/spool.ts';
import { tempSpool } from '../support/spool.ts';

const write = (spool: Spool, name: string) => fs.writeFileSync(path.join(spool.logs, name), '{}\n');
const size = (spool: Spool, name: string) => fs.statSync(path.join(spool.logs, name)).size;

function filled(spool: Spool): void {
  for (const log of ['background_jobs', 'background_jobs_errors'])
    for (const ending of ['.log', '.2026-11-20.log', '.2026-11-20.2.log', '.old.log']) write(spool, `${log}${ending}`);
  fs.writeFileSync(path.join(spool.pending, 'p5-20261122T101500.000Z-waits.json'), '{"class":"A"}');
  for (const id of ['waits', 'over']) {
    fs.writeFileSync(spool.jobLog(id), 'printed\n');
    fs.utimesSync(spool.jobLog(id), 1, 1);
  }
}

test('clearing one of the two service logs leaves the other, its rotated files and all job logs', (t) => {
  const spool = tempSpool(t);
  filled(spool);
  assert.deepEqual(clearLogs(spool, 'events'), { rotated: 2, jobLogs: 0 });
  assert.equal(size(spool, 'background_jobs.log'), 0);
  assert.equal(size(spool, 'background_jobs.old.log'), 3);
  assert.equal(size(spool, 'background_jobs_errors.log'), 3);
  assert.equal(size(spool, 'background_jobs_errors.2026-11-20.log'), 3);
  assert.deepEqual(clearLogs(spool, 'errors'), { rotated: 2, jobLogs: 0 });
  assert.equal(size(spool, 'background_jobs_errors.log'), 0);
  assert.deepEqual(fs.readdirSync(spool.jobLogs).sort(), ['over.log', 'waits.log']);
});

test('clearing all logs takes those of finished jobs and leaves those of jobs that wait', (t) => {
  const spool = tempSpool(t);
  filled(spool);
  assert.deepEqual(clearLogs(spool), { rotated: 4, jobLogs: 1 });
  assert.deepEqual(fs.readdirSync(spool.jobLogs), ['waits.log']);
});

test('who has the log open goes on writing to it', (t) => {
  const spool = tempSpool(t);
  const fd = spool.disk.openAppend(path.join(spool.logs, 'background_jobs.log'));
  spool.disk.append(fd, 'before\n');
  clearLogs(spool);
  spool.disk.append(fd, 'after\n');
  spool.disk.close(fd);
  assert.equal(fs.readFileSync(path.join(spool.logs, 'background_jobs.log'), 'utf8'), 'after\n');
});
