/** Producers, handlers and classes in plain PHP, without a framework. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { cancelJob, jobStatus, runBackgroundJob, waitForJob } from '../../jobs/run-background-job.ts';
import { missingInPhp, PACKAGE, runPhp } from '../support/php.ts';
import { startService, tempFolder, tempSpool } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const MISSING = missingInPhp('exit(PHP_VERSION_ID >= 80100 && extension_loaded("pcntl") ? 0 : 1);', 'php-cli (8.1 or newer, with pcntl)');

const HANDLERS = path.join(PACKAGE, 'jobs', 'commands', 'php');
const FIXTURES = path.join(PACKAGE, 'test', 'fixtures');
const PRODUCER = path.join(PACKAGE, 'spool', 'producers', 'jobspool.php');
const RUNNER = path.join(HANDLERS, 'background-job-runner.php');
const RUN_CLASS = [path.join(HANDLERS, 'run-class.php'), path.join(FIXTURES, 'classes.php')];

test('classes of plain PHP run, and PHP says of each job what Jobspool does', async (t) => {
  if (MISSING) return t.skip(MISSING);
  const { dir, call, ended, asPhpSays } = await served(t);
  const trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  await t.test('a list is positional arguments, an object named ones, a text of digits a number where one is wanted', async () => {
    assert.equal((await ended(await call('add', [1, '2', 3]))).result, 6);
    assert.equal((await ended(await call('add', { first: 5, float: 100 }))).result, 105, 'the constructor has its own by name');
    assert.deepEqual((await ended(await call('describe', { id: 7, paid: true }))).result, ['id', 'paid'], 'one array takes all');
  });

  await t.test('what is not there, and what does not fit, says so', async () => {
    const sentence = async (method: string, params: unknown[] | object) =>
      (await ended(await call(method, params, { retries: 0 }))).error?.message;
    assert.match((await sentence('add', ['x'])) ?? '', /^Shop\\Till::add\(\): Argument #1 \(\$first\) must be of type int, string given/);
    assert.equal(await sentence('refuse', { reason: 'no' }), 'Shop\\Till::refuse() takes no parameter reason; it takes why');
    assert.match(
      (await sentence('vanished', [])) ?? '',
      /^method vanished of class Shop\\Till is on the allow-list, but the class has no such method/,
    );
  });

  await t.test('without pcntl half a printed line does not hide the answer', async () => {
    const id = await call('print', [], { retries: 0 }, 'Shop\\Bare');
    assert.equal((await ended(id)).result, 'printed');
  });

  await t.test('jobStatus() in PHP says what the dashboard does of a job in every state', async () => {
    const flag = path.join(tempFolder(t), 'flag');
    const running = await call('hold', { flag }, { traceparent: trace });
    await waitFor(async () => (await jobStatus(running, { dir }))?.progress === 25, 'its progress');
    // The one runner is busy: these wait.
    const scheduled = await call('add', [1], { delay: 3600, priority: 7 });
    const pending = await call('add', [1]);
    const cancelled = await call('add', [1]);
    await cancelJob(cancelled, { dir });
    for (const id of [scheduled, pending]) await waitFor(async () => (await jobStatus(id, { dir }))?.acceptedAt, 'it to be accepted');
    await ended(cancelled);
    for (const [state, id] of Object.entries({ running, scheduled, pending, cancelled })) assert.equal((await asPhpSays(id))?.state, state);

    fs.writeFileSync(flag, '');
    assert.deepEqual((await ended(running)).result, { traceparent: trace });
    const retrying = await call('refuse', ['no'], { retries: 1, retryDelay: '1h' });
    const failed = await call('refuse', ['no'], { retries: 0 });
    const rejected = await call('steal', []);
    const snoozed = await call('wait', []);
    await waitFor(async () => (await jobStatus(retrying, { dir }))?.state === 'retrying', 'a first failure');
    await waitFor(async () => (await jobStatus(snoozed, { dir }))?.state === 'scheduled', 'it to be put off');
    for (const id of [failed, rejected, pending]) await ended(id);
    const states = { retrying, failed, rejected, scheduled: snoozed, completed: pending };
    for (const [state, id] of Object.entries(states)) assert.equal((await asPhpSays(id))?.state, state);
    assert.equal(await asPhpSays('nobody'), undefined);
  });
});

test('background-job-runner.php enqueues what it is called with, and tells the end of it', async (t) => {
  if (MISSING) return t.skip(MISSING);
  const { dir } = await served(t);
  const run = (...args: string[]) => runPhp(dir, PACKAGE, RUNNER, ...args);
  const paramsOf = async (text: string) => {
    const { out } = await run('Shop\\Till', 'add', text, '--delay=3600', '--priority=2', '--retries=4');
    const { params, priority, retries } = (await jobStatus(out.trim(), { dir })) ?? {};
    assert.deepEqual([priority, retries], [2, 4]);
    return params;
  };
  assert.deepEqual(await paramsOf('123, "a, b",express'), ['123', 'a, b', 'express']);
  assert.deepEqual(await paramsOf('{"orderId": 123}'), { orderId: 123 });
  assert.deepEqual(await paramsOf('[1, {"a": 2}]'), [1, { a: 2 }]);
  assert.deepEqual(await paramsOf(''), []);

  const done = await run('\\Shop\\Till', 'add', '1,2', '--wait=30');
  assert.deepEqual([done.code, done.out.split('\n')[1]], [0, 'completed: 3']);
  const failed = await run('Shop\\Till', 'refuse', 'too late', '--retries=0', '--wait=30');
  assert.deepEqual([failed.code, failed.out.split('\n')[1]], [1, 'failed: DomainException: too late']);
  const late = await run('Shop\\Till', 'add', '1', '--delay=3600', '--wait=0');
  assert.deepEqual([late.code, late.out.split('\n')[1]], [124, 'still scheduled after 0 s']);

  for (const [args, sentence] of [
    [[], /expected a class, a method and params as one word, got 0 words\nusage: /],
    [['Shop\\Till', 'add', '1', '2'], /got 4 words/],
    [['Shop\\Till', '--priority=11'], /priority: expected 1 to 10, got 11/],
    [['Shop\\Till', '--now'], /--now: expected --priority, --delay, --retries or --wait with a whole number/],
    [['Shop\\Till', 'add', '{"a"'], /read the params as JSON: Syntax error, in \{"a"/],
  ] as const) {
    const { code, err } = await run(...args);
    assert.equal(code, 2);
    assert.match(err, sentence);
  }
  const nowhere = await runPhp(path.join(dir, 'nowhere'), PACKAGE, RUNNER, 'Shop\\Till');
  assert.equal(nowhere.code, 2);
  assert.match(nowhere.err, /enqueue Shop\\Till\.handle as p5-now-.* in the spool .*nowhere: .*No such file or directory/);
});

test('why a request could not be written is said also where a framework handles the errors of PHP', async (t) => {
  if (MISSING) return t.skip(MISSING);
  const nowhere = path.join(tempFolder(t), 'nowhere');
  const script = "set_error_handler(static fn () => true); require 'spool/producers/jobspool.php'; runBackgroundJob('A');";
  const { code, out, err } = await runPhp(nowhere, PACKAGE, '-r', script);
  assert.equal(code, 255);
  assert.match(out + err, /enqueue A\.handle as p5-now-.*nowhere: .*No such file or directory; nothing was enqueued/);
});

test('a handler in PHP says the same in both protocols', (t) => {
  if (MISSING) return t.skip(MISSING);
  const folder = tempFolder(t);
  const told = (method: string) => ({ id: `the-${method}`, class: 'Any', method, params: { a: [1] }, attempt: 2 });
  const methods = ['told', 'later', 'never', 'endless', 'bytes'];
  const lines = php(methods.map((method) => JSON.stringify(told(method))).join('\n'), { JOBSPOOL_PROTOCOL: 'lines' });
  const answers = answersIn(lines.stdout);
  const once = methods.map((method) => {
    const result = path.join(folder, method);
    const { status } = php(JSON.stringify(told(method)), { JOBSPOOL_RESULT: result, JOBSPOOL_PROGRESS: path.join(folder, 'progress') });
    return { status, result: fs.existsSync(result) ? JSON.parse(fs.readFileSync(result, 'utf8')) : undefined };
  });

  assert.deepEqual(answers.shift(), { id: 'the-told', progress: 50 });
  assert.equal(fs.readFileSync(path.join(folder, 'progress'), 'utf8'), '50');
  const value = { id: 'the-told', class: 'Any', params: { a: [1] }, attempt: 2 };
  assert.deepEqual(
    [answers[0], once[0]],
    [
      { id: 'the-told', outcome: 'completed', result: value },
      { status: 0, result: value },
    ],
  );
  assert.deepEqual(
    [answers[1], once[1]],
    [
      { id: 'the-later', outcome: 'snoozed', delay: '10m' },
      { status: 75, result: { delay: '10m' } },
    ],
  );
  assert.deepEqual([answers[2].outcome, answers[2].permanent, answers[2].error.message], ['failed', true, 'the address is refused']);
  assert.deepEqual([once[2]?.status, once[2]?.result.error.names], [100, ['RuntimeException', 'Exception']]);
  assert.deepEqual(
    [answers[3], once[3]],
    [
      { id: 'the-endless', outcome: 'completed' },
      { status: 0, result: undefined },
    ],
  );
  assert.equal(answers[4].error.message, 'bytes that are no text: \u{fffd}');
  assert.deepEqual([once[4]?.status, once[4]?.result.error.message], [1, 'bytes that are no text: \u{fffd}']);
});

test('a child that a handler in PHP forks neither answers for the job nor reads the next, however it ends', (t) => {
  if (MISSING) return t.skip(MISSING);
  const job = (child: string) => JSON.stringify({ id: child, class: 'Any', method: 'forks', params: { child }, attempt: 1 });
  const { stdout, stderr } = php(['exits', 'throws', 'returns'].map(job).join('\n'), { JOBSPOOL_PROTOCOL: 'lines' });
  assert.deepEqual(answersIn(stdout), [
    { id: 'exits', outcome: 'completed', result: 7 },
    { id: 'throws', outcome: 'completed', result: 1 },
    { id: 'returns', outcome: 'completed', result: 0 },
  ]);
  assert.match(stderr, /a child of the handler failed: DomainException: of the child at /);
  const result = path.join(tempFolder(t), 'result');
  assert.equal(php(job('exits'), { JOBSPOOL_RESULT: result }).status, 0);
  assert.equal(fs.readFileSync(result, 'utf8'), '7');
});

test('a handler in PHP that closes its standard output leaves the next job to a new process', (t) => {
  if (MISSING) return t.skip(MISSING);
  const jobs = ['closes', 'endless'].map((method) => JSON.stringify({ id: method, class: 'Any', method, params: [], attempt: 1 }));
  const { stdout, status } = php(jobs.join('\n'), { JOBSPOOL_PROTOCOL: 'lines' });
  assert.deepEqual([JSON.parse(stdout), status], [{ id: 'closes', outcome: 'completed', result: true }, 0]);
});

test('a request that PHP cannot read fails for good and says why, and the process goes on', (t) => {
  if (MISSING) return t.skip(MISSING);
  const half = '{"id":"half","class":"Any","method":"told","params":["\\ud800"],"attempt":1}';
  const next = '{"id":"next","class":"Any","method":"endless","params":[],"attempt":1}';
  const { stdout, status } = php(`${half}\n${next}`, { JOBSPOOL_PROTOCOL: 'lines' });
  const [refused, answered] = answersIn(stdout);
  const sentence = /^read the job's request: expected JSON that PHP can decode, got: Single unpaired .*surrogate/;
  assert.deepEqual([refused.id, refused.outcome, refused.permanent], ['half', 'failed', true]);
  assert.match(refused.error.message, sentence);
  assert.deepEqual([answered, status], [{ id: 'next', outcome: 'completed' }, 0]);
  const result = path.join(tempFolder(t), 'result');
  assert.equal(php(half, { JOBSPOOL_RESULT: result }).status, 100);
  assert.match(JSON.parse(fs.readFileSync(result, 'utf8')).error.message, sentence);
});

test('a job of PHP that was put into another folder while it was looked for is found', async (t) => {
  if (MISSING) return t.skip(MISSING);
  const spool = tempSpool(t);
  const name = 'p5-20261122T101500.000Z-moving.json';
  fs.mkdirSync(path.join(spool.root, 'running', 'host-1'));
  for (const place of ['pending', 'running/host-1', 'failed']) {
    const file = path.join(spool.root, place, place === 'running/host-1' ? `.failed=${name}` : name);
    fs.writeFileSync(file, '{"class":"A","method":"b","params":[],"attempts":[]}');
    const { out } = await runPhp(spool.root, PACKAGE, '-r', `require '${PRODUCER}'; echo jobStatus('moving')['state'];`);
    assert.equal(out, place.split('/')[0]);
    fs.rmSync(file);
  }
});

const answersIn = (stdout: string) =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

function php(input: string, env: Record<string, string>) {
  return spawnSync('php', [path.join(FIXTURES, 'handler.php')], { input, encoding: 'utf8', env: { ...process.env, ...env } });
}

/** A service with one runner for the classes. `asPhpSays` asks PHP for a job, and holds that against what Jobspool itself says. */
async function served(t: TestContext) {
  const allowlist = path.join(tempFolder(t), 'allowlist.json');
  const methods = { add: {}, describe: {}, refuse: {}, print: {}, hold: {}, wait: {}, vanished: {} };
  const lines = { protocol: 'lines', methods };
  fs.writeFileSync(
    allowlist,
    JSON.stringify({
      'Shop\\Till': { command: ['php', ...RUN_CLASS], ...lines },
      'Shop\\Bare': { command: ['php', '-d', 'disable_functions=pcntl_exec,pcntl_signal', ...RUN_CLASS], ...lines },
    }),
  );
  const { dir } = await startService(t, { allowlist, env: { JOBSPOOL_RUNNERS: '1' } });
  const asPhpSays = async (id: string) => {
    const { out, err } = await runPhp(dir, PACKAGE, '-r', `require '${PRODUCER}'; echo json_encode(jobStatus($argv[1]));`, '--', id);
    const said = JSON.parse(out || err);
    const known = await jobStatus(id, { dir });
    if (said === null) return void assert.equal(known, undefined);
    // Of a request that was never accepted and may run at once PHP gives no time.
    const { runAt, ...fields } = said;
    if (runAt !== null) assert.equal(runAt, known?.runAt);
    assert.deepEqual(fields, Object.fromEntries(Object.entries(known ?? {}).filter(([field]) => field in fields)));
    return said;
  };
  const call = (method: string, params: unknown, options: object = {}, name = 'Shop\\Till') =>
    runBackgroundJob(name, method, params as unknown[], { dir, ...options });
  return { dir, call, asPhpSays, ended: (id: string) => waitForJob(id, { dir, timeout: '30s' }) };
}
