/** What a member of the group may put into the other folders of the spool: it stops nothing, nothing is written or removed through it, and no job is lost over it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { EventLog } from '../../jobs/event-log.ts';
import { JobLog } from '../../jobs/job-log.ts';
import { progressWriter } from '../../jobs/progress.ts';
import { Backlog } from '../../service/backlog.ts';
import { Canceller } from '../../service/canceller.ts';
import { cancelWaiting } from '../../spool/cancel.ts';
import { claim, readJob } from '../../spool/claim.ts';
import type { End, Job } from '../../spool/job.ts';
import { dayOf, FOLDERS } from '../../spool/layout.ts';
import { slots } from '../../spool/lease.ts';
import { Ledger, ledgerLine, linesOf } from '../../spool/ledger.ts';
import { cancelRequests, clearCancel, isCancelRequested, isPaused, pause, requestDrain, resume } from '../../spool/marker.ts';
import { prune } from '../../spool/prune.ts';
import { completedLines, jobStatus } from '../../spool/query.ts';
import { MAX_BODY_BYTES } from '../../spool/request.ts';
import { type RescueOptions, rescue, settleTaken } from '../../spool/rescue.ts';
import { settle } from '../../spool/settle.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { aJob, aPolicy } from '../support/a-job.ts';
import { afterwards } from '../support/afterwards.ts';
import { BODIES, type Kind, outsideOf, STRANGERS } from '../support/hostile-files.ts';
import { tempFolder, tempSpool } from '../support/spool.ts';
import { whereabouts } from '../support/whereabouts.ts';

const SLOT = 'host-1';
const DAY_MS = 86_400_000;
const posix = { skip: process.platform === 'win32' };

/** One test that goes through every kind of stranger, each on a spool of its own; nothing outside is touched. */
function withEveryStranger(name: string, act: (t: TestContext, spool: Spool, make: (at: string) => void, kind: Kind) => void): void {
  test(name, posix, async (t) => {
    const outside = await outsideOf(t);
    for (const kind of STRANGERS) {
      act(t, tempSpool(t), (at) => kind.make(at, outside), kind);
      outside.assertUntouched();
    }
    await outside.assertNobodyCame();
  });
}

withEveryStranger(
  'what is no file is no job, wherever it waits under the name of one: a runner that reaches for it rejects it',
  (_t, spool, make, { what }) => {
    for (const folder of ['pending', 'retrying'] as const) {
      const job = aJob({ id: `in-${folder}` });
      make(`${spool[folder]}/${job.name}`);
      spool.disk.makeFolder(spool.slot(SLOT));
      const claimed = claim(spool, SLOT, job.name, Date.now());
      assert.equal(claimed.kind, 'spoilt', what);
      assert.equal(
        settle(spool, SLOT, job, { kind: 'refused', reason: 'r' }, { to: 'rejected', reason: 'r' }, SPAN, 0)?.name,
        job.name,
        what,
      );
      assert.deepEqual(whereabouts(spool, job.id), ['rejected'], what);
    }
  },
);

withEveryStranger('what is no file is no marker, and can be left where it is', (_t, spool, make, { what }) => {
  make(spool.cancelMarker('a'));
  assert.deepEqual([cancelRequests(spool), isCancelRequested(spool, 'a')], [[], false], what);
  fs.writeFileSync(spool.cancelMarker('b'), '');
  assert.deepEqual(cancelRequests(spool), ['b'], what);
  clearCancel(spool, 'b');
  make(spool.drain(SLOT));
  fs.writeFileSync(
    spool.holder(SLOT),
    JSON.stringify({ kind: 'runner', host: 'h', pid: 1, processStart: '', bootId: '', pidNamespace: '', since: '' }),
  );
  try {
    requestDrain(spool, SLOT);
  } catch (error) {
    assert.match(String(error), /expected a regular file|EISDIR|ELOOP|ENXIO|EEXIST/, what);
  }
});

withEveryStranger(
  'whatever stands under the name "paused" pauses, and resume takes it away unless it is full',
  (_t, spool, make, { what }) => {
    make(spool.paused);
    assert.ok(isPaused(spool), what);
    pause(spool);
    if (what === 'a full folder') return assert.throws(() => resume(spool), /paused/);
    assert.ok(resume(spool), what);
    assert.equal(isPaused(spool), false, what);
  },
);

withEveryStranger(
  'a completed job is recorded in a file of our own, whatever stands where its ledger is to be',
  (_t, spool, make, { what }) => {
    const day = dayOf(Date.now());
    fs.mkdirSync(spool.ledgerDay(day));
    make(spool.ledger(day, SLOT));
    recordInLedger(spool, claimed(spool, aJob({ id: 'done' })));
    assert.deepEqual(
      [...completedLines(spool)].map(({ id }) => id),
      ['done'],
      what,
    );
    assert.ok(fs.lstatSync(spool.ledger(day, SLOT)).isFile(), what);
  },
);

withEveryStranger(
  'a completed job is recorded in the spool, whatever stands where the folder of its day is to be',
  (_t, spool, make, { what }) => {
    make(spool.ledgerDay(dayOf(Date.now())));
    recordInLedger(spool, claimed(spool, aJob({ id: 'done' })));
    assert.deepEqual(
      [...completedLines(spool)].map(({ id }) => id),
      ['done'],
      what,
    );
  },
);

withEveryStranger(
  'a failed job reaches failed/, and a cancelled one cancelled/, whatever stands there under its name',
  (_t, spool, make, { what }) => {
    const failing = claimed(spool, aJob({ id: 'failing' }));
    make(`${spool.failed}/${failing.name}`);
    const move = { to: 'failed', outcome: 'failed', why: 'w' } as const;
    assert.ok(settle(spool, SLOT, failing, FAILED, move, SPAN, 0), what);
    assert.equal(readJob(spool, `${spool.failed}/${failing.name}`, failing.name).kind, 'claimed', what);
    const waiting = aJob({ id: 'waiting' });
    fs.writeFileSync(`${spool.pending}/${waiting.name}`, JSON.stringify(waiting.request));
    make(`${spool.cancelled}/${waiting.name}`);
    assert.equal(cancelWaiting(spool, waiting.name)?.id, 'waiting', what);
    assert.equal(readJob(spool, `${spool.cancelled}/${waiting.name}`, waiting.name).kind, 'claimed', what);
  },
);

withEveryStranger('a rescue brings every job to its place, whatever lies in the dead slot and in the way', (_t, spool, make, { what }) => {
  const job = claimed(spool, aJob({ id: 'left' }));
  for (const name of ['.DS_Store', 'notes', '.failed=x.json', `.failed=${job.name}`, aJob({ id: 'not' }).name])
    make(spool.claimed(SLOT, name));
  for (const file of [
    spool.output(SLOT),
    spool.progress(SLOT),
    spool.result(SLOT),
    spool.lines(SLOT),
    spool.holder(SLOT),
    spool.drain(SLOT),
    spool.lock(SLOT),
  ])
    make(file);
  const rescued = rescue(spool, SLOT, 'own-1', rescueOptions());
  assert.deepEqual([rescued.map((one) => one.job.id), whereabouts(spool, 'left')], [['left'], ['retrying']], what);
  assert.deepEqual(fs.readdirSync(spool.running), [], what);
});

test('a name that is no UTF-8 in a dead slot keeps no slot from being rescued', posix, (t) => {
  const spool = tempSpool(t);
  for (const slot of [SLOT, 'host-2']) {
    const job = aJob({ id: `of-${slot}` });
    claimed(spool, job, slot);
    fs.writeFileSync(Buffer.concat([Buffer.from(`${spool.slot(slot)}/caf`), Buffer.of(0xe9)]), 'mine');
    assert.equal(rescue(spool, slot, 'own-1', rescueOptions()).length, 1);
    assert.deepEqual(whereabouts(spool, job.id), ['retrying']);
  }
  assert.deepEqual(fs.readdirSync(spool.running), []);
  const kept = fs.readdirSync(spool.rejected).filter((name) => fs.lstatSync(`${spool.rejected}/${name}`).isDirectory());
  assert.equal(kept.length, 2, 'what could not be named is kept');
});

withEveryStranger('a stranger under the name of a slot is cleared away once, not looked after for ever', (_t, spool, make, { what }) => {
  make(spool.slot('stranger-1'));
  make(spool.lock('stranger-2'));
  for (const slot of slots(spool)) rescue(spool, slot, 'own-1', rescueOptions());
  assert.deepEqual(slots(spool), [], what);
});

withEveryStranger(
  'a stranger in the place of the slot that a rescue needs for itself keeps no job waiting for ever',
  (_t, spool, make, { what }) => {
    make(spool.slot('own-1'));
    claimed(spool, aJob({ id: 'left' }));
    // As the rescuer does with what an earlier rescue of its own left.
    if (spool.disk.exists(spool.slot('own-1'))) settleTaken(spool, 'own-1', 'own-1', rescueOptions());
    rescue(spool, SLOT, 'own-1', rescueOptions());
    assert.deepEqual(whereabouts(spool, 'left'), ['retrying'], what);
  },
);

withEveryStranger(
  'a stranger in the ledger, and one that passes for a day of it, is not pruned through and keeps nothing else from being pruned',
  (_t, spool, make, { what }) => {
    const old = Date.now() - 90 * DAY_MS;
    for (const day of [dayOf(old), dayOf(old + DAY_MS)]) {
      fs.mkdirSync(spool.ledgerDay(day));
      fs.writeFileSync(spool.ledger(day, SLOT), '{}\n');
    }
    make(spool.ledger(dayOf(old), 'host-2'));
    make(spool.ledgerDay(dayOf(old + 2 * DAY_MS)));
    const retention = { keepCompletedMs: DAY_MS, keepFailedMs: DAY_MS, keepLogsMs: DAY_MS };
    assert.ok(prune(spool, retention).completedDays >= 1, what);
    assert.equal(fs.existsSync(spool.ledgerDay(dayOf(old + DAY_MS))), false, what);
    assert.equal(fs.existsSync(spool.ledger(dayOf(old), SLOT)), false, what);
  },
);

withEveryStranger(
  'logs and progress are written to files alone: at anything else nobody waits, and nothing is lost in it unsaid',
  (_t, spool, make, { what }) => {
    for (const file of [spool.jobLog('a'), path.join(spool.logs, 'background_jobs.log'), spool.progress(SLOT), spool.lines(SLOT)])
      make(file);
    const printed = new JobLog(spool, 'a', { attempt: 1, startedAt: 0, runner: SLOT });
    // More than a FIFO holds.
    for (let line = 0; line < 100; line++) printed.write('x'.repeat(2_000));
    printed.close();
    const lines: string[] = [];
    const log = new EventLog(spool, { onLines: (line) => lines.push(line) });
    for (let line = 0; line < 100; line++) log.error('y'.repeat(2_000));
    log.close();
    assert.equal(lines.length, 100, what);
    const progress = progressWriter(spool, SLOT);
    progress.report(50);
    progress.clear(true);
    if (!what.startsWith('a full')) assert.equal(spool.disk.facts(spool.progress(SLOT)), undefined, what);
  },
);

withEveryStranger('a spool whose version is no file is not opened, and the sentence says why', (_t, spool, make, { what }) => {
  fs.rmSync(spool.version);
  make(spool.version);
  assert.throws(() => openSpool(spool.root), { name: 'SpoolError', code: 'SPOOL_VERSION', message: /version.*damaged: restore/s }, what);
});

test('a file that grew, shrank or changed after it was accepted is checked again in full before it runs', (t) => {
  const spool = tempSpool(t);
  spool.disk.makeFolder(spool.slot(SLOT));
  for (const [what, { body, ok = false }] of Object.entries(BODIES)) {
    const job = aJob({ id: 'x' });
    fs.writeFileSync(`${spool.pending}/${job.name}`, body);
    const claimed = claim(spool, SLOT, job.name, Date.now());
    assert.equal(claimed.kind, ok ? 'claimed' : 'spoilt', what);
    fs.rmSync(spool.claimed(SLOT, job.name));
  }
  const job = aJob({ id: 'grown', request: { params: ['x'.repeat(MAX_BODY_BYTES)] } });
  fs.writeFileSync(`${spool.pending}/${job.name}`, JSON.stringify(job.request));
  const grown = claim(spool, SLOT, job.name, Date.now());
  assert.match(grown.kind === 'spoilt' ? grown.reason : grown.kind, /at most 1048576 bytes/);
});

test('what was checked is what runs and what is kept, though the file changes in the very moment of the claim', (t) => {
  const spool = tempSpool(t);
  const swapping: Spool = {
    ...spool,
    disk: {
      ...spool.disk,
      inspect(file: string, maxBytes: number) {
        const found = spool.disk.inspect(file, maxBytes);
        fs.writeFileSync(file, '{"class":"Evil","params":["swapped"]}');
        return found;
      },
    } as Spool['disk'],
  };
  const job = aJob({ request: { params: ['checked'] } });
  fs.writeFileSync(`${spool.pending}/${job.name}`, JSON.stringify(job.request));
  spool.disk.makeFolder(spool.slot(SLOT));
  const claimed = claim(swapping, SLOT, job.name, Date.now());
  assert.ok(claimed.kind === 'claimed');
  assert.deepEqual([claimed.job.request.class, claimed.job.request.params], ['Example', ['checked']]);
  settle(spool, SLOT, claimed.job, FAILED, { to: 'failed', outcome: 'failed', why: 'w' }, SPAN, 0);
  assert.deepEqual(jobStatus(spool, 'a')?.params, ['checked']);
});

test('a body of the largest size is run again after a failure, though the service writes it longer than it was', (t) => {
  const spool = tempSpool(t);
  const body = `{"class":"A","params":[${'1e20,'.repeat(209_000)}1]}`;
  fs.writeFileSync(`${spool.pending}/${aJob().name}`, body);
  spool.disk.makeFolder(spool.slot(SLOT));
  const first = claim(spool, SLOT, aJob().name, Date.now());
  assert.ok(first.kind === 'claimed');
  settle(spool, SLOT, first.job, FAILED, { to: 'retrying', outcome: 'failed', runAt: 0, crashed: false }, SPAN, 0);
  const [name = ''] = fs.readdirSync(spool.retrying);
  assert.equal(claim(spool, SLOT, name, Date.now()).kind, 'claimed');
});

test('a folder of another user in the place of a job is claimed by nobody and cancelled by nobody, and stops neither', (t) => {
  if (process.getuid?.() !== 0) return t.skip('SKIPPED: only root can make folders of another user');
  const spool = tempSpool(t);
  const nobody = 65_534;
  for (const folder of [path.dirname(spool.root), spool.root, ...FOLDERS.map((name) => spool[name])]) fs.chownSync(folder, nobody, nobody);
  const [theirs, ours] = [aJob({ id: 'theirs' }), aJob({ id: 'zours' })];
  fs.mkdirSync(`${spool.pending}/${theirs.name}`, { mode: 0o755 });
  process.seteuid?.(nobody);
  afterwards(t, () => process.seteuid?.(0));
  spool.disk.makeFolder(spool.slot(SLOT));
  fs.writeFileSync(`${spool.pending}/${ours.name}`, JSON.stringify(ours.request));
  assert.equal(claim(spool, SLOT, theirs.name, Date.now()).kind, 'missing');
  const backlog = new Backlog();
  for (const { name } of [theirs, ours]) backlog.add(name, Date.now());
  for (const id of ['theirs', 'zours']) fs.writeFileSync(spool.cancelMarker(id), '');
  const lines: string[] = [];
  const canceller = new Canceller(spool, backlog, new EventLog(spool, { onLines: (line) => lines.push(line) }), {
    slot: () => 'own-1',
    lookAgain: () => undefined,
  });
  for (let look = 0; look < 3; look++) canceller.run();
  assert.deepEqual(whereabouts(spool, 'zours'), ['cancelled']);
  assert.equal(lines.filter((line) => line.includes('EACCES')).length, 1, 'said once');
});

test('a file whose time no date can hold fails, is listed and is recorded like any other', (t) => {
  const spool = tempSpool(t);
  for (const [index, seconds] of [1e14, -1e14, 8.64e12 + 1, 253_402_300_800].entries()) {
    const job = claimed(spool, aJob({ id: `t${index}` }));
    fs.utimesSync(spool.claimed(SLOT, job.name), seconds, seconds);
    const read = readJob(spool, spool.claimed(SLOT, job.name), job.name);
    assert.ok(read.kind === 'claimed');
    assert.equal(jobStatus(spool, job.id)?.state, 'running');
    settle(spool, SLOT, job, FAILED, { to: 'retrying', outcome: 'failed', runAt: 0, crashed: false }, SPAN, read.writtenAt);
    const [name = ''] = fs.readdirSync(spool.retrying);
    assert.equal(claim(spool, SLOT, name, Date.now()).kind, 'claimed', 'and runs again');
  }
});

test('a line of the ledger that is longer than any of ours is passed over, and those around it are read', (t) => {
  const spool = tempSpool(t);
  const file = path.join(tempFolder(t), 'ledger');
  fs.writeFileSync(file, 'first\n');
  // A hole takes no room.
  fs.truncateSync(file, 100 * 1_048_576);
  fs.appendFileSync(file, '\nlast\ntorn');
  assert.deepEqual(
    [...linesOf(spool, file)].filter((line) => line !== ''),
    ['first', 'last'],
  );
});

test('a reader waits at no FIFO that stands in the place of a file of ours', posix, (t) => {
  const spool = tempSpool(t);
  const fifo = spool.jobLog('a');
  execFileSync('mkfifo', [fifo]);
  assert.equal(spool.disk.inspect(fifo, 10).kind, 'not-a-file');
  assert.equal(spool.disk.readBytes(fifo, 0, 10).length, 0);
  assert.throws(() => spool.disk.openAppend(fifo), /expected a regular file/);
  assert.throws(() => spool.disk.overwrite(fifo, 'x'), /ENXIO|expected a regular file/);
  assert.throws(() => spool.disk.read(fifo), /expected a regular file/);
});

const SPAN = { startedAt: 0, finishedAt: 1, runner: SLOT };
const FAILED: End = { kind: 'failed', error: { name: 'E', message: 'm' }, permanent: false, names: [] };

const rescueOptions = (): RescueOptions => ({
  now: Date.now(),
  random: () => 0,
  endOf: () => ({ kind: 'crashed', error: { name: 'RunnerCrashed', message: 'dead' } }),
  policyOf: () => aPolicy(),
});

function claimed(spool: Spool, job: Job, slot = SLOT): Job {
  spool.disk.makeFolder(spool.slot(slot));
  fs.writeFileSync(spool.claimed(slot, job.name), JSON.stringify(job.request));
  return job;
}

function recordInLedger(spool: Spool, job: Job): void {
  const now = Date.now();
  const ledger = new Ledger(spool, SLOT);
  ledger.append(ledgerLine(job, { startedAt: now, finishedAt: now, runner: SLOT }, new Date(now).toISOString(), undefined), job.name);
  ledger.close();
}
