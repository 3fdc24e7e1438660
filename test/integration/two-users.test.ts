/** Producers and the service as different users of one group: what is set up as the documentation says works, and what is not says so to whom it concerns. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import type { Ran } from '../support/program.ts';
import { tempFolder } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { EXEC, skipsWithoutRoot, usersOf } from '../support/users.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const MAIN = path.join(ROOT, 'service', 'main.ts');
const [SERVICE, PRODUCER, STRANGER, GROUP] = [54_101, 54_102, 54_103, 54_200];
const as = usersOf(GROUP);

test('a producer of another user in the spool’s group enqueues by file and by the command line, and its jobs run', async (t) => {
  if (skipsWithoutRoot(t)) return;
  const { spool, drain } = await sharedFolder(t);
  for (const folder of ['tmp', 'incoming', 'pending', 'failed'] as const) {
    const { gid, mode } = fs.statSync(spool[folder]);
    assert.deepEqual([gid, (mode & 0o7777).toString(8)], [GROUP, '2770'], folder);
  }
  assert.equal((await produce(spool, 'by-file', '007')).code, 0);
  // A umask that leaves the group nothing is no matter for our own programs: they say who may read.
  const ran = await as(spool, PRODUCER, `umask 077; ${EXEC}`, [process.execPath, MAIN, 'run', 'Trouble', 'noop', '--id', 'by-program']);
  assert.equal(ran.code, 0, ran.err);
  await drain();
  for (const id of ['by-file', 'by-program']) assert.equal(jobStatus(spool, id)?.state, 'completed', id);
});

test('a file that its producer lets nobody read is rejected with its owner, its permissions and the remedy, and runs once that was applied', async (t) => {
  if (skipsWithoutRoot(t)) return;
  const { spool, drain } = await sharedFolder(t);
  assert.equal((await produce(spool, 'closed', '077')).code, 0);
  await drain();
  const status = jobStatus(spool, 'closed');
  assert.equal(status?.state, 'rejected');
  assert.match(
    status?.reason ?? '',
    /^the file cannot be read: EACCES.*; it belongs to uid 54102, gid 54200, with the permissions 600, and the service is uid 54101 \(gid 54101, umask \d+\): let its producer have the umask 007/,
  );
  const log = fs.readFileSync(path.join(spool.logs, 'background_jobs_errors.log'), 'utf8');
  assert.equal(log.split('\n').filter((line) => line.includes('54102')).length, 1, 'said once');
  fs.chmodSync(path.join(spool.rejected, 'p5-now-closed.json'), 0o660);
  const retried = await as(spool, SERVICE, EXEC, [process.execPath, MAIN, 'retry', 'closed']);
  assert.equal(retried.code, 0, retried.err);
  await drain();
  assert.equal(jobStatus(spool, 'closed')?.state, 'completed');
});

test('a producer who is not in the group is told who it is, what it may not use, whose that is, and what to do', async (t) => {
  if (skipsWithoutRoot(t)) return;
  const { spool } = await sharedFolder(t);
  const told = new RegExp(
    `EACCES.*${spool.root} belongs to uid ${SERVICE}, gid ${GROUP}, with the permissions 2770, and this is uid ${STRANGER} \\(gid ${STRANGER}, umask \\d+\\): put that user into that group`,
  );
  const ran = await usersOf()(spool, STRANGER, EXEC, [process.execPath, MAIN, 'run', 'Trouble', 'noop']);
  assert.equal(ran.code, 2);
  assert.match(ran.err, told);
  // One who was let in before and is not any more: the folder is open in its process.
  const script = `import fs from 'node:fs'; import { runBackgroundJob } from '${ROOT}/jobs/index.ts';
    await runBackgroundJob('Trouble', 'noop'); process.stdout.write('one');
    while (!fs.existsSync('${spool.root}/../shut')) await new Promise((resolve) => setTimeout(resolve, 10));
    await runBackgroundJob('Trouble', 'noop').catch((error) => process.stderr.write(error.code + ' ' + error.message));`;
  const inside = as(spool, PRODUCER, EXEC, [process.execPath, '--input-type=module', '-e', script]);
  while (spool.disk.names(spool.incoming).length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  fs.chmodSync(spool.tmp, 0o700);
  fs.writeFileSync(path.join(spool.root, '..', 'shut'), '');
  const { out, err } = await inside;
  assert.equal(out, 'one', err);
  assert.match(
    err,
    new RegExp(
      `^SPOOL_ACCESS (submit|open the spool) .*EACCES.*${spool.tmp} belongs to uid ${SERVICE}, gid ${GROUP}, with the permissions 700`,
    ),
  );
});

/** As spool/README.md says: a folder of the service's user, with a group for it and its producers, which all inherit. */
async function sharedFolder(t: TestContext): Promise<{ spool: Spool; drain(): Promise<void> }> {
  const folder = tempFolder(t);
  fs.chmodSync(folder, 0o755);
  const root = path.join(folder, 'spool');
  spawnSync('install', ['-d', '-m', '2770', '-o', String(SERVICE), '-g', String(GROUP), root]);
  const drain = async () => {
    const ran = await as({ root }, SERVICE, EXEC, [process.execPath, MAIN, 'drain', '--jobs', TROUBLE, '--runners', '1']);
    assert.equal(ran.code, 0, ran.err);
  };
  await drain();
  return { spool: openSpool(root, { durability: 'none' }), drain };
}

const produce = (spool: Spool, id: string, umask: string): Promise<Ran> =>
  as(spool, PRODUCER, `umask ${umask}; echo '{"class":"Trouble","method":"noop"}' > "$0" && mv "$0" "$1"`, [
    path.join(spool.tmp, id),
    path.join(spool.incoming, `p5-now-${id}.json`),
  ]);
