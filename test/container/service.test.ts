/** The service as `docker compose up` starts it, with the hardening of compose.yaml: what an operator does to it, and what becomes of the jobs. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { jobStatus } from '../../spool/query.ts';
import type { Spool } from '../../spool/spool.ts';
import { codeBlocks } from '../support/code-blocks.ts';
import { composed, docker, ROOT, skipsWithoutEngine } from '../support/docker.ts';
import { dropFile, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const JOBS = path.join(ROOT, 'test', 'fixtures', 'container');

const up = ['up', '--detach', '--no-build', '--wait'];
const drop = (spool: Spool, id: string, method: string, ...params: unknown[]) =>
  dropFile(spool, `p5-now-${id}.json`, { class: 'Work', method, params });
const stateOf = (spool: Spool, id: string) => jobStatus(spool, id)?.state;
const isOver = (spool: Spool, id: string) => waitFor(() => stateOf(spool, id) === 'completed', `${id} to be completed`);

test('compose up is healthy, runs a file that is dropped from the host, and asks for the password', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const { spool, compose, container, inspect, url } = await composed(t, { jobs: JOBS });
  await compose(...up);
  assert.equal(await inspect('{{.State.Health.Status}}'), 'healthy');
  drop(spool, 'dropped', 'noop');
  await isOver(spool, 'dropped');
  assert.equal(fs.readdirSync(spool.incoming).length, 0);

  const dashboard = `${await url()}/dashboard`;
  const as = (password: string) => fetch(dashboard, { headers: { Authorization: `Basic ${btoa(`admin:${password}`)}` } });
  assert.match(dashboard, /127\.0\.0\.1/);
  assert.equal((await fetch(dashboard)).status, 401);
  assert.equal((await as('wrong')).status, 401);
  assert.equal((await as('hush')).status, 200);

  // Every line of this is a promise of compose.yaml.
  const inside = await compose('exec', '-T', 'jobspool', 'sh', '-c', LOOK);
  assert.match(inside, /^root: .*Read-only file system$/m);
  assert.match(inside, /^app: .*Read-only file system$/m);
  assert.match(inside, /^jobs: .*Read-only file system$/m);
  assert.match(inside, /^tmp: written$/m);
  assert.match(inside, /^CapEff:\s+0000000000000000$/m);
  assert.match(inside, /^NoNewPrivs:\s+1$/m);
  assert.match(inside, /^init: tini$/m);
  assert.equal(await inspect('{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "max-size"}}'), 'json-file 10m');

  // The command line within the container knows the spool and its configuration.
  assert.match(await compose('exec', '-T', 'jobspool', 'jobspool', 'fsck'), /every one is accounted for/);
  assert.doesNotMatch(await compose('exec', '-T', 'jobspool', 'jobspool', 'doctor'), /^(warn|fail)/m);
  assert.notEqual(await container(), '');
});

test('the spool on a volume is backed up and restored by the commands of the README', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const archive = path.join(tempFolder(t), 'backup.tar');
  const [backup, restore] = codeBlocks('spool/README.md', 'To back up and to restore').filter((block) =>
    block.startsWith('docker compose '),
  );
  const { compose, shell } = await composed(t, { env: { JOBSPOOL_SPOOL: 'spool' } });
  const run = async (commands = '') => {
    const { code, out, err } = await shell(`set -e; ${commands.replace('backup.tar', archive)}`);
    assert.equal(code, 0, err);
    return out;
  };
  await compose(...up);
  await compose('exec', '-T', 'jobspool', 'jobspool', 'run', 'ExampleJob', 'execute', 'Hello', '--id', 'before', '--wait');
  await run(backup);
  await compose('exec', '-T', 'jobspool', 'jobspool', 'run', 'ExampleJob', 'execute', 'Hello', '--id', 'after', '--wait');
  await compose('down', '--volumes');
  assert.match(await run(restore), /every one is accounted for/);
  await compose(...up);
  const shown = await compose('exec', '-T', 'jobspool', 'jobspool', 'ls', '--json');
  assert.deepEqual(ndjsonIds(shown), ['before']);
});

const ndjsonIds = (text: string): string[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id);

const LOOK = `
for place in root:/x app:/app/x jobs:/app/jobs/x tmp:/tmp/x; do
  echo "\${place%%:*}: $( (touch "\${place#*:}" && echo written) 2>&1 )"
done
grep -E 'CapEff|NoNewPrivs' /proc/self/status
echo "init: $(cat /proc/1/comm)"`;

test('the password may come from a file, and the dashboard may be on the path of a proxy', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const file = path.join(tempFolder(t), 'password.txt');
  fs.writeFileSync(file, 'from a file\n');
  fs.chmodSync(path.dirname(file), 0o755);
  const files = ['docker/compose.secret.yaml', 'docker/compose.proxy.yaml'];
  const { compose, inspect, url } = await composed(t, {
    files,
    jobs: JOBS,
    env: { JOBSPOOL_PASSWORD: '', JOBSPOOL_PASSWORD_SECRET: file },
  });
  await compose(...up);
  const as = (password: string) => ({ headers: { Authorization: `Basic ${btoa(`admin:${password}`)}` } });
  assert.equal((await fetch(`${await url()}/jobs/dashboard`, as(''))).status, 401);
  assert.equal((await fetch(`${await url()}/jobs/dashboard`, as('from a file'))).status, 200);
  assert.doesNotMatch(await inspect('{{json .Config}}'), /from a file/);
});

test('docker stop in the middle of a job releases it, ends well before the grace, and the next up completes it', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const { spool, compose, inspect } = await composed(t, { jobs: JOBS, overlay: { environment: { JOBSPOOL_SHUTDOWN_GRACE: '1s' } } });
  await compose(...up);
  const goOn = path.join(spool.tmp, 'go-on');
  for (const id of ['one', 'two', 'three', 'four']) drop(spool, id, 'until', '/data/tmp/go-on');
  await waitFor(() => stateOf(spool, 'one') === 'running', 'a job to run');
  await compose('stop');
  // 137 would be the engine's KILL after the grace.
  assert.equal(await inspect('{{.State.ExitCode}} {{.State.OOMKilled}}'), '0 false');
  for (const id of ['one', 'two', 'three', 'four']) assert.equal(stateOf(spool, id), 'pending', id);
  assert.deepEqual(fs.readdirSync(spool.running), []);
  fs.writeFileSync(goOn, '');
  await compose(...up);
  for (const id of ['one', 'two', 'three', 'four']) {
    await isOver(spool, id);
    assert.equal(jobStatus(spool, id)?.attempts.length, 1, `${id} spent an attempt on the stop`);
  }
});

test('a container that is killed comes back by itself, and the jobs that it ran are run again', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const { spool, compose, inspect } = await composed(t, { jobs: JOBS, overlay: { environment: { JOBSPOOL_STALE: '5s' } } });
  await compose(...up);
  const goOn = path.join(spool.tmp, 'go-on');
  drop(spool, 'cut-off', 'until', '/data/tmp/go-on');
  await waitFor(() => stateOf(spool, 'cut-off') === 'running', 'the job to run');
  // Not `docker kill`: what a person kills is not started again. The init's only child is the dispatcher, and with it the container ends.
  await compose('exec', '-T', 'jobspool', 'sh', '-c', 'kill -9 $(cat /proc/1/task/1/children)').catch(() => undefined);
  await waitFor(async () => (await inspect('{{.RestartCount}} {{.State.Running}}')) === '1 true', 'the engine to start it again');
  fs.writeFileSync(goOn, '');
  drop(spool, 'afterwards', 'noop');
  await isOver(spool, 'afterwards');
  await isOver(spool, 'cut-off');
  const [first, second] = jobStatus(spool, 'cut-off')?.attempts ?? [];
  assert.match(first?.outcome ?? '', /^(lost|crashed)$/);
  assert.equal(second?.outcome, 'completed');
});

test('a new container under another name takes over what a removed one left', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const { spool, compose, container } = await composed(t, { jobs: JOBS, overlay: { environment: { JOBSPOOL_STALE: '5s' } } });
  await compose(...up);
  drop(spool, 'orphan', 'until', '/data/tmp/go-on');
  await waitFor(() => stateOf(spool, 'orphan') === 'running', 'the job to run');
  const before = await container();
  // At once, without a word to what is in it.
  await docker(['rm', '--force', before]);
  fs.writeFileSync(path.join(spool.tmp, 'go-on'), '');
  await compose(...up);
  assert.notEqual(await container(), before);
  await isOver(spool, 'orphan');
});

test('a job that uses up the memory of the container is killed alone', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const { spool, compose, inspect } = await composed(t, { jobs: JOBS, env: { JOBSPOOL_MEMORY: '400m' } });
  await compose(...up);
  drop(spool, 'neighbour', 'until', '/data/tmp/go-on');
  await waitFor(() => stateOf(spool, 'neighbour') === 'running', 'the neighbour to run');
  drop(spool, 'glutton', 'eat');
  await waitFor(() => stateOf(spool, 'glutton') === 'failed', 'the job to be killed');
  assert.equal(jobStatus(spool, 'glutton')?.attempts.at(-1)?.outcome, 'crashed');
  fs.writeFileSync(path.join(spool.tmp, 'go-on'), '');
  await isOver(spool, 'neighbour');
  assert.equal(jobStatus(spool, 'neighbour')?.attempts.length, 1);
  assert.equal(await inspect('{{.RestartCount}}'), '0');
});

test('a job whose many processes use up the memory does not take the service with it, which is larger than any of them', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const { spool, compose, inspect } = await composed(t, { jobs: JOBS, env: { JOBSPOOL_MEMORY: '400m' } });
  await compose(...up);
  drop(spool, 'swarm', 'swarm');
  await waitFor(() => stateOf(spool, 'swarm') === 'failed', 'the job to fail');
  drop(spool, 'afterwards', 'noop');
  await isOver(spool, 'afterwards');
  assert.equal(await inspect('{{.RestartCount}}'), '0');
});

test('what the service prints is rotated by the engine', async (t) => {
  if (skipsWithoutEngine(t)) return;
  const logging = { driver: 'json-file', options: { 'max-size': '20k', 'max-file': '2' } };
  const { spool, compose, inspect } = await composed(t, { jobs: JOBS, overlay: { logging } });
  await compose(...up);
  for (let n = 0; n < 300; n++) drop(spool, `line-${n}`, 'noop');
  await waitFor(() => fs.readdirSync(spool.incoming).length === 0 && fs.readdirSync(spool.pending).length === 0, 'the jobs');
  const file = await inspect('{{.LogPath}}');
  if (!fs.existsSync(path.dirname(file)))
    return t.diagnostic(`the engine's log ${file} is not of this machine: only the options were checked`);
  const sizes = await waitFor(() => rotated(t, file), 'a second log file');
  for (const size of sizes) assert.ok(size < 100_000, `a log file has ${size} bytes`);
});

function rotated(_: TestContext, file: string): number[] | undefined {
  const names = fs.readdirSync(path.dirname(file)).filter((name) => name.startsWith(path.basename(file)));
  return names.length >= 2 ? names.map((name) => fs.statSync(path.join(path.dirname(file), name)).size) : undefined;
}
