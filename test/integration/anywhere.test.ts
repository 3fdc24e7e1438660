/** What spool/producers/anywhere.md says, done as it stands there: each of its commands enqueues a job that runs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { jobStatus } from '../../spool/query.ts';
import { codeBlocks } from '../support/code-blocks.ts';
import { runShell } from '../support/program.ts';
import { sharedService } from '../support/shared-service.ts';
import { tempFolder } from '../support/spool.ts';
import { skipsWithoutSsh, sshServer } from '../support/ssh-server.ts';
import { waitFor } from '../support/wait-for.ts';

const PAGE = 'spool/producers/anywhere.md';
const TOKEN = 'a token that is long enough';
const EXAMPLE = path.resolve(import.meta.dirname, '../../jobs/examples/example-job.ts');
const BODY = '{"class":"ExampleJob","method":"execute","params":["Sample Data"]}';

const served = sharedService({
  classes: { ExampleJob: { module: EXAMPLE, methods: { execute: {} } } },
  env: { JOBSPOOL_TOKEN: TOKEN },
});

test('the cron line enqueues, with the environment and the percent signs of cron', async (t) => {
  const { block, completed } = await section('A cron line');
  const [, command = ''] = /^(?:\S+ ){5}(.*)$/.exec(block(0)) ?? [];
  // What cron does: the command ends at the first % without a backslash, and a backslash before a % goes.
  const [text = '', ...stdin] = command.split(/(?<!\\)%/).map((part) => part.replaceAll('\\%', '%'));
  assert.deepEqual(stdin, [], 'nothing of the line goes to stdin');
  const home = tempFolder(t);
  const env = { SHELL: '/bin/sh', PATH: '/usr/bin:/bin', LOGNAME: os.userInfo().username, HOME: home };
  const ran = spawnSync('/bin/sh', ['-c', text], { cwd: home, env, encoding: 'utf8' });
  assert.deepEqual([ran.status, ran.stderr], [0, '']);
  await completed(/^nightly-\d{4}-\d\d-\d\d$/, 'nightly');
});

test('ssh, rsync and sftp enqueue on another machine, and a batch that came in half does not', async (t) => {
  if (skipsWithoutSsh(t)) return;
  if (spawnSync('rsync', ['--version']).error) return t.skip('SKIPPED: there is no rsync here (apt: rsync)');
  const { bin, user } = await sshServer(t, 'queue.example');
  const ways = await Promise.all(['ssh', 'rsync', 'SFTP, and other shares'].map((name) => section(name)));
  const [ssh, rsync, sftp] = ways as [Section, Section, Section];
  const folder = tempFolder(t);
  for (const name of ['p5-now-report-7.json', 'p5-now-report-8.json']) fs.writeFileSync(path.join(folder, name), BODY);
  for (const name of ['p3-now-mails.ndjson', 'orders.ndjson']) fs.writeFileSync(path.join(folder, name), `${BODY}\n${BODY}\n`);
  const env = { PATH: `${bin}:${process.env.PATH}` };
  const run = async (commands: string) => runShell(['sh', '-c', commands.replaceAll('jobs@', `${user}@`)], env, { cwd: folder });
  for (const commands of [ssh.block(0), ssh.block(1), rsync.block(0), sftp.block(0)]) {
    const { code, err } = await run(commands);
    assert.deepEqual([code, err], [0, ''], commands);
  }
  await ssh.completed(/^from-web1$/, 'from web1');
  for (const id of ['orders.1', 'orders.2', 'mails.1', 'mails.2', 'report-7', 'report-8'])
    await ssh.completed(new RegExp(`^${id}$`), 'Sample Data');
  // The connection breaks behind the first line: what arrives is less than what was counted.
  fs.writeFileSync(path.join(folder, 'half.ndjson'), `${BODY}\n`);
  const broken = await run(
    ssh
      .block(1)
      .replaceAll('now-orders', 'now-half')
      .replace(/< orders\.ndjson$/, '< half.ndjson'),
  );
  assert.equal(broken.code, 1, broken.err);
  const { spool } = await served();
  assert.equal(jobStatus(spool, 'half.1'), undefined);
});

test('a target of a Makefile enqueues', async (t) => {
  if (spawnSync('make', ['--version']).error) return t.skip('SKIPPED: there is no make here (apt: make)');
  const { block, completed } = await section('A Makefile');
  const folder = tempFolder(t);
  fs.writeFileSync(path.join(folder, 'Makefile'), `${block(0)}\n`);
  const ran = spawnSync('make', ['--silent', 'report'], { cwd: folder, encoding: 'utf8' });
  assert.deepEqual([ran.status, ran.stderr], [0, '']);
  await completed(/^report-\d{10}$/, 'report');
});

test('a git hook enqueues a job for each branch that was pushed, also of two with the same commit, and none for one that was deleted', async (t) => {
  if (spawnSync('git', ['--version']).error) return t.skip('SKIPPED: there is no git here (apt: git)');
  const { block, completed, known } = await section('A git hook');
  const folder = tempFolder(t);
  const bare = path.join(folder, 'bare.git');
  const env = {
    ...process.env,
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'A',
    GIT_AUTHOR_EMAIL: 'a@b.c',
    GIT_COMMITTER_NAME: 'A',
    GIT_COMMITTER_EMAIL: 'a@b.c',
  };
  const git = (...args: string[]) => {
    const ran = spawnSync('git', args, { cwd: folder, env, encoding: 'utf8' });
    assert.equal(ran.status, 0, `git ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout.trim();
  };
  git('init', '--quiet', '--bare', bare);
  fs.writeFileSync(path.join(bare, 'hooks', 'post-receive'), `${block(0)}\n`, { mode: 0o755 });
  git('init', '--quiet', 'work');
  git('-C', 'work', 'commit', '--quiet', '--allow-empty', '--message', 'One');
  git('-C', 'work', 'push', '--quiet', bare, 'HEAD:refs/heads/a"quote', 'HEAD:refs/heads/release');
  const first = git('-C', 'work', 'rev-parse', 'HEAD');
  for (const count of [1, 2]) await completed(new RegExp(`^push-${first}-\\d+-${count}$`), first);
  git('-C', 'work', 'commit', '--quiet', '--allow-empty', '--message', 'Two');
  git('-C', 'work', 'push', '--quiet', bare, ':refs/heads/release', 'HEAD:refs/heads/a"quote');
  const second = git('-C', 'work', 'rev-parse', 'HEAD');
  await completed(new RegExp(`^push-${second}-\\d+-1$`), second);
  assert.deepEqual(known('0000000000'), []);
});

test('a file that is written slowly under its final name, as a share writes it, is accepted when it is whole', async (t) => {
  const { spool } = await served();
  const { completed } = await section('SFTP, and other shares');
  const fd = fs.openSync(path.join(spool.incoming, 'p5-now-scan.json'), 'w', 0o640);
  t.after(() => fs.closeSync(fd));
  fs.writeSync(fd, BODY.slice(0, 40));
  // Whoever came later has been accepted: the half file was looked at, and left.
  fs.writeFileSync(path.join(spool.tmp, 'later'), BODY);
  fs.renameSync(path.join(spool.tmp, 'later'), path.join(spool.incoming, 'p5-now-later.json'));
  await completed(/^later$/, 'Sample Data');
  assert.ok(fs.existsSync(path.join(spool.incoming, 'p5-now-scan.json')));
  fs.writeSync(fd, BODY.slice(40));
  await completed(/^scan$/, 'Sample Data');
});

test('the call by curl enqueues, and twice is once', async (t) => {
  if (spawnSync('curl', ['--version']).error) return t.skip('SKIPPED: there is no curl here (apt: curl)');
  const { base } = await served();
  const { block, completed } = await section('curl');
  const call = () => runShell(['sh', '-c', block(0).replace('http://127.0.0.1:8080', base)], { JOBSPOOL_TOKEN: TOKEN });
  const ran = await call();
  assert.equal(ran.code, 0, ran.out + ran.err);
  assert.deepEqual(JSON.parse(ran.out), { id: 'order-4711', state: 'scheduled' });
  assert.equal(JSON.parse((await call()).out).id, 'order-4711');
  await completed(/^order-4711$/, 'order 4711');
});

type Section = Awaited<ReturnType<typeof section>>;

/** A section of the page; its blocks as they stand there, but for where the spool is. */
async function section(name: string) {
  const { spool } = await served();
  const blocks = codeBlocks(PAGE, name);
  const block = (at: number) =>
    (blocks[at] ?? assert.fail(`${PAGE} has no block ${at} under "${name}"`)).replaceAll('/srv/spool', spool.root);
  const completed = async (id: RegExp, result: string) => {
    const found = await waitFor(() => completedId(id), `a job ${id} to have its line in the ledger`);
    // Its file leaves the slot a moment later, and until then it runs.
    const status = await waitFor(() => overStatus(found), `${found} to be over`);
    assert.deepEqual([status.result, status.submittedBy], [result, process.getuid?.()]);
  };
  const overStatus = (id: string) => {
    const status = jobStatus(spool, id);
    return status?.state === 'completed' ? status : undefined;
  };
  const completedId = (id: RegExp): string | undefined => {
    const rejected = fs.readdirSync(spool.rejected).find((file) => file.endsWith('.reason.json'));
    assert.equal(rejected && fs.readFileSync(path.join(spool.rejected, rejected), 'utf8'), undefined);
    return completedIds().find((one) => id.test(one));
  };
  const completedIds = (): string[] =>
    fs
      .readdirSync(spool.completed, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ndjson'))
      .flatMap((file) => fs.readFileSync(path.join(spool.completed, file), 'utf8').split('\n').filter(Boolean))
      .map((line) => JSON.parse(line).id as string);
  /** The files and the completed jobs that have a text in their names. */
  const known = (text: string): string[] =>
    [...fs.readdirSync(spool.root, { recursive: true, encoding: 'utf8' }), ...completedIds()].filter((name) => name.includes(text));
  return { block, completed, known };
}
