/** What earlier jobs, and jobs that cannot be read, do to others: nothing. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { cancelClaimed, cancelWaiting } from '../../spool/cancel.ts';
import { claim, putBack } from '../../spool/claim.ts';
import { disk } from '../../spool/disk.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { rescue } from '../../spool/rescue.ts';
import { settle } from '../../spool/settle.ts';
import type { Spool } from '../../spool/spool.ts';
import { cancel } from '../../spool/steer.ts';
import { aJob } from '../support/a-job.ts';
import { brokenPromises } from '../support/invariants.ts';
import { rescueOptions } from '../support/run-to-end.ts';
import { tempSpool } from '../support/spool.ts';

const SLOT = 'host-1';
const JOB = aJob({ id: 'a', runAt: Date.UTC(2026, 10, 22) });
const SPAN = { startedAt: JOB.runAt, finishedAt: JOB.runAt + 1, runner: SLOT };

const write = (folder: string, params: string, name = JOB.name): void => {
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, name), JSON.stringify({ class: 'Example', method: 'handle', params: [params] }));
};

/** The parameters of the jobs in a folder: whose files they are. */
const paramsIn = (folder: string): string[] =>
  fs
    .readdirSync(folder)
    .map((name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')).params[0])
    .sort();

const END = { kind: 'failed', error: { name: 'E', message: 'm' }, permanent: true, names: [] } as const;

/** What takes a job to a folder in which an earlier one of the same id and file name may be. */
const ENDS: { name: string; folder: 'failed' | 'cancelled' | 'pending'; put(spool: Spool): void; end(spool: Spool): unknown }[] = [
  {
    name: 'is cancelled while it waits',
    folder: 'cancelled',
    put: (spool) => write(spool.pending, 'later'),
    end: (spool) => cancelWaiting(spool, JOB.name),
  },
  {
    name: 'is cancelled by its runner',
    folder: 'cancelled',
    put: (spool) => write(spool.slot(SLOT), 'later'),
    end: (spool) => cancelClaimed(spool, SLOT, JOB.name),
  },
  {
    name: 'fails',
    folder: 'failed',
    put: (spool) => write(spool.slot(SLOT), 'later'),
    end: (spool) =>
      settle(
        spool,
        SLOT,
        { ...JOB, request: { ...JOB.request, params: ['later'] } },
        END,
        { to: 'failed', outcome: 'failed', why: 'why' },
        SPAN,
        JOB.runAt,
      ),
  },
  {
    name: 'is given back',
    folder: 'pending',
    put: (spool) => write(spool.slot(SLOT), 'later'),
    end: (spool) => settle(spool, SLOT, JOB, { kind: 'released' }, { to: 'pending' }, SPAN, JOB.runAt),
  },
  {
    name: 'is moved on by a rescuer',
    folder: 'failed',
    put: (spool) => write(spool.slot(SLOT), 'later', `.failed=${JOB.name}`),
    end: (spool) => rescue(spool, SLOT, 'own-1', rescueOptions()),
  },
];

for (const { name, folder, put, end } of ENDS) {
  test(`a job that ${name} does not wipe out the earlier one of the same id and file name`, (t) => {
    const spool = tempSpool(t);
    write(spool[folder], 'earlier');
    put(spool);
    assert.ok(end(spool));
    assert.deepEqual(paramsIn(spool[folder]), ['earlier', 'later']);
  });
}

test('a job is not claimed into the place of one of the same name that is done and not cleared away yet', async (t) => {
  const spool = tempSpool(t);
  write(spool.slot(SLOT), 'earlier');
  const ledger = new Ledger(spool, SLOT);
  ledger.append(ledgerLine(JOB, SPAN, new Date(JOB.runAt).toISOString(), undefined), JOB.name);
  write(spool.pending, 'later');
  assert.equal(claim(spool, SLOT, JOB.name, Date.now(), ledger.isUncleared(JOB.name)).kind, 'missing');
  await ledger.commit();
  ledger.close();
  assert.deepEqual(paramsIn(spool.pending), ['later']);
  assert.equal(claim(spool, SLOT, JOB.name, Date.now(), ledger.isUncleared(JOB.name)).kind, 'claimed');
});

/** A disk on which files of which this is a part of the path cannot be read, for the time being. */
function unreadable(part: string): typeof disk {
  return {
    ...disk,
    inspect: (file, maxBytes) =>
      file.includes(part)
        ? { kind: 'unreadable', reason: `EIO: i/o error, read '${file}'`, isDenied: false }
        : disk.inspect(file, maxBytes),
  };
}

test('a job that cannot be read just now is put back, and nobody is told that it is gone', (t) => {
  const spool = tempSpool(t);
  write(spool.pending, 'x');
  fs.mkdirSync(spool.slot(SLOT));
  const sick = { ...spool, disk: unreadable('-a.json') };
  assert.equal(claim(sick, SLOT, JOB.name, Date.now()).kind, 'unread');
  putBack(sick, SLOT, JOB.name);
  assert.deepEqual(paramsIn(spool.pending), ['x']);
  assert.deepEqual(fs.readdirSync(spool.slot(SLOT)), []);
});

test('a job that a dead runner left and that cannot be read keeps nobody else from being rescued', (t) => {
  const spool = tempSpool(t);
  const bad = aJob({ id: 'bad', runAt: JOB.runAt });
  write(spool.slot(SLOT), 'bad', bad.name);
  write(spool.slot(SLOT), 'good');
  write(spool.slot('host-2'), 'other', aJob({ id: 'other', runAt: JOB.runAt }).name);
  const sick = { ...spool, disk: unreadable('-bad.json') };
  assert.throws(() => rescue(sick, SLOT, 'own-1', rescueOptions()), /dead runner host-1 left: EIO: .*-bad\.json/);
  assert.equal(rescue(sick, 'host-2', 'own-1', rescueOptions()).length, 1);
  assert.deepEqual(paramsIn(spool.retrying), ['good', 'other']);
  assert.equal(rescue(spool, SLOT, 'own-1', rescueOptions()).length, 1, 'and when it can be read again, it is rescued too');
  assert.deepEqual(brokenPromises(spool, ['a', 'bad', 'other']), []);
});

/** A disk that is full: nothing new can be written, what is there can be moved. */
const full = (): typeof disk => ({
  ...disk,
  create: (file) => {
    throw Object.assign(new Error(`ENOSPC: no space left on device, open '${file}'`), { code: 'ENOSPC' });
  },
});

test('a job that waits can be cancelled on a full disk, and is then as old as its cancellation', (t) => {
  const spool = tempSpool(t);
  write(spool.pending, 'x');
  disk.setTimes(path.join(spool.pending, JOB.name), 1_000_000);
  const before = Date.now();
  assert.equal(cancel({ ...spool, disk: full() }, 'a').kind, 'cancelled');
  assert.ok((disk.facts(path.join(spool.cancelled, JOB.name))?.mtimeMs ?? 0) >= before - 1);
});

test('a job that runs cannot be cancelled on a full disk, and nobody is told that it is', (t) => {
  const spool = tempSpool(t);
  write(spool.slot(SLOT), 'x');
  assert.throws(() => cancel({ ...spool, disk: full() }, 'a'), /ENOSPC/);
});

test('a job that is done is not rejected besides because its file may not be read', (t: TestContext) => {
  const spool = tempSpool(t);
  write(spool.slot(SLOT), 'x');
  const acceptedAt = new Date(disk.facts(spool.claimed(SLOT, JOB.name))?.mtimeMs ?? 0).toISOString();
  const ledger = new Ledger(spool, SLOT);
  ledger.append(ledgerLine(JOB, { ...SPAN, finishedAt: Date.now() }, acceptedAt, undefined), JOB.name);
  ledger.close();
  const denied: typeof disk = { ...disk, inspect: (file) => ({ kind: 'unreadable', reason: `EACCES: ${file}`, isDenied: true }) };
  rescue({ ...spool, disk: denied }, SLOT, 'own-1', rescueOptions());
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
  assert.deepEqual(brokenPromises(spool, ['a']), []);
});
