/** The checker of the other crash tests finds what they look for. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Spool } from '../../spool/spool.ts';
import { brokenPromises, leftBehind, stillLive } from '../support/invariants.ts';
import { attemptAt, putFailed, putFile, putLine, putRejected, putRunning } from '../support/job-files.ts';
import { tempSpool } from '../support/spool.ts';

const AT = Date.UTC(2026, 10, 22);

const WRONG: { name: string; put(spool: Spool): void; says: RegExp }[] = [
  { name: 'lost', put: () => undefined, says: /acknowledged, and it is nowhere/ },
  {
    name: 'in two folders',
    put: (spool) => {
      putFile(spool, 'pending', { id: 'a' });
      putFile(spool, 'retrying', { id: 'a' });
    },
    says: /several places: pending.* and retrying/,
  },
  {
    name: 'done and waiting',
    put: (spool) => {
      putFile(spool, 'pending', { id: 'a' });
      putLine(spool, 'a', AT);
    },
    says: /several places: pending.* and completed/,
  },
  {
    name: 'done twice',
    put: (spool) => {
      putLine(spool, 'a', AT);
      putLine(spool, 'a', AT, {}, 'host-2');
    },
    says: /several final outcomes/,
  },
  {
    name: 'done and failed',
    put: (spool) => {
      putLine(spool, 'a', AT);
      putFailed(spool, 'a', AT);
    },
    says: /several final outcomes/,
  },
  { name: 'empty', put: (spool) => fs.truncateSync(putFile(spool, 'pending', { id: 'a' })), says: /no whole request/ },
  {
    name: 'rejected without a reason',
    put: (spool) => fs.renameSync(putFile(spool, 'pending', { id: 'a' }), path.join(spool.rejected, 'p5-now-a.json')),
    says: /has no reason/,
  },
  {
    name: 'one whose attempts are not counted',
    put: (spool) => void putFile(spool, 'failed', { id: 'a', request: { attempts: [attemptAt(AT, 'failed', 'm', 2)] } }),
    says: /numbered 2/,
  },
  {
    name: 'another than was submitted',
    put: (spool) => void putFile(spool, 'pending', { id: 'a', request: { params: ['other'] } }),
    says: /not what was submitted/,
  },
];

for (const { name, put, says } of WRONG) {
  test(`a job that is ${name} is found out`, (t) => {
    const spool = tempSpool(t);
    put(spool);
    assert.match(brokenPromises(spool, ['a'], { params: new Map([['a', []]]) }).join('\n'), says);
  });
}

test('a job in any one place is in order, also while it is settled', (t) => {
  const spool = tempSpool(t);
  putFile(spool, 'pending', { id: 'waits' });
  putFailed(spool, 'failed', AT);
  putRejected(spool, 'rejected.json', AT);
  putLine(spool, 'done', AT);
  putRunning(spool, 'host-1', { id: 'done' });
  const file = putRunning(spool, 'host-1', { id: 'bound' });
  fs.copyFileSync(file, path.join(path.dirname(file), `.failed=${path.basename(file)}`));
  assert.deepEqual(brokenPromises(spool, ['waits', 'failed', 'rejected', 'done', 'bound']), []);
  assert.equal(stillLive(spool).length, 4);
});

test('what is left behind is found', (t) => {
  const spool = tempSpool(t);
  for (const file of [path.join(spool.tmp, 'draft'), spool.holder('host-1'), spool.cancelMarker('a'), spool.reason('gone.json')])
    fs.writeFileSync(file, '');
  fs.linkSync(putFile(spool, 'pending', { id: 'a' }), path.join(spool.pending, 'second.json'));
  const found = leftBehind(spool).join('\n');
  for (const what of [/tmp\/draft/, /running\/host-1\.holder/, /cancel\/a/, /gone\.json\.reason/, /second name/]) assert.match(found, what);
});
