/** Commands that are kept from job to job (`protocol: "lines"`), and the helpers for handlers in other languages, by both protocols. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { holderOfSlot } from '../../spool/lease.ts';
import { platform } from '../../spool/platform.ts';
import { type JobStatus, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { afterwards } from '../support/afterwards.ts';
import { runProgram } from '../support/program.ts';
import { dropFile, startService, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const ALLOWLIST = path.resolve(import.meta.dirname, '..', 'fixtures', 'warm-allowlist.json');

/** Without care, one in four would be torn apart. */
const CHATS = 40;

const isInstalled = (program: string): boolean => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

/** A service with one runner: what it keeps is seen by the next job. Undefined where there is no Python. */
async function start(t: TestContext, env: Record<string, string> = {}) {
  if (!isInstalled('python3')) return void t.skip('SKIPPED: no python3 (apt-get install python3)');
  const service = await startService(t, { allowlist: ALLOWLIST, env: { JOBSPOOL_RUNNERS: '1', JOBSPOOL_KILL_GRACE: '300ms', ...env } });
  const spool = openSpool(service.dir, { durability: 'none' });
  let dropped = 0;
  const drop = (className: string, method = 'handle', params: unknown[] | object = [], policy: object = {}): string => {
    const id = `${className}-${method}-${++dropped}`;
    dropFile(spool, `p5-now-${id}.json`, { class: className, method, params, ...policy });
    return id;
  };
  const run = (...job: Parameters<typeof drop>): Promise<JobStatus> => waitForJob(spool, drop(...job), { timeout: '60s' });
  return { service, spool, drop, run };
}

const log = (spool: Spool, { id }: JobStatus): string => fs.readFileSync(spool.jobLog(id), 'utf8');
const outcomes = ({ attempts }: JobStatus): string[] => attempts.map(({ outcome }) => outcome);
const pidOf = ({ result }: JobStatus): number => (result as { pid: number }).pid;
const lives = (pid: number): boolean => platform.processStart(pid) !== undefined;
const pidsIn = (file: string): number[] =>
  fs.existsSync(file) ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number) : [];

test('a command that is kept runs job after job in one process, and how each ends is its own', async (t) => {
  const started = await start(t);
  if (!started) return;
  const { service, spool, run } = started;
  const pid = async () => pidOf(await run('Warm', 'pid'));

  await t.test('jobs of all classes that name the command are served by one process', async () => {
    const served = [await run('Warm', 'pid'), await run('AlsoWarm', 'pid'), await run('Warm', 'pid')];
    assert.equal(new Set(served.map(pidOf)).size, 1);
    assert.deepEqual(
      served.map(({ result }) => (result as { served: number }).served),
      [1, 2, 3],
    );
  });
  await t.test('it gets the request, the trace and its surroundings, and no id of a job in its environment', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const status = await run('Warm', 'echo', { 'a b': 'ü\n' }, { traceparent });
    const { request, ...rest } = status.result as Record<string, unknown>;
    assert.deepEqual(request, { id: status.id, class: 'Warm', method: 'echo', params: { 'a b': 'ü\n' }, attempt: 1, traceparent });
    assert.deepEqual(rest, { protocol: 'lines', id: null, slot: status.attempts[0]?.runner, dir: service.dir });
  });
  await t.test('all that it prints but its answers stands in the log of the job, however much it is', async () => {
    const text = log(spool, await run('Warm', 'talks'));
    for (const line of ['on stderr, before\n', 'on stdout\n{"id":"another","outcome":"completed"}\n{ no json }\n', 'last on stderr\n'])
      assert.ok(text.includes(line), line);
    assert.ok(text.includes('last on stdout\n'));
    assert.equal(text.match(/ä/g)?.length, 200_000);
    assert.doesNotMatch(text, /progress/);
    assert.doesNotMatch(log(spool, await run('Warm', 'talks')), /another(.|\n)*another/);
  });
  await t.test('what it prints on stderr just before its answer is never left for the next job', async () => {
    const line = JSON.stringify({ class: 'Warm', method: 'chats' });
    dropFile(spool, 'p5-now-chats.ndjson', `${line}\n`.repeat(CHATS));
    for (let number = 1; number <= CHATS; number++) {
      const text = log(spool, await waitForJob(spool, `chats.${number}`, { timeout: '60s' }));
      assert.deepEqual([text.match(/on stdout/g)?.length, text.match(/on stderr/g)?.length], [1, 1], `chats.${number}`);
    }
  });
  await t.test('a failure keeps the name, message and stack that it gave, and is retried unless it is permanent', async () => {
    const status = await run('Warm', 'fails', [false]);
    assert.deepEqual(outcomes(status), ['failed', 'failed']);
    assert.deepEqual(status.error, { name: 'ValueError', message: 'no', stack: 'at line 1' });
    assert.deepEqual(outcomes(await run('Warm', 'fails', [true])), ['failed']);
  });
  await t.test('a job that puts itself off runs again after its own delay, and spends no attempt', async () => {
    assert.deepEqual(outcomes(await run('Warm', 'snoozes', [path.join(spool.tmp, 'snoozed')])), ['completed']);
  });
  await t.test('half a line that a job leaves behind does not spoil the answer of the next', async () => {
    const first = await run('Warm', 'unfinished');
    assert.match(log(spool, first), /\{"half a line/);
    const next = await run('Warm', 'pid');
    assert.deepEqual([outcomes(next), pidOf(next)], [['completed'], pidOf(first)]);
  });
  await t.test('a process that leaves between two jobs is started again, and no job notices', async () => {
    const [first, second] = [await run('Warm', 'leaves'), await run('Warm', 'pid')];
    assert.deepEqual([...outcomes(first), ...outcomes(second)], ['completed', 'completed']);
    assert.notEqual(pidOf(first), pidOf(second));
  });
  await t.test(
    'a process that dies in a job fails that attempt by how it ended, with its last output, and the next job has another',
    async () => {
      const status = await run('Warm', 'dies');
      assert.deepEqual(outcomes(status), ['failed']);
      assert.equal(status.error?.message, 'the command "python3" ended without an answer: it exited with code 3');
      assert.equal(status.error?.stack, `its last words\n{"id":"${status.id}`);
      await pid();
    },
  );
  await t.test('a job in which the process ends without a word is not run for ever', async () => {
    const status = await run('Warm', 'silent');
    assert.equal(status.error?.message, 'the command "python3" ended without an answer: it exited with code 0');
    assert.deepEqual(outcomes(status), ['failed']);
  });
  await t.test('an outcome that is none fails the attempt, and an answer too many costs the process, not the next job', async () => {
    const before = await pid();
    assert.match((await run('Warm', 'unheard')).error?.message ?? '', /answered with the outcome "done": expected "completed", /);
    const after = await pid();
    assert.notEqual(after, before);
    const twice = await run('Warm', 'twice');
    assert.deepEqual([pidOf(twice), twice.state], [after, 'completed']);
    assert.notEqual(await pid(), after);
  });
  await t.test('a result that is too large does not fail the job; a line without end does, soon', async () => {
    const status = await run('Warm', 'huge');
    assert.deepEqual([status.state, status.result], ['completed', undefined]);
    assert.match((await run('Warm', 'endless')).error?.message ?? '', /is longer than an answer may be/);
  });
  await t.test('a process that has closed its input is replaced, and the job that it did not get runs', async () => {
    const deaf = pidOf(await run('Warm', 'deaf'));
    const next = await run('Warm', 'pid');
    assert.deepEqual([outcomes(next), pidOf(next) === deaf, lives(deaf)], [['completed'], false, false]);
  });
  await t.test('a process that has taken too much memory is replaced after its job', async () => {
    const large = pidOf(await run('Warm', 'grows'));
    assert.notEqual(await pid(), large);
    await waitFor(() => !lives(large), 'the large process to be gone');
  });
  await t.test('a command that never reads its job is ended by the timeout, one that is not installed is refused', async () => {
    assert.deepEqual(outcomes(await run('NoReader')), ['timed-out']);
    assert.match((await run('NoSuchProgram')).reason ?? '', /its command "jobspool-no-such-program" was not found/);
  });
  await t.test('the cancellation of a handler beside it is no harm to the next job', async () => {
    const before = await pid();
    const status = run('Trouble', 'sleep', [60_000]);
    await waitFor(
      () => spool.disk.names(spool.running).some((slot) => spool.disk.names(spool.slot(slot)).length > 0),
      'the handler to run',
    );
    fs.writeFileSync(spool.cancelMarker((await waitFor(() => runningId(spool), 'its id')) as string), '');
    assert.equal((await status).state, 'cancelled');
    const next = await run('Warm', 'pid');
    assert.deepEqual(outcomes(next), ['completed']);
    assert.ok(pidOf(next) === before || !lives(before));
  });
});

const runningId = (spool: Spool): string | undefined =>
  spool.disk
    .names(spool.running)
    .flatMap((slot) => spool.disk.names(spool.slot(slot)))
    .map((name) => /-(Trouble-.*)\.json$/.exec(name)?.[1])
    .find((id) => id !== undefined);

test('nothing of a kept command is left when its job is cancelled, its runner killed or its service stopped', async (t) => {
  const started = await start(t);
  if (!started) return;
  const { service, spool, drop, run } = started;
  const files = ['cancelled', 'killed', 'orphaned'].map((name) => path.join(spool.tmp, name));
  const [cancelled = '', killed = '', orphaned = ''] = files;
  afterwards(t, () => {
    for (const pid of files.flatMap(pidsIn)) platform.signal(pid, 'SIGKILL');
  });
  const hang = async (file: string, policy = {}): Promise<string> => {
    const id = drop('Warm', 'hangs', [file], policy);
    await waitFor(() => pidsIn(file).length === 2, `${id} to begin`);
    return id;
  };
  const noneLeft = (file: string) => waitFor(() => pidsIn(file).filter(lives).length === 0, `the processes of ${file} to be gone`);
  const runnerOf = (id: string): number => holderOfSlot(spool, jobStatus(spool, id)?.runner as string)?.pid as number;

  await t.test('a cancelled job is ended with all that it has started', async () => {
    const id = await hang(cancelled);
    fs.writeFileSync(spool.cancelMarker(id), '');
    assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'cancelled');
    await noneLeft(cancelled);
  });
  await t.test('a job whose runner is killed has crashed, and its process is ended before the next attempt', async () => {
    const id = await hang(killed);
    process.kill(runnerOf(id), 'SIGKILL');
    assert.deepEqual(outcomes(await waitForJob(spool, id, { timeout: '30s' })), ['crashed']);
    await noneLeft(killed);
  });
  await t.test('a process that waits for jobs goes with a runner that is drained', async () => {
    const drained = await run('Warm', 'pid');
    fs.writeFileSync(path.join(spool.running, `${drained.attempts[0]?.runner}.drain`), '');
    await waitFor(() => !lives(pidOf(drained)), 'the idle process to be gone');
  });
  await t.test('exec ends what it has started for its one job', async () => {
    const { code, out, err } = await runProgram(spool.root, ['exec', 'Warm', 'pid'], { JOBSPOOL_JOBS: ALLOWLIST });
    assert.equal(code, 0, err);
    assert.equal(lives((JSON.parse(out) as { pid: number }).pid), false);
  });
  await t.test('a process that waits for jobs goes with a runner that must be killed because a handler blocks it', async () => {
    const idle = pidOf(await run('Warm', 'pid'));
    const id = drop('Trouble', 'block', [60_000]);
    await waitFor(() => jobStatus(spool, id)?.state === 'running', 'the handler to block');
    fs.writeFileSync(spool.cancelMarker(id), '');
    assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'cancelled');
    await waitFor(() => !lives(idle), 'the idle process to be gone');
  });
  await t.test('a job is cancelled with all that it has started though its dispatcher is dead', async () => {
    const id = await hang(orphaned);
    const runner = runnerOf(id);
    await service.stop('SIGKILL');
    fs.writeFileSync(spool.cancelMarker(id), '');
    assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'cancelled');
    await noneLeft(orphaned);
    await waitFor(() => !lives(runner), 'the runner to be gone');
  });
});

test('a service that stops ends the processes that wait for jobs, also those that do not want to', async (t) => {
  const started = await start(t);
  if (!started) return;
  const idle = pidOf(await started.run('Warm', 'deaf'));
  assert.ok(lives(idle));
  assert.equal(await started.service.stop(), 0);
  assert.equal(lives(idle), false);
});

test('a process that waits for jobs may end what it has begun when its input ends, and a service that stops waits for it', async (t) => {
  const started = await start(t, { JOBSPOOL_KILL_GRACE: '20s' });
  if (!started) return;
  const farewell = path.join(started.spool.tmp, 'farewell');
  await started.run('Warm', 'parts', [farewell]);
  assert.equal(await started.service.stop(), 0);
  assert.equal(fs.readFileSync(farewell, 'utf8'), 'left');
});

test('a handler written with the Python helper ends alike with both protocols', async (t) => {
  const started = await start(t, { JOBSPOOL_RUNNERS: '2' });
  if (!started) return;
  const { spool, drop, run } = started;
  for (const protocol of ['PyWarm', 'PyOnce']) {
    await t.test(protocol, async () => {
      const added = await run(protocol, 'add', [1, 2]);
      assert.deepEqual(added.result, { sum: 3, id: added.id, attempt: 1 });
      assert.equal(((await run(protocol, 'add', { a: 5, b: 1 })).result as { sum: number }).sum, 6);
      const prints = await run(protocol, 'prints');
      assert.equal(prints.result, 'done');
      for (const line of ['a line of print\n', `{"id":"${prints.id}","outcome":"failed"}\n`, 'a line of a child\n'])
        assert.ok(log(spool, prints).includes(line), line);
      assert.deepEqual(outcomes(await run(protocol, 'later', [path.join(spool.tmp, `${protocol}-later`)])), ['completed']);
      const never = await run(protocol, 'never');
      const nameAndMessage = ({ error }: JobStatus) => [error?.name, error?.message];
      assert.deepEqual([outcomes(never), ...nameAndMessage(never)], [['failed'], 'PermanentFailure', 'no retry would change that']);
      const boom = await run(protocol, 'boom');
      assert.match(boom.error?.stack ?? '', /^Traceback (.|\n)*KeyError: 'missing'\n$/);
      // By a class that it extends.
      assert.deepEqual([outcomes(boom), ...nameAndMessage(boom)], [['failed'], 'KeyError', "'missing'"]);
      const exits = await run(protocol, 'exits');
      assert.deepEqual([outcomes(exits), ...nameAndMessage(exits)], [['failed'], 'SystemExit', 'the handler exited with 100']);
      const odd = await run(protocol, 'odd');
      assert.deepEqual([odd.state, odd.result], ['completed', undefined]);
      assert.match(log(spool, odd), /the result is left out: .*set/);
      assert.match(JSON.stringify((await run(protocol, 'missing')).error), /no handler is registered for \w+\.missing/);
      const file = path.join(spool.tmp, `${protocol}-waits`);
      const id = drop(protocol, 'waits', [file]);
      await waitFor(() => fs.existsSync(file) && fs.statSync(file).size > 0, `${id} to begin`);
      fs.writeFileSync(spool.cancelMarker(id), '');
      assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'cancelled');
      assert.equal(fs.readFileSync(file, 'utf8'), 'begun\ncleaned up\n');
    });
  }
  await t.test('a shell script with the helper for sh', async () => {
    assert.deepEqual((await run('Sh', 'done')).result, { ok: true });
    assert.deepEqual(outcomes(await run('Sh', 'later')), ['completed']);
    const never = await run('Sh', 'never');
    assert.deepEqual([outcomes(never), never.error?.stack], [['failed'], 'no retry would change that\n']);
    const file = path.join(spool.tmp, 'sh-waits');
    const id = drop('Sh', 'waits');
    await waitFor(() => fs.existsSync(file) && fs.statSync(file).size > 0, `${id} to begin`);
    fs.writeFileSync(spool.cancelMarker(id), '');
    assert.equal((await waitForJob(spool, id, { timeout: '30s' })).state, 'cancelled');
    assert.equal(fs.readFileSync(file, 'utf8'), 'begun\ncleaned up\n');
    if (!isInstalled('jq')) return void t.skip('SKIPPED: no jq (apt-get install jq)');
    assert.deepEqual((await run('Sh', 'param', ['a b', 7])).result, { first: 'a b', second: 7 });
    assert.deepEqual((await run('Sh', 'flag', { flag: false })).result, false);
    assert.deepEqual(outcomes(await run('Sh', 'flag', { flag: null })), ['failed']);
  });
});

test('a child that a handler in Python forks neither answers for the job nor reads the next, however it ends', (t) => {
  if (!isInstalled('python3')) return t.skip('SKIPPED: no python3 (apt-get install python3)');
  const children = { return: 0, exit: 7, raise: 1, sleep: 143 };
  const jobs = Object.keys(children).map((child) => request('forks', [child]));
  const { stdout, stderr } = python(jobs.join('\n').concat('\n'), { JOBSPOOL_PROTOCOL: 'lines' });
  const answers = Object.values(children).map((result) => ({ id: 'forks', outcome: 'completed', result }));
  assert.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    answers,
    stderr,
  );
  assert.match(stderr, /ValueError: of the child/);
  const result = path.join(tempFolder(t), 'result');
  assert.equal(python(request('forks', ['exit']), { JOBSPOOL_RESULT: result }).status, 0);
  assert.equal(fs.readFileSync(result, 'utf8'), '7');
});

test('a handler in Python that closes its standard output leaves the next job to a new process', (t) => {
  if (!isInstalled('python3')) return t.skip('SKIPPED: no python3 (apt-get install python3)');
  const { stdout, status } = python(`${request('closes', [])}\n${request('says', ['hello'])}\n`, { JOBSPOOL_PROTOCOL: 'lines' });
  assert.deepEqual([JSON.parse(stdout), status], [{ id: 'closes', outcome: 'completed' }, 0]);
});

test('what a handler in Python is given and prints is UTF-8 where the locale is not', (t) => {
  if (!isInstalled('python3')) return t.skip('SKIPPED: no python3 (apt-get install python3)');
  const result = path.join(tempFolder(t), 'result');
  const { stdout, stderr } = python(request('says', ['ü €']), { JOBSPOOL_RESULT: result, PYTHONIOENCODING: 'latin-1' });
  assert.deepEqual([stdout, JSON.parse(fs.readFileSync(result, 'utf8'))], ['ü €\n', 'ü €'], stderr);
});

const request = (method: string, params: unknown[]) => JSON.stringify({ id: method, class: 'Py', method, params, attempt: 1 });

const python = (input: string, env: Record<string, string>) =>
  spawnSync('python3', ['handlers.py'], {
    cwd: path.dirname(ALLOWLIST),
    input,
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, ...env },
  });
