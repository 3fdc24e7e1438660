/** `jobspool doctor` where something is really wrong: on small, split and read-only disks, as another user, with low limits. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Finding } from '../../spool/doctor/finding.ts';
import { acquireSlot, holderOfSlot, slots } from '../../spool/lease.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { afterwards } from '../support/afterwards.ts';
import { type Ran, runProgram, runShell } from '../support/program.ts';
import { startService, tempFolder } from '../support/spool.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const ALLOWLIST = path.join(ROOT, 'test', 'fixtures', 'allowlist.ts');
/** A user of whom nobody has heard. */
const UID = 54_321;

/** The findings of a run, by their check; those of one check one below the other. */
function byCheck({ out, err }: Ran): Map<string, string> {
  assert.equal(err, '');
  const found = new Map<string, string>();
  for (const line of out.split('\n').filter(Boolean)) {
    const { check, level, what } = JSON.parse(line) as Finding;
    found.set(check, [...(found.get(check)?.split('\n') ?? []), `${level} ${what}`].join('\n'));
  }
  return found;
}

/** Runs `jobspool doctor` at the end of a shell script, in mounts of its own: they are gone with it. */
function doctorAfter(script: string, dir: string, env: Record<string, string> = {}, flags = ''): Promise<Ran> {
  const command = `set -e; D='${dir}'; JOBSPOOL='${process.execPath} ${path.join(ROOT, 'service', 'main.ts')} doctor --json --jobs ${ALLOWLIST} ${flags}'; ${script}`;
  return runShell(['unshare', '--mount', '--propagation', 'private', 'sh', '-c', command], { JOBSPOOL_DIR: dir, ...env });
}

function newSpool(t: TestContext): Spool {
  const folder = tempFolder(t);
  // Others may come to it.
  fs.chmodSync(folder, 0o755);
  const spool = openSpool(path.join(folder, 'spool'), { durability: 'none' });
  fs.chmodSync(spool.root, 0o755);
  return spool;
}

function checks(t: TestContext): boolean {
  if (process.getuid?.() === 0 && process.platform === 'linux') return true;
  t.skip('SKIPPED: this test mounts file systems, and needs root on Linux');
  return false;
}

test('a nearly full disk, one without inodes, a volatile one, and low limits are told of, with what to do', async (t) => {
  if (!checks(t)) return;
  const { root } = newSpool(t);
  const mounts = 'mount -t tmpfs -o size=1m,nr_inodes=40 none "$D"; ulimit -n 128; $JOBSPOOL';
  const env = { JOBSPOOL_RUNERS: '2', NODE_COMPILE_CACHE: '/etc/passwd/nowhere', JOBSPOOL_TOKEN: 'x' };
  // Nothing is in the new mount: the spool is still to be made.
  const ran = await doctorAfter(mounts, root, env, '--runners 64 --host 192.0.2.1 --port 4000');
  const found = byCheck(ran);
  assert.equal(ran.code, 1);
  assert.match(found.get('environment') ?? '', /^warn JOBSPOOL_RUNERS is set, but it is no variable of Jobspool: JOBSPOOL_RUNNERS is$/);
  assert.match(found.get('spool') ?? '', /^warn there is no spool at .* yet: jobspool serve makes it/);
  assert.match(found.get('file-system') ?? '', /^warn the spool is on tmpfs/);
  assert.match(found.get('free-space') ?? '', /^fail .*whole disk/);
  assert.match(found.get('free-files') ?? '', /^warn \d\d more files can be made/);
  assert.match(found.get('open-files') ?? '', /^warn 128 files may be open at once.*64 runners.*ulimit -n 1024/);
  assert.match(found.get('compile-cache') ?? '', /^warn compiled code cannot be kept in \/etc\/passwd\/nowhere/);
  assert.match(found.get('port') ?? '', /^fail the address 192\.0\.2\.1 is not one of this machine/);
  assert.deepEqual(fs.readdirSync(root).includes('pending'), true, 'the spool below is as it was');
});

test('a folder of the spool that is a mount of its own, and one that is read-only, are found by trying', async (t) => {
  if (!checks(t)) return;
  const { root } = newSpool(t);
  const mounts =
    'mount --bind "$D/incoming" "$D/incoming"; mount --bind "$D/failed" "$D/failed"; mount -o remount,bind,ro "$D/failed"; $JOBSPOOL';
  const found = byCheck(await doctorAfter(mounts, root));
  const [incoming, failed] = (found.get('folders') ?? '').split('\n');
  assert.match(incoming ?? '', /^fail uid 0 .*into .*incoming.*EXDEV.*mount the whole spool folder/);
  assert.match(failed ?? '', /^fail uid 0 .*into .*failed.*(EXDEV|EROFS)/);
  assert.deepEqual(fs.readdirSync(path.join(root, 'tmp')), [], 'nothing is left behind');
  assert.deepEqual(fs.readdirSync(path.join(root, 'incoming')), []);
});

test('a spool in the layer of a container is told of, and one without /proc, where nobody can be proven dead', async (t) => {
  if (!checks(t)) return;
  const { root } = newSpool(t);
  const work = path.dirname(root);
  const mounts = `mount -t tmpfs none ${work}; mkdir -p "$D" ${work}/u ${work}/w; mount -t overlay -o lowerdir="$D",upperdir=${work}/u,workdir=${work}/w none "$D"; mount -t tmpfs none /proc; $JOBSPOOL`;
  const ran = await doctorAfter(mounts, root, { NODE_COMPILE_CACHE: work });
  const found = byCheck(ran);
  assert.equal(ran.code, 1);
  assert.match(found.get('file-system') ?? '', /^warn the spool is on overlay .*volume/);
  assert.match(found.get('process-table') ?? '', /^fail the process table cannot be read.*mount \/proc/);
});

test('another user is told which folder it may not use, whose it is, and what to do; that processes are hidden, and few may run', async (t) => {
  if (!checks(t)) return;
  const { root, pending, incoming } = newSpool(t);
  for (const folder of fs.readdirSync(root, { recursive: true, encoding: 'utf8' })) fs.chownSync(path.join(root, folder), UID, UID);
  fs.chownSync(root, 54_322, UID);
  fs.chownSync(pending, 0, 0);
  const mounts = `mount -t proc -o hidepid=2 proc /proc; prlimit --nproc=400 setpriv --reuid ${UID} --regid ${UID} --clear-groups env HOME=/ $JOBSPOOL`;
  const ran = await doctorAfter(mounts, root, {}, '--runners 100 --watch poll');
  const found = byCheck(ran);
  assert.equal(ran.code, 1);
  assert.match(
    found.get('folders') ?? '',
    /^fail uid 54321 \(gid 54321, umask \d+\) cannot rename .* into \S+\/pending and remove it: EACCES.*belongs to uid 0, gid 0, with the permissions 770; chown it .*chmod 770 \S+\/pending$/,
  );
  assert.match(found.get('user') ?? '', /^warn the spool belongs to uid 54322.*sudo -u '#54322'/);
  assert.match(found.get('process-table') ?? '', /^warn processes of other users are hidden.*hidepid/);
  assert.match(found.get('processes') ?? '', /^warn 400 processes and threads may run; 100 runners need about \d+: raise ulimit -u/);
  assert.match(found.get('compile-cache') ?? '', /^warn compiled code cannot be kept/);
  assert.match(found.get('events') ?? '', /^ok file events are not used/);
  assert.deepEqual(fs.readdirSync(incoming), []);
});

test('where no file event arrives it says so, and why, and that the limits of inotify are low', async (t) => {
  if (!checks(t)) return;
  const { root } = newSpool(t);
  const script = `unshare --user --map-root-user sh -c 'echo 0 > /proc/sys/user/max_inotify_instances; exec ${process.execPath} ${path.join(ROOT, 'service', 'main.ts')} doctor --json --jobs ${ALLOWLIST}'`;
  const found = byCheck(await doctorAfter(script, root));
  assert.match(found.get('events') ?? '', /^warn no file event arrived, .*JOBSPOOL_WATCH=poll/);
  assert.match(found.get('inotify') ?? '', /^warn inotify allows this user 0 instances/);
});

test('a wrong configuration and an allow-list that does not load are failures, and everything else is checked all the same', async (t) => {
  const { root, version } = newSpool(t);
  fs.writeFileSync(version, '9\n');
  const { code, out } = await runProgram(root, ['doctor', '--json', '--jobs', 'nowhere.ts'], { JOBSPOOL_SCAN: 'often' });
  const found = byCheck({ code, out, err: '' });
  assert.equal(code, 1);
  assert.match(found.get('configuration') ?? '', /^fail [\s\S]*JOBSPOOL_SCAN: expected a duration/);
  assert.match(found.get('spool') ?? '', /^fail expected 1 in .*version, got "9": upgrade this Jobspool/);
  assert.match(found.get('folders') ?? '', /^ok /);
  const broken = path.join(path.dirname(root), 'allowlist.json');
  fs.writeFileSync(broken, '{');
  const second = byCheck(await runProgram(root, ['doctor', '--json', '--jobs', broken]));
  assert.match(second.get('allow-list') ?? '', /^fail .*allowlist\.json/);
});

test('a port that another program has is a failure; that of our own service is not, and dispatchers that disagree are named', async (t) => {
  const stranger = createServer((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  afterwards(t, () => stranger.close());
  const { port } = stranger.address() as { port: number };
  const service = await startService(t, { allowlist: ALLOWLIST });
  const spool = openSpool(service.dir, { durability: 'none' });
  const [holder] = slots(spool)
    .flatMap((slot) => holderOfSlot(spool, slot) ?? [])
    .filter(({ kind }) => kind === 'dispatcher');
  // This process as a second dispatcher, with one other setting.
  const runs = { ...holder?.runs, JOBSPOOL_RETRIES: '7' };
  const lease = await acquireSlot(spool, { kind: 'dispatcher', runs, staleMs: 5_000, onLost: () => assert.fail('the lease was lost') });
  afterwards(t, () => lease.release());
  const taken = await runProgram(service.dir, ['doctor', '--json', '--port', String(port), '--jobs', ALLOWLIST]);
  const found = byCheck(taken);
  assert.equal(taken.code, 1);
  assert.match(found.get('port') ?? '', /^fail the port \d+ on 127\.0\.0\.1 is taken by another program/);
  assert.match(found.get('agreement') ?? '', /^warn the dispatchers do not agree on JOBSPOOL_RETRIES \([37] in \S+, [37] in \S+\)/);
  assert.match(found.get('dispatchers') ?? '', /^ok dispatchers that run: \S+, \S+/);
  const own = new URL(service.url() ?? assert.fail('it has no dashboard')).port;
  const second = await runProgram(service.dir, ['doctor', '--json', '--port', own, '--jobs', ALLOWLIST]);
  assert.match(byCheck(second).get('port') ?? '', /^ok the port \d+ on 127\.0\.0\.1 is that of a Jobspool that runs/);
  assert.equal(second.code, 0, second.out);
});
