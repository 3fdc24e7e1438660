/** What stands in the spool stays readable, in its place and its own: modes, links, names that are taken, ages. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { EventLog } from '../../jobs/event-log.ts';
import { addLastWords, JobLog, logTail } from '../../jobs/job-log.ts';
import { progressWriter } from '../../jobs/progress.ts';
import { type Disk, disk } from '../../spool/disk.ts';
import { SpoolError } from '../../spool/errors.ts';
import { acquireSlot } from '../../spool/lease.ts';
import { Ledger, ledgerLine } from '../../spool/ledger.ts';
import { pause, requestCancel } from '../../spool/marker.ts';
import { prune } from '../../spool/prune.ts';
import { reject } from '../../spool/reject.ts';
import { settle } from '../../spool/settle.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { submit } from '../../spool/submit.ts';
import { aJob } from '../support/a-job.ts';
import { afterwards } from '../support/afterwards.ts';
import { tempFolder, tempSpool } from '../support/spool.ts';

const DAY_MS = 86_400_000;
const HEADING = { attempt: 1, startedAt: Date.UTC(2026, 10, 22), runner: 'host-1' };

test('an id that is in incoming/ already is a conflict, and the request that was first stays as it was', async (t) => {
  const spool = tempSpool(t);
  await submit(spool, [{ class: 'First', id: 'same' }]);
  await assert.rejects(
    submit(spool, [{ class: 'Second', id: 'same' }]),
    (error) => error instanceof SpoolError && error.code === 'CONFLICT',
  );
  const [name = '', ...others] = fs.readdirSync(spool.incoming);
  assert.deepEqual(others, []);
  assert.equal(JSON.parse(fs.readFileSync(path.join(spool.incoming, name), 'utf8')).class, 'First');
  assert.deepEqual(fs.readdirSync(spool.tmp), []);
});

const FAILING: { name: string; disk: Partial<Disk>; before?: (spool: Spool) => void }[] = [
  { name: 'cannot be written', disk: { create: failsAt(3, disk.create) } },
  { name: 'cannot be synced', disk: { syncFiles: () => Promise.reject(new Error('EIO: i/o error')) } },
  { name: 'has lost its incoming/', disk: {}, before: (spool) => fs.rmSync(spool.incoming, { recursive: true }) },
];

for (const { name, disk: faults, before } of FAILING) {
  test(`a batch that ${name} leaves nothing in tmp/`, async (t) => {
    const spool = tempSpool(t, { durability: 'full', disk: { ...disk, ...faults } });
    before?.(spool);
    await assert.rejects(submit(spool, [{ class: 'A' }, { class: 'A' }, { class: 'A' }, { class: 'A' }]));
    assert.deepEqual(fs.readdirSync(spool.tmp), []);
  });
}

test('whatever the umask, the group may read and write every file that the service makes', async (t) => {
  const spool = tempSpool(t);
  const before = process.umask(0o077);
  afterwards(t, () => process.umask(before));
  await makeEveryKindOfFile(t, spool);
  process.umask(before);
  const files = fs
    .readdirSync(spool.root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    // Made when the spool was, before the umask was changed.
    .filter((file) => file !== spool.version);
  assert.ok(files.length >= 12, `expected a file of every kind, got ${files.join(', ')}`);
  for (const file of files) assert.equal((fs.statSync(file).mode & 0o777).toString(8), '660', path.relative(spool.root, file));
});

test('where the spool is setgid, what is made in it is too: files of every producer are of its group', (t) => {
  const root = path.join(tempFolder(t), 'spool');
  fs.mkdirSync(root);
  fs.chmodSync(root, 0o2770);
  if ((fs.statSync(root).mode & 0o2000) === 0)
    return t.skip('SKIPPED: this file system keeps no setgid bit: what the spool makes of it was NOT tested');
  const spool = openSpool(root, { durability: 'none' });
  spool.disk.makeFolder(spool.ledgerDay('2026-01-05'));
  const folders = fs.readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.ok(folders.length >= 12);
  for (const { parentPath, name } of folders)
    assert.equal((fs.statSync(path.join(parentPath, name)).mode & 0o7777).toString(8), '2770', name);
});

test("what a job prints is not written through a link that stands in its log's place", (t) => {
  const spool = tempSpool(t);
  const victim = linkedFrom(t, spool.jobLog('a'));
  const log = new JobLog(spool, 'a', HEADING);
  log.write('ssh-rsa evil\n');
  log.close();
  addLastWords(spool, 'a', 1, Buffer.from('evil last words\n'));
  assert.equal(fs.readFileSync(victim, 'utf8'), 'keep\n');
});

test("nor is anything read through a link in a log's place", (t) => {
  const spool = tempSpool(t);
  linkedFrom(t, spool.jobLog('a'));
  const log = new JobLog(spool, 'a', HEADING);
  log.write('said\n');
  assert.doesNotMatch(log.tail(100), /keep/);
  log.close();
  let shown = '';
  try {
    shown = logTail(spool, 'a', 100);
  } catch {
    // To refuse is as good.
  }
  assert.doesNotMatch(shown, /keep/);
});

test('lines of the service are not written through a link in the place of its log, and nobody falls over it', (t) => {
  const spool = tempSpool(t);
  const victim = linkedFrom(t, path.join(spool.logs, 'background_jobs.log'));
  const lines: string[] = [];
  const log = new EventLog(spool, { onLines: (line) => lines.push(line) });
  log.event('completed', { id: 'a' }, 'completed');
  log.error('something is wrong');
  log.close();
  assert.equal(fs.readFileSync(victim, 'utf8'), 'keep\n');
  assert.equal(lines.length, 2, 'other listeners still get their lines');
  assert.match(fs.readFileSync(path.join(spool.logs, 'background_jobs_errors.log'), 'utf8'), /something is wrong/);
});

test('a step that fails while its lines are held keeps no later line from the log', (t) => {
  const spool = tempSpool(t);
  const log = new EventLog(spool);
  const failing = () => {
    log.info('before');
    throw new Error('it failed');
  };
  assert.throws(() => log.holding(failing), /it failed/);
  log.error('after');
  const kept = fs.readFileSync(path.join(spool.logs, 'background_jobs.log'), 'utf8');
  assert.match(kept, /before.*\n.*after/);
  log.close();
});

test('a rejected file that was old when it came is kept until its reason is old', (t) => {
  const spool = tempSpool(t);
  const now = Date.now();
  const file = path.join(spool.incoming, 'p5-now-old.json');
  fs.writeFileSync(file, '{}');
  disk.setTimes(file, now - 40 * DAY_MS);
  const name = reject(spool, file, 'p5-now-old.json', { reason: 'why' }) ?? assert.fail('it was not rejected');
  const pruneAt = (ms: number) => prune(spool, { keepCompletedMs: 30 * DAY_MS, keepFailedMs: 30 * DAY_MS, keepLogsMs: 30 * DAY_MS }, ms);
  assert.equal(pruneAt(now).rejected, 0);
  assert.equal(pruneAt(now + 29 * DAY_MS).rejected, 0);
  assert.deepEqual(fs.readdirSync(spool.rejected).toSorted(), [name, path.basename(spool.reason(name))].toSorted());
  assert.equal(pruneAt(now + 31 * DAY_MS).rejected, 1);
  assert.deepEqual(fs.readdirSync(spool.rejected), []);
});

test('a file with the longest name there is can be rejected, twice, whatever its letters are', (t) => {
  const spool = tempSpool(t);
  for (const long of [`${'é'.repeat(122)}x.json`, `${'x'.repeat(245)}.json`, `${'💾'.repeat(61)}.json`, `${'漢'.repeat(83)}.json`]) {
    for (const reason of ['first', 'second']) {
      const file = path.join(spool.incoming, long);
      fs.writeFileSync(file, reason);
      const name = reject(spool, file, long, { reason }) ?? assert.fail(`${long} was not rejected`);
      assert.equal(fs.readFileSync(path.join(spool.rejected, name), 'utf8'), reason);
      assert.equal(JSON.parse(fs.readFileSync(spool.reason(name), 'utf8')).reason, reason);
      assert.ok(!name.includes('\uFFFD'), 'it is not cut within a letter');
    }
  }
});

/** A link at `file`, to a file that must stay as it is. */
function linkedFrom(t: TestContext, file: string): string {
  const victim = path.join(tempFolder(t), 'victim');
  fs.writeFileSync(victim, 'keep\n');
  fs.symlinkSync(victim, file);
  return victim;
}

async function makeEveryKindOfFile(t: TestContext, spool: Spool): Promise<void> {
  await submit(spool, [{ class: 'A', id: 'a' }]);
  pause(spool);
  requestCancel(spool, 'a');
  const lease = await acquireSlot(spool, { kind: 'runner', staleMs: 5_000, onLost: assert.ifError });
  afterwards(t, () => lease.release());
  const { slot } = lease;
  for (const move of ['failed', 'retrying'] as const) {
    const job = aJob({ id: move });
    fs.writeFileSync(spool.claimed(slot, job.name), JSON.stringify(job.request));
    const error = { name: 'E', message: 'm' };
    const span = { startedAt: Date.now(), finishedAt: Date.now(), runner: slot };
    const to =
      move === 'failed'
        ? { to: move, outcome: move, why: 'why' }
        : { to: move, outcome: 'failed' as const, runAt: Date.now(), crashed: false };
    settle(spool, slot, job, { kind: 'failed', error, permanent: false, names: [] }, to, span, Date.now());
    if (move === 'failed') {
      const ledger = new Ledger(spool, slot);
      ledger.append(ledgerLine(job, span, new Date().toISOString(), undefined), job.name);
      ledger.close();
    }
  }
  fs.writeFileSync(path.join(spool.incoming, 'bad.json'), 'bad');
  fs.chmodSync(path.join(spool.incoming, 'bad.json'), 0o660);
  reject(spool, path.join(spool.incoming, 'bad.json'), 'bad.json', { reason: 'why' });
  const progress = progressWriter(spool, slot);
  progress.report(50);
  const events = new EventLog(spool);
  events.error('an error');
  events.close();
  const printed = new JobLog(spool, 'a', HEADING);
  printed.write('said\n');
  printed.close();
  addLastWords(spool, 'b', 1, Buffer.from('last\n'));
}

function failsAt<A extends unknown[], R>(call: number, act: (...args: A) => R): (...args: A) => R {
  let calls = 0;
  return (...args) => {
    calls += 1;
    if (calls === call) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    return act(...args);
  };
}
