/** What `doctor` makes of what it sees. With real disks, users and limits it is tried in test/integration/doctor.test.ts. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { environment } from '../../service/doctor/environment.ts';
import { inotifyLimits } from '../../spool/doctor/events.ts';
import { clock, clockAnswer, fileSystem, freeFiles, freeSpace, otherHosts } from '../../spool/doctor/file-system.ts';
import { existence, folders } from '../../spool/doctor/folders.ts';
import { memory, openFiles, processes } from '../../spool/doctor/limits.ts';
import { processTable } from '../../spool/doctor/processes.ts';
import { agreement, backlog, drafts, ignoredNames, paused } from '../../spool/doctor/work.ts';
import { run } from '../../spool/doctor.ts';
import type { Holder } from '../../spool/lease.ts';
import { replaceFile, type Spool } from '../../spool/spool.ts';
import { putFile } from '../support/job-files.ts';
import { dropFile, tempSpool } from '../support/spool.ts';

const MINUTE = 60_000;
const levelAndText = (answer: { level: string; what: string } | undefined): string => `${answer?.level} ${answer?.what}`;

test('file systems on which jobs behave otherwise are warned of, each with what to do, and ordinary ones are not', () => {
  // The numbers of statfs(2); SMB's may come with a sign.
  const told: [number, RegExp][] = [
    [0x6969, /^warn .*NFS: set JOBSPOOL_WATCH=poll, mount it with "hard" and acdirmax=15/],
    [0xff534d42, /^warn .*SMB.*: a rename may be seen in two steps/],
    [0xff534d42 | 0, /^warn .*SMB/],
    [0xfe534d42, /^warn .*SMB/],
    [0x01021997, /^warn .*9p.*JOBSPOOL_WATCH=poll/],
    [0x794c7630, /^warn .*overlay.*volume/],
    [0x65735546, /^warn .*FUSE.*JOBSPOOL_WATCH=poll/],
    [0x01021994, /^warn .*tmpfs/],
    [0x4d44, /^warn .*FAT/],
    [0xef53, /^ok .*ext$/],
    [0x58465342, /^ok .*XFS$/],
    [0x12345678, /^ok .*0x12345678$/],
  ];
  for (const [type, expected] of told) assert.match(levelAndText(fileSystem(type)), expected);
});

test('clocks that differ by more than a second are told of, with the direction', (t) => {
  assert.match(levelAndText(clockAnswer(-3_000)), /^warn the file system's clock is 3000 ms behind this machine's: set both by NTP/);
  assert.match(levelAndText(clockAnswer(2_500)), /^warn .* 2500 ms ahead of/);
  assert.match(levelAndText(clockAnswer(-900)), /^ok/);
  const spool = tempSpool(t);
  assert.match(levelAndText(clock(spool)), /^ok/);
  assert.deepEqual(fs.readdirSync(spool.tmp), []);
});

test('of other hosts, one whose clock is ahead and one that is silent are named; one that beats is not', (t) => {
  const spool = tempSpool(t);
  const now = Date.now();
  for (const [host, aheadMs] of [
    ['fast', 30_000],
    ['silent', -120_000],
    ['well', -2_000],
  ] as const)
    foreign(spool, host, now + aheadMs);
  const [first, second, ...rest] = otherHosts(spool, now).sort((a, b) => (a.what < b.what ? -1 : 1));
  assert.match(levelAndText(first), /^warn the clock of the host fast is at least 30000 ms ahead of this machine's/);
  assert.match(levelAndText(second), /^warn the host silent has not been heard of for 120 s/);
  assert.deepEqual(rest, []);
});

function foreign(spool: Spool, host: string, beatAt: number): void {
  const slot = `${host}-7`;
  const holder = { kind: 'runner', slot, host, pid: 7, processStart: '1', bootId: 'b', pidNamespace: 'n', since: 's' };
  replaceFile(spool, spool.holder(slot), JSON.stringify(holder));
  spool.disk.makeFolder(spool.lock(slot));
  spool.disk.setTimes(spool.lock(slot), beatAt);
}

test('room for bytes and for files: none, little, enough', () => {
  const room = { freeBytes: 1e12, totalBytes: 2e12, freeFiles: 1e6 };
  assert.match(levelAndText(freeSpace({ ...room, freeBytes: 1e6 }, 50e6)), /^fail .*JOBSPOOL_MIN_FREE.*nothing is accepted or claimed/);
  assert.match(levelAndText(freeSpace({ ...room, freeBytes: 100e6 }, 50e6)), /^warn .*soon reached/);
  assert.match(levelAndText(freeSpace(room, 50e6)), /^ok/);
  assert.match(levelAndText(freeSpace({ ...room, freeFiles: 3 }, 0)), /^fail .*inodes/);
  assert.match(levelAndText(freeFiles({ ...room, freeFiles: 3 })), /^warn 3 more files can be made/);
  assert.match(levelAndText(freeFiles({ ...room, freeFiles: Number.POSITIVE_INFINITY })), /^ok/);
});

test('limits are held against what so many runners need, and the one that is the lower says how to raise it', () => {
  const limits = 'Max processes             200   400   processes\nMax open files            300   4096   files\n';
  assert.match(levelAndText(openFiles(limits, 100)), /^warn 300 files .*LimitNOFILE/);
  assert.match(levelAndText(openFiles(limits, 2)), /^ok/);
  assert.match(levelAndText(processes(limits, 'max\n', 20, false)), /^warn 200 .*ulimit -u/);
  assert.match(levelAndText(processes(limits, '100\n', 20, false)), /^warn 100 .*pids\.max/);
  assert.match(levelAndText(processes(limits, undefined, 20, true)), /^ok any number of/);
  assert.match(levelAndText(memory(150 * 1_048_576, 2)), /^warn 150 MiB .*JOBSPOOL_RUNNERS/);
  const read = (file: string) => (file.includes('instances') ? '8\n' : '100000\n');
  assert.match(levelAndText(inotifyLimits(read, 0)), /^warn inotify allows this user 8 instances and 100000 watches/);
  assert.match(levelAndText(inotifyLimits(() => '100000', 90_000)), /^warn .*max_user_watches=524288/);
  assert.equal(
    inotifyLimits(() => undefined, 0),
    undefined,
  );
});

test('processes that cannot be told apart or are hidden are told of', () => {
  const good = { name: 'linux' as const, processStart: () => '1', bootId: () => 'b', pidNamespace: () => 'n' };
  assert.match(levelAndText(processTable(good)), /^ok/);
  assert.match(levelAndText(processTable({ ...good, bootId: () => '' })), /^warn .*its boot id cannot be read/);
  const hidden = (pid: number) => {
    if (pid !== 1) return '1';
    throw new Error('hidden');
  };
  assert.match(levelAndText(processTable({ ...good, processStart: hidden })), /^warn .*hidepid/);
  assert.match(levelAndText(processTable({ ...good, processStart: () => undefined })), /^fail .*mount \/proc/);
});

test('jobs that are due for long while a dispatcher runs, and files that nobody accepts, are told of', async (t) => {
  const spool = tempSpool(t);
  const now = Date.now();
  putFile(spool, 'pending', { id: 'late', runAt: now - 10 * MINUTE });
  putFile(spool, 'pending', { id: 'later', runAt: now + MINUTE });
  assert.match(levelAndText(backlog(spool, true, now)), /^warn 1 jobs are due, the oldest for 10 min/);
  assert.match(levelAndText(backlog(spool, false, now)), /^ok/);
  dropFile(spool, 'p5-now-a.json', '{}');
  assert.match(levelAndText(backlog(spool, true, now + 6 * MINUTE)), /^fail .*1 wait to be accepted.*does not accept/);
});

test('a paused spool, old drafts and ignored names are told of', (t) => {
  const spool = tempSpool(t);
  assert.deepEqual([paused(spool), drafts(spool, Date.now())], [undefined, undefined]);
  fs.writeFileSync(spool.paused, '');
  fs.writeFileSync(path.join(spool.tmp, 'half'), '{');
  fs.writeFileSync(path.join(spool.incoming, '.half.json'), '{');
  assert.match(levelAndText(paused(spool)), /^warn the spool is paused.*jobspool resume/);
  assert.match(levelAndText(drafts(spool, Date.now() + 25 * 60 * MINUTE)), /^warn 1 file in tmp\/.*"tmp\/half"/);
  assert.match(levelAndText(ignoredNames(spool)[0]), /^warn ignored in incoming\/: "\.half\.json"/);
});

test('dispatchers that run other versions or settings are named; those that say nothing of it, and one alone, are not', () => {
  const one = (slot: string, runs?: Record<string, string>) => ({ slot, ...(runs ? { runs } : {}) }) as Holder;
  const [a, b] = [
    { version: '1.0.0', stale: '30' },
    { version: '1.1.0', stale: '30' },
  ];
  assert.equal(agreement([one('x-1', a), one('x-2')]), undefined);
  assert.match(levelAndText(agreement([one('x-1', a), one('x-2', b)])), /^warn .*version \(1\.0\.0 in x-1, 1\.1\.0 in x-2\)/);
  assert.match(levelAndText(agreement([one('x-1', a), one('x-2', a)])), /^ok/);
});

test('a misspelt variable is told of, with the one that was meant', () => {
  const said = environment({ JOBSPOOL_DIRR: 'x', JOBSPOOL_PASSWORD_FILES: 'y', JOBSPOOL_SOMETHING: 'z', OTHER: '' }).map(levelAndText);
  assert.equal(said.length, 3);
  assert.match(said[0] ?? '', /JOBSPOOL_DIR is$/);
  assert.match(said[1] ?? '', /JOBSPOOL_PASSWORD_FILE is$/);
  assert.match(said[2] ?? '', /misspelt\?$/);
});

test('a spool that is not there, half there or damaged is told of, and nothing is made', (t) => {
  const spool = tempSpool(t);
  assert.match(levelAndText(existence(spool)), /^ok/);
  assert.deepEqual(
    folders(spool).map(({ level }) => level),
    ['ok'],
  );
  fs.rmdirSync(spool.failed);
  assert.match(folders(spool).map(levelAndText).join('\n'), /^fail .*into .*\/failed .*jobspool fsck --repair makes what is missing$/);
  fs.rmSync(spool.version);
  assert.match(levelAndText(existence(spool)), /^fail .*version is missing/);
  fs.rmSync(spool.root, { recursive: true });
  assert.match(levelAndText(existence(spool)), /^warn there is no spool/);
  assert.equal(fs.existsSync(spool.root), false);
  fs.writeFileSync(spool.root, 'a file');
  assert.match(levelAndText(folders(spool)[0]), /^fail .*ENOTDIR/);
});

test('a check that breaks is a failure of its own, and those behind it are made', async () => {
  const found: unknown[] = [];
  for await (const finding of run([
    ['first', () => assert.fail('it broke')],
    ['second', async () => ({ level: 'ok', what: 'well' })],
  ]))
    found.push(finding);
  assert.deepEqual(found, [
    { check: 'first', level: 'fail', what: 'it broke' },
    { check: 'second', level: 'ok', what: 'well' },
  ]);
});
