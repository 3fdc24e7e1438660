/** A drop folder of several users, laid out as spool/README.md says: each submits in its own name, and nobody in another's. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { flaws } from '../../spool/fsck.ts';
import { Liveness } from '../../spool/liveness.ts';
import { completedLines, type JobStatus, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { codeBlocks } from '../support/code-blocks.ts';
import type { Ran } from '../support/program.ts';
import { serviceLog } from '../support/service-log.ts';
import { tempFolder } from '../support/spool.ts';
import { EXEC, skipsWithoutRoot, usersOf } from '../support/users.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const MAIN = path.join(ROOT, 'service', 'main.ts');
const [SERVICE, ADA, BOB, GROUP] = [54_111, 54_112, 54_113, 54_210];
const as = usersOf(GROUP);

test('no producer can remove, rename, change, replace, link or give away the file of another, or touch what was accepted', async (t) => {
  if (skipsWithoutRoot(t)) return;
  const { spool } = dropFolder(t);
  const dropped = path.join(spool.incoming, 'p5-now-adas.json');
  const waiting = path.join(spool.pending, 'p5-20990101T000000.000Z-held.json');
  const body = '{"class":"Free","method":"noop"}';
  assert.equal((await drop(spool, ADA, 'p5-now-adas.json', body)).code, 0);
  fs.writeFileSync(waiting, body);
  const tries = [
    `rm -f ${dropped}`,
    `mv ${dropped} ${spool.incoming}/p10-now-bobs.json`,
    `mv ${dropped} ${spool.tmp}/bobs`,
    `echo '{}' > ${dropped}`,
    `echo '{}' >> ${dropped}`,
    `echo '{}' > ${spool.tmp}/bobs && mv -f ${spool.tmp}/bobs ${dropped}`,
    `ln ${dropped} ${spool.incoming}/p10-now-again.json`,
    `chmod 666 ${dropped}`,
    `chown ${BOB} ${dropped}`,
    `echo '{}' > ${spool.tmp}/given && chown ${ADA} ${spool.tmp}/given`,
    `ls ${spool.pending}`,
    `rm -f ${waiting}`,
    `touch ${spool.cancel}/adas`,
    `touch ${spool.paused}`,
    `mv ${spool.incoming} ${spool.root}/gone`,
  ];
  const before = fs.statSync(dropped);
  const ran = await as(spool, BOB, tries.map((one, at) => `(${one}) 2>/dev/null && echo "try ${at}"`).join('\n'));
  assert.equal(ran.out, '', tries[Number(ran.out.split(/\s/)[1])]);
  const after = fs.statSync(dropped);
  assert.deepEqual([after.ino, after.uid, after.mode, after.nlink], [before.ino, ADA, before.mode, 1]);
  assert.equal(fs.readFileSync(dropped, 'utf8'), body);
  assert.deepEqual(fs.readdirSync(spool.incoming), ['p5-now-adas.json']);
  assert.ok(fs.existsSync(waiting));
});

test('each job says who submitted it, whatever its file says, and what only some may submit runs for those alone', async (t) => {
  if (skipsWithoutRoot(t)) return;
  const { spool, run, drain } = dropFolder(t);
  const request = (over: object = {}) => JSON.stringify({ class: 'Limited', method: 'noop', ...over });
  const twelve = (line: string) => `${Array.from({ length: 12 }, () => line).join('\n')}\n`;
  const fails = request({ method: 'fail', params: ['no'], retries: 0 });
  const drops: [number, string, string, string?][] = [
    [ADA, 'p5-now-hers.json', request()],
    [ADA, 'p6-now-urgent.json', request()],
    [ADA, 'p5-now-many.ndjson', twelve(request())],
    [ADA, 'p5-now-bad.ndjson', `${request()}\n${fails}\n${request()}\n`],
    // What a group may write, Bob may have written.
    [ADA, 'p5-now-open.json', request(), '007'],
    [BOB, 'p5-now-his.json', request({ submittedBy: ADA, attempts: [] })],
    [BOB, 'p5-now-lines.ndjson', twelve(request())],
    [BOB, 'p5-now-claims.ndjson', `${request({ submittedBy: ADA })}\n`],
    [BOB, 'p5-now-calls~each.ndjson', `${twelve(request({ class: 'Free' }))}${request()}\n${request({ submittedBy: ADA })}\n`],
    [BOB, 'p9-now-free.json', request({ class: 'Free' })],
    [ADA, 'p5-20990101T000000Z-shared~each.ndjson', `${request()}\n${request()}\n`, '007'],
    // The service's own word counts, unless somebody made its file one that others may write.
    [SERVICE, 'p5-now-ours.json', request({ class: 'Free' }), '007'],
  ];
  for (const [uid, name, body, umask] of drops) assert.equal((await drop(spool, uid, name, body, umask)).code, 0, name);
  const forged = `${request({ params: ['Bob'] })}\n${request({ params: ['Bob'] })}\n`;
  await overwrite(spool, BOB, 'p5-20990101T000000Z-shared~each.ndjson', forged);
  await overwrite(spool, BOB, 'p5-now-ours.json', request({ submittedBy: ADA }));
  // What its producer keeps open, it can change after it was accepted.
  assert.equal((await drop(spool, BOB, 'p5-20990101T000000Z-late.json', request({ class: 'Free' }))).code, 0);
  const late = fs.openSync(path.join(spool.incoming, 'p5-20990101T000000Z-late.json'), 'r+');
  t.after(() => fs.closeSync(late));
  const program = await run(ADA, ['run', 'Limited', 'noop', '--id', 'program']);
  assert.equal(program.code, 0, program.err);
  const waits = await run(BOB, ['run', 'Free', 'noop', '--id', 'waits', '--wait']);
  assert.deepEqual([waits.code, waits.out], [2, '']);
  assert.match(waits.err, /EACCES.* it is closed to all others; in a drop folder, ask the API what became of a job/);
  await drain();
  const found = (id: string) => jobStatus(spool, id) as JobStatus;
  const isOf = (ids: string[], state: string, uid: number) =>
    assert.deepEqual(
      ids.map((id) => [id, found(id)?.state, found(id)?.submittedBy]),
      ids.map((id) => [id, state, uid]),
    );
  isOf(['hers', 'program', 'many.1', 'many.2', 'many.12', 'bad.1', 'bad.3'], 'completed', ADA);
  assert.equal(found('waits'), undefined, 'nothing was submitted');
  isOf(['free', ...Array.from({ length: 12 }, (_, at) => `calls.${at + 1}`)], 'completed', BOB);
  isOf(['bad.2'], 'failed', ADA);
  isOf(['urgent', 'open', 'ours'], 'rejected', ADA);
  isOf(['shared.1', 'shared.2'], 'scheduled', ADA);
  isOf(['his', 'calls.13', 'calls.14'], 'rejected', BOB);
  assert.equal([...completedLines(spool)].filter(({ submittedBy }) => submittedBy === ADA).length, 16);
  const not = `uid ${BOB} may not submit Limited.noop; who may: uid ${ADA} (priority at most 5)`;
  const forgeable = `Limited.noop may be submitted by uid ${ADA} (priority at most 5) only, and others than uid ${ADA} may have written it: let its producer have the umask 027, and submit it anew`;
  const reasonOf = (name: string): string => JSON.parse(fs.readFileSync(spool.reason(name), 'utf8')).reason;
  for (const [name, reason] of [
    ['p5-now-his.json', not],
    [
      'p6-now-urgent.json',
      `uid ${ADA} may submit Limited.noop with a priority of at most 5, got 6; who may: uid ${ADA} (priority at most 5)`,
    ],
    ['p5-now-open.json', forgeable],
    ['p5-now-ours.json', forgeable],
    ['p5-now-lines.ndjson', `${[1, 2, 3, 4, 5].map((line) => `line ${line}: ${not}`).join('; ')}; and 7 more bad lines`],
    ['p5-now-claims.ndjson', 'line 1: unknown field "submittedBy": it is written by the service, and has no place in a batch'],
  ] as const)
    assert.equal(reasonOf(name), reason);
  assert.equal(found('calls.13').reason, not);
  const accepted = new Map(
    serviceLog(spool)
      .filter(({ event }) => event === 'accepted')
      .map(({ id, submittedBy }) => [id, submittedBy]),
  );
  assert.deepEqual([accepted.get('hers'), accepted.get('many'), accepted.get('calls'), accepted.get('free')], [ADA, ADA, BOB, BOB]);
  isOf(['late'], 'scheduled', BOB);
  fs.ftruncateSync(late);
  fs.writeSync(late, request({ submittedBy: ADA }), 0);
  fs.renameSync(
    path.join(spool.pending, 'p5-20990101T000000.000Z-late.json'),
    path.join(spool.pending, 'p5-20260101T000000.000Z-late.json'),
  );
  // A person hands them in again, with and without the program: who submitted them has not changed.
  const failed = fs.readdirSync(spool.failed)[0] ?? '';
  assert.equal(fs.statSync(path.join(spool.failed, failed)).uid, SERVICE);
  fs.renameSync(path.join(spool.failed, failed), path.join(spool.incoming, failed));
  const retried = await run(SERVICE, ['retry', 'his', 'calls.13', 'calls.14', 'urgent', 'shared.1']);
  assert.equal(retried.code, 0, retried.err);
  await drain();
  isOf(['bad.2'], 'failed', ADA);
  assert.equal(found('bad.2').attempts.length, 2);
  isOf(['his', 'calls.13', 'calls.14', 'late'], 'rejected', BOB);
  assert.equal(found('late').reason, not);
  isOf(['urgent', 'shared.1'], 'rejected', ADA);
  assert.equal(found('shared.1').reason, forgeable);
  const listed = await run(SERVICE, ['ls', `state:completed submittedBy:${BOB}`, '--json']);
  assert.equal(listed.out.trim().split('\n').length, 13, listed.err);
  const doctor = await run(SERVICE, ['doctor', '--json']);
  assert.match(doctor.out, /"check":"drop-folder","level":"ok"/);
  const fsck = await run(SERVICE, ['fsck']);
  assert.equal(fsck.code, 0, fsck.out);
  assert.doesNotMatch(fsck.out, /permissions/);
});

test('what a producer kept from the service, fsck opens for its reading alone', async (t) => {
  if (skipsWithoutRoot(t)) return;
  const { spool } = dropFolder(t);
  assert.equal((await drop(spool, ADA, 'p5-now-hers.json', '{"class":"Limited","method":"noop"}', '077')).code, 0);
  for (const { repair } of flaws(spool, new Liveness(spool, 5_000))) repair?.act();
  const { mode, uid, gid } = fs.statSync(path.join(spool.incoming, 'p5-now-hers.json'));
  assert.deepEqual([mode & 0o777, uid, gid], [0o640, ADA, GROUP]);
});

test('what an open drop folder lets producers do to each other, doctor says', async (t) => {
  if (skipsWithoutRoot(t)) return;
  const { spool, run } = dropFolder(t);
  fs.chmodSync(spool.incoming, 0o2770);
  fs.chmodSync(spool.failed, 0o2770);
  fs.chmodSync(spool.version, 0o660);
  const { out } = await run(SERVICE, ['doctor']);
  assert.match(
    out,
    /^warn {2}incoming\/ has the permissions 2770: who may drop a file there may take away, change or replace those of others, .* chmod 3770 /m,
  );
  assert.match(out, /^warn {2}version has the permissions 660: others than the service may change it, .* chmod 0640 /m);
  assert.match(out, /^warn {2}failed\/ has the permissions 2770: others than the service may change what is in it, .* chmod 0700 /m);
});

/** Laid out by the commands of the page, with numbers in place of names. */
function dropFolder(t: TestContext) {
  const folder = tempFolder(t);
  fs.chmodSync(folder, 0o755);
  const root = path.join(folder, 'spool');
  const layOut =
    codeBlocks('spool/README.md').find((block) => block.includes('install -d -m 3770')) ?? assert.fail('the page has the commands');
  const commands = layOut
    .split('\n')
    .filter((line) => !/^(groupadd|usermod)/.test(line))
    .join('\n')
    .replaceAll('/srv/spool', root)
    .replaceAll('-o jobspool -g jobs', `-o ${SERVICE} -g ${GROUP}`);
  const laidOut = spawnSync('sh', ['-ec', commands], { encoding: 'utf8' });
  assert.equal(laidOut.status, 0, laidOut.stderr);
  const jobs = path.join(folder, 'allowlist.json');
  const module = path.join(ROOT, 'test', 'fixtures', 'trouble.ts');
  const methods = { noop: {}, fail: {} };
  const submitters = [{ uid: ADA, maxPriority: 5 }];
  fs.writeFileSync(
    jobs,
    JSON.stringify({ Limited: { module, export: 'Trouble', submitters, methods }, Free: { module, export: 'Trouble', methods } }),
  );
  const run = (uid: number, args: string[]) =>
    as({ root }, uid, EXEC, [process.execPath, MAIN, ...args], { JOBSPOOL_JOBS: jobs, JOBSPOOL_RUNNERS: '1' });
  const drain = async () => {
    const ran = await run(SERVICE, ['drain']);
    assert.equal(ran.code, 0, ran.err);
  };
  return { spool: openSpool(root, { durability: 'none' }), run, drain };
}

const drop = (spool: Spool, uid: number, name: string, body: string, umask = '027'): Promise<Ran> =>
  as(spool, uid, `umask ${umask}; printf %s "$2" > "$0" && mv "$0" "$1"`, [
    path.join(spool.tmp, name),
    path.join(spool.incoming, name),
    body,
  ]);

// As who may write a file of another does: it stays the other's.
async function overwrite(spool: Spool, uid: number, name: string, text: string): Promise<void> {
  const ran = await as(spool, uid, 'printf %s "$1" | dd of="$0" conv=nocreat', [path.join(spool.incoming, name), text]);
  assert.equal(ran.code, 0, ran.err);
}
