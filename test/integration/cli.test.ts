/** The command line as a user and a script meet it: exit codes, standard output, standard error. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { openSpool } from '../../spool/spool.ts';
import { startService, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const ALLOWLIST = path.join(ROOT, 'test', 'fixtures', 'allowlist.ts');

test('a script can tell from exit code and output what became of a job, with a service running', async (t) => {
  const { dir } = await startService(t, { allowlist: ALLOWLIST });
  const cli = cliOn(dir);

  await t.test('run --wait ends with 0 and the result when the job completes, 1 and the error when it fails', async () => {
    const done = await cli('run', 'Trouble', 'echo', 'a b', '2', '--id', 'e1', '--wait');
    assert.equal(done.code, 0, done.err);
    assert.match(done.out, /^e1 completed Trouble\.echo .*result \["a b",2\]\n$/);
    const failed = await cli('run', 'Trouble', 'fail', 'no luck', '--retries', '0', '--id', 'f1', '--wait', '--json');
    assert.equal(failed.code, 1);
    assert.equal(JSON.parse(failed.out).error.message, 'no luck');
    const rejected = await cli('run', 'Nobody', '--id', 'j1', '--wait');
    assert.equal(rejected.code, 1);
    assert.match(rejected.out, /^j1 rejected .*not on the allow-list/);
  });

  await t.test('wait gives up with 124 and leaves the job running; cancel stops it; wait then ends with 1', async () => {
    assert.equal((await cli('run', 'Trouble', 'politeSleep', '60000', path.join(dir, 'tmp', 'note'), '--id', 's1')).out, 's1\n');
    const late = await cli('wait', 's1', '--timeout', '200ms');
    assert.equal(late.code, 124);
    assert.match(late.err, /wait for s1: not over after 200ms/);
    await waitFor(async () => (await cli('status', 's1')).out.startsWith('s1 running '), 's1 to run');
    assert.match((await cli('cancel', 's1')).out, /^s1 cancellation asked for/);
    const over = await cli('wait', 's1', '--timeout', '20s');
    assert.equal(over.code, 1, over.err);
    assert.match(over.out, /^s1 cancelled /);
  });

  await t.test('what is unknown ends with 3, what its state does not allow with 4, and the other ids are carried out', async () => {
    const verbs = ['show', 'status', 'wait', 'logs', 'cancel', 'retry', 'rm'];
    for (const { code, err } of await Promise.all(verbs.map((verb) => cli(verb, 'nobody-knows-me')))) {
      assert.equal(code, 3, err);
      assert.match(err, /nobody-knows-me/);
    }
    assert.equal((await cli('cancel', 'e1')).code, 4);
    assert.equal((await cli('rm', 'e1')).code, 4);
    const both = await cli('rm', 'e1', 'f1');
    assert.equal(both.code, 4);
    assert.match(both.out, /^f1 removed: it was failed\n$/);
    assert.equal((await cli('status', 'f1')).code, 3);
  });

  await t.test('a failed job says how to run it again by hand, and retry runs it again', async () => {
    await cli('run', 'Shell', 'broken', '--id', 'b1', '--wait');
    const shown = await cli('show', 'b1');
    assert.match(shown.out, /exited with code 3/);
    assert.match(shown.out, /run again mv -n \S+\/failed\/\S+-b1\.json \S+\/incoming\//);
    assert.equal((await cli('retry', 'b1')).code, 0);
    await waitFor(async () => JSON.parse((await cli('show', 'b1', '--json')).out).attempts.length === 2, 'a second attempt');
  });

  await t.test('logs shows what a job printed, and -f goes on until it is over', async () => {
    await cli('run', 'Trouble', 'print', '--id', 'p1');
    const followed = await cli('logs', 'p1', '-f');
    assert.equal(followed.code, 0);
    assert.match(followed.out, /^--- attempt 1, .*\na line on stdout\na line on stderr\n/);
    assert.match((await cli('logs', 'p1', '-n', '1')).out, /^\S+ INFO attempt 1\n$/);
    const [first] = ndjson((await cli('logs', 'p1', '--json')).out);
    assert.deepEqual(first, { id: 'p1', attempt: 1, text: 'a line on stdout' });
  });

  await t.test('ls lists and filters, and says how many there are', async () => {
    assert.match((await cli('ls', 'class:Trouble', '--limit', '1')).out, /^ID +CLASS\.METHOD +STATE[^\n]*\n[^\n]+\n1 of \d+\n$/);
    const found = ndjson((await cli('ls', 'state:rejected', 'error:allow-list', '--json')).out);
    assert.deepEqual(
      found.map(({ id, state }) => ({ id, state })),
      [{ id: 'j1', state: 'rejected' }],
    );
    assert.equal((await cli('ls', 'bogus:1')).code, 2);
    assert.equal((await cli('ls', 'state:scheduled')).out, 'no jobs\n');
  });

  await t.test('a healthy spool in use has no flaws, and stats and doctor know its dispatcher', async () => {
    const checked = await cli('fsck');
    assert.equal(checked.code, 0, checked.out);
    const stats = JSON.parse((await cli('stats', '--json')).out);
    assert.equal(stats.dispatchers.length, 1);
    const doctor = await cli('doctor', '--json', '--port', '0');
    assert.equal(doctor.code, 0, doctor.out);
    assert.ok(
      ndjson(doctor.out).some(({ check, level }) => check === 'dispatchers' && level === 'ok'),
      doctor.out,
    );
  });
});

test('drain runs what is due and leaves what is not, and says so', async (t) => {
  const cli = cliOn(newDir(t));
  await cli('run', 'Trouble', 'noop');
  await cli('run', 'Trouble', 'fail', 'x', '--retries', '0');
  await cli('run', 'Trouble', 'fail', 'x', '--retries', '1', '--retry-delay', '1h', '--id', 'r1');
  await cli('run', 'Trouble', 'noop', '--delay', '1h');
  await cli('run', 'Nobody');
  const { code, out, err } = await cli('drain', '--json');
  assert.equal(code, 0, err);
  const { tookMs, ...counts } = JSON.parse(out);
  assert.ok(tookMs > 0);
  assert.deepEqual(counts, { completed: 1, failed: 1, cancelled: 0, rejected: 1, retryingLater: 1, scheduled: 1 });
  assert.match((await cli('drain')).out, /^drained in .*: 0 completed, 0 failed, 1 retrying later, 1 scheduled\n$/);
  await cli('retry', 'r1');
  assert.equal((await cli('pause')).code, 0);
  assert.equal((await cli('drain')).code, 4);
});

test('without a service a waiting job is cancelled at once, also one that is not accepted yet', async (t) => {
  const dir = newDir(t);
  const cli = cliOn(dir);
  await cli('run', 'Trouble', 'noop', '--id', 'a1');
  assert.match((await cli('cancel', 'a1')).out, /^a1 cancellation asked for: .*no dispatcher runs/);
  await cli('run', 'Trouble', 'noop', '--delay', '1h', '--id', 'a2');
  await cli('drain');
  assert.match((await cli('status', 'a1')).out, /^a1 cancelled /);
  assert.equal((await cli('cancel', 'a2')).out, 'a2 cancelled: it was scheduled\n');
  assert.equal(fs.readdirSync(path.join(dir, 'cancel')).length, 0);
  assert.match(fs.readFileSync(path.join(dir, 'logs', 'background_jobs.log'), 'utf8'), /"event":"cancelled","id":"a2"/);
});

test('an interrupt ends wait, exec and drain with 130, and the job goes on or is released', async (t) => {
  const dir = newDir(t);
  const temporary = tempFolder(t);
  const cli = cliOn(dir, { JOBSPOOL_SHUTDOWN_GRACE: '0s', JOBSPOOL_KILL_GRACE: '300ms', TMPDIR: temporary });
  await cli('run', 'Trouble', 'politeSleep', '60000', path.join(dir, 'tmp', 'note'), '--id', 'i1');
  const isRunning = () => fs.globSync(path.join(dir, 'running', '*', '*-i1.json')).length > 0;
  const interrupted = await cli.until('SIGINT', isRunning, 'drain');
  assert.equal(interrupted.code, 130, interrupted.err);
  assert.match((await cli('status', 'i1')).out, /^i1 pending /);
  const waiting = await cli.until('SIGINT', (err) => err.includes('no dispatcher runs'), 'wait', 'i1');
  assert.equal(waiting.code, 130, waiting.err);
  const note = path.join(dir, 'exec-note');
  const isUnderWay = () => fs.existsSync(note);
  const exec = await cli.until('SIGINT', isUnderWay, 'exec', 'Trouble', 'politeSleep', '60000', note);
  assert.equal(exec.code, 130, exec.err);
  assert.equal(fs.readFileSync(note, 'utf8'), 'the job was cancelled');
  assert.deepEqual(fs.readdirSync(temporary), []);
});

test('exec gives its result alone on standard output, and the allow-list holds for it too', async (t) => {
  const cli = cliOn(newDir(t));
  assert.deepEqual(await cli('exec', 'Trouble', 'echo', '1', 'two'), { code: 0, out: '[1,"two"]\n', err: '' });
  const printed = await cli('exec', 'Trouble', 'print');
  assert.equal(printed.out, '');
  assert.match(printed.err, /a line on stdout\n/);
  assert.equal((await cli('exec', 'Shell', 'echo', 'x')).code, 0);
  const command = await cli('exec', 'Shell', 'broken');
  assert.equal(command.code, 1);
  assert.match(command.err, /exited with code 3/);
  assert.match((await cli('exec', 'Trouble', 'throwLater')).err, /nobody awaits this/);
  for (const method of ['constructor', '__proto__', 'toString', 'missing'])
    assert.equal((await cli('exec', 'Trouble', method)).code, 1, method);
  assert.equal((await cli('exec', 'Trouble', 'echo', '--jobs', 'nowhere.json')).code, 2);
});

test('what is mistyped or misconfigured ends with 2 and one sentence, and changes nothing', async (t) => {
  const dir = newDir(t);
  const cli = cliOn(dir);
  const nowhere = await cli('ls');
  assert.equal(nowhere.code, 2);
  assert.match(nowhere.err, /expected a spool there, found none/);
  assert.equal(fs.existsSync(dir), false);
  const lines = [
    [],
    ['nonsense'],
    ['ls', '--nonsense'],
    ['show'],
    ['run'],
    ['run', 'A', 'b', '--priority', '11'],
    ['run', 'A', 'b', '--priority', 'high'],
    ['run', 'A', 'b', '--delay', 'soon'],
    ['run', 'A', 'b', '--at', 'tomorrow'],
    ['run', 'A', 'b', '--delay', '1s', '--at', '2026-11-22T10:15:00Z'],
    ['run', 'A', 'b', '--id', '../x'],
    ['run', 'A', 'b', '--params', '5'],
    ['serve', '--port', 'x'],
    ['dispatch', '--port', '1'],
  ];
  for (const [index, { code, err }] of (await Promise.all(lines.map((line) => cli(...line)))).entries()) {
    assert.equal(code, 2, `${lines[index]?.join(' ')}: ${err}`);
    assert.doesNotMatch(err, /\n {4}at /, 'no stack');
  }
  const wrong = await cli('drain', '--runners', '0', '--scan', 'never', '--watch', 'sometimes');
  assert.equal(wrong.code, 2);
  for (const name of ['RUNNERS', 'SCAN', 'WATCH']) assert.match(wrong.err, new RegExp(`JOBSPOOL_${name}: expected`));
  await cli('run', 'A');
  fs.writeFileSync(path.join(dir, 'version'), '9\n');
  const newer = await cli('stats');
  assert.equal(newer.code, 2);
  assert.match(newer.err, /newer Jobspool/);
});

test('doctor fails where jobs would not run, and says what in incoming/ is ignored', async (t) => {
  const dir = newDir(t);
  openSpool(dir, { durability: 'none' });
  fs.writeFileSync(path.join(dir, 'incoming', 'batch.ndjson'), '');
  fs.writeFileSync(path.join(dir, 'incoming', 'job.txt'), '');
  const cli = cliOn(dir);
  const healthy = await cli('doctor', '--port', '0');
  assert.equal(healthy.code, 0, healthy.out);
  assert.doesNotMatch(healthy.out, /batch\.ndjson/, 'a batch is accepted like any other file');
  assert.match(healthy.out, /warn {2}ignored in incoming\/: "job\.txt"/);
  assert.match(healthy.out, /ok {4}file events arrive/);
  assert.deepEqual(fs.readdirSync(path.join(dir, 'incoming')).sort(), ['batch.ndjson', 'job.txt']);
  const sick = await cli('doctor', '--jobs', 'nowhere.ts', '--min-free', '900000T');
  assert.equal(sick.code, 1);
  assert.match(sick.out, /fail {2}read the allow-list: expected .*nowhere\.ts/);
  assert.match(sick.out, /fail {2}the spool's whole disk has/);
});

test('clear-logs asks or is told, keeps the logs of live jobs, and says in the fresh log what it did', async (t) => {
  const dir = newDir(t);
  const cli = cliOn(dir);
  await cli('run', 'Trouble', 'print', '--id', 'done');
  await cli('run', 'Trouble', 'noop', '--delay', '1h', '--id', 'live');
  await cli('drain');
  const logs = path.join(dir, 'logs');
  fs.writeFileSync(path.join(logs, 'jobs', 'live.log'), 'from an earlier attempt\n');
  fs.writeFileSync(path.join(logs, 'background_jobs.2026-11-20.log'), '{}\n');
  assert.equal((await cli('clear-logs')).code, 2);
  assert.equal(fs.existsSync(path.join(logs, 'jobs', 'done.log')), true);
  assert.equal((await cli('clear-logs', '--yes')).code, 0);
  assert.deepEqual(fs.readdirSync(path.join(logs, 'jobs')), ['live.log']);
  assert.deepEqual(fs.readdirSync(logs).sort(), ['background_jobs.log', 'jobs']);
  const lines = ndjson(fs.readFileSync(path.join(logs, 'background_jobs.log'), 'utf8'));
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['logs cleared by hand: the service logs, 1 rotated files, 1 logs of finished jobs'],
  );
});

test('prune --dry-run removes nothing and counts what prune would', async (t) => {
  const dir = newDir(t);
  const cli = cliOn(dir);
  await cli('run', 'Trouble', 'fail', 'x', '--retries', '0');
  await cli('drain');
  const dry = JSON.parse((await cli('prune', '--failed', '0', '--dry-run', '--json')).out);
  assert.equal(dry.failed, 1);
  assert.equal(fs.readdirSync(path.join(dir, 'failed')).length, 1);
  assert.deepEqual(JSON.parse((await cli('prune', '--failed', '0', '--json')).out), dry);
  assert.equal(fs.readdirSync(path.join(dir, 'failed')).length, 0);
});

type Ran = { code: number | null; out: string; err: string };
type Cli = {
  (...args: string[]): Promise<Ran>;
  until(signal: NodeJS.Signals, when: (err: string) => boolean, ...args: string[]): Promise<Ran>;
};

/** Runs the real program on a spool. `until` signals it as soon as `when` holds of its standard error. */
function cliOn(dir: string, env: Record<string, string> = {}): Cli {
  const start = (args: string[]) =>
    spawn(process.execPath, [path.join(ROOT, 'service', 'main.ts'), ...args], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, JOBSPOOL_DIR: dir, JOBSPOOL_JOBS: ALLOWLIST, JOBSPOOL_DURABILITY: 'none', JOBSPOOL_RUNNERS: '1', ...env },
    });
  const run = (...args: string[]) => ended(start(args)).result;
  const until = async (signal: NodeJS.Signals, when: (err: string) => boolean, ...args: string[]) => {
    const child = start(args);
    const { result, soFar } = ended(child);
    await waitFor(() => child.exitCode !== null || when(soFar()), `the moment to interrupt ${args.join(' ')}`);
    child.kill(signal);
    return result;
  };
  return Object.assign(run, { until });
}

function ended(child: ChildProcess): { result: Promise<Ran>; soFar(): string } {
  let [out, err] = ['', ''];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const result = new Promise<Ran>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { result, soFar: () => err };
}

const newDir = (t: TestContext): string => path.join(tempFolder(t), 'spool');

const ndjson = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Of a process that is certainly gone: no process has this start time. */
