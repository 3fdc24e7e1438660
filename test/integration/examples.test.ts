/** The example jobs and the producers, each through a real service. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { CompressFile } from '../../jobs/examples/compress-file.ts';
import { ExampleJob } from '../../jobs/examples/example-job.ts';
import { FetchUrl } from '../../jobs/examples/fetch-url.ts';
import { cancelJob, jobStatus, runBackgroundJob, waitForJob } from '../../jobs/run-background-job.ts';
import { startService, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const PRODUCERS = path.resolve(import.meta.dirname, '..', '..', 'spool', 'producers');
const GIBIBYTE = 1_073_741_824;

test('ExampleJob returns its text, and prints it into its log', async (t) => {
  const { dir, done } = await service(t);
  const id = await runBackgroundJob(ExampleJob, 'execute', ['Sample Data'], { dir });
  assert.equal((await done(id)).result, 'Sample Data');
  assert.match(fs.readFileSync(path.join(dir, 'logs', 'jobs', `${id}.log`), 'utf8'), /^ExampleJob says: Sample Data$/m);
});

test('a gzipped file comes back byte for byte, in a folder that was not there before, and no draft is left beside it', async (t) => {
  const { dir, done } = await service(t);
  const folder = tempFolder(t);
  const [input, output] = [path.join(folder, 'in'), path.join(folder, 'new', 'folder', 'out.gz')];
  const bytes = randomBytes(3_000_000);
  fs.writeFileSync(input, bytes);
  const { result } = await done(await runBackgroundJob(CompressFile, 'gzip', [input, output], { dir }));
  assert.ok(gunzipSync(fs.readFileSync(output)).equals(bytes));
  assert.deepEqual(result, { inputBytes: bytes.length, outputBytes: fs.statSync(output).size });
  assert.deepEqual(fs.readdirSync(path.dirname(output)), ['out.gz']);
});

test('a gzip of a huge file shows its progress, and leaves neither output nor draft when it is cancelled', async (t) => {
  const { dir } = await service(t);
  const folder = tempFolder(t);
  const input = path.join(folder, 'huge');
  fs.writeFileSync(input, '');
  // All hole: no disk is used, and it takes far longer than this test.
  fs.truncateSync(input, 64 * GIBIBYTE);
  const output = path.join(folder, 'out', 'huge.gz');
  const id = await runBackgroundJob(CompressFile, 'gzip', [input, output], { dir });
  await waitFor(async () => ((await jobStatus(id, { dir }))?.progress ?? 0) > 0, 'progress');
  assert.equal(fs.readdirSync(path.dirname(output)).length, 1, 'the draft is there while it is written');
  await cancelJob(id, { dir });
  assert.equal((await waitForJob(id, { dir, timeout: '30s' })).state, 'cancelled');
  assert.deepEqual(fs.readdirSync(path.dirname(output)), []);
});

test('a gzip whose input comes later is tried again until it is there', async (t) => {
  const { dir, done } = await service(t);
  const folder = tempFolder(t);
  const [input, output] = [path.join(folder, 'late'), path.join(folder, 'late.gz')];
  const id = await runBackgroundJob(CompressFile, 'gzip', [input, output], { dir, retries: 100, retryDelay: '50ms', backoff: 'fixed' });
  const error = await waitFor(async () => (await jobStatus(id, { dir }))?.error, 'a first failed attempt');
  assert.match(error.message, /late: expected a file, but there is no such file yet/);
  fs.writeFileSync(input, 'here I am');
  await done(id);
  assert.equal(gunzipSync(fs.readFileSync(output)).toString(), 'here I am');
});

test('a gzip onto its own input, or of a folder, fails at once and changes nothing', async (t) => {
  const { dir } = await service(t);
  const folder = tempFolder(t);
  const input = path.join(folder, 'precious');
  fs.writeFileSync(input, 'precious');
  for (const [from, to] of [
    [input, `${folder}/./precious`],
    [folder, path.join(folder, 'folder.gz')],
  ] as const) {
    const id = await runBackgroundJob(CompressFile, 'gzip', [from, to], { dir });
    const { state, attempts, error } = await waitForJob(id, { dir, timeout: '30s' });
    assert.deepEqual([state, attempts.length, error?.name], ['failed', 1, 'PermanentError']);
  }
  assert.deepEqual(fs.readdirSync(folder), ['precious']);
  assert.equal(fs.readFileSync(input, 'utf8'), 'precious');
});

test('FetchUrl gives status and headers, retries what may pass, and gives up at once on what will not', async (t) => {
  const { dir, done } = await service(t);
  const { url, requests } = await webServer(t);
  const head = (page: string) => runBackgroundJob(FetchUrl, 'head', [`${url}/${page}`], { dir, retries: 3, retryDelay: '20ms' });

  const { result } = await done(await head('page'));
  assert.deepEqual(result, { status: 200, headers: { 'content-type': 'text/plain', etag: '"7"' } });

  const { attempts } = await done(await head('busy'));
  assert.deepEqual(
    attempts.map(({ outcome }) => outcome),
    ['failed', 'failed', 'completed'],
  );

  const gone = await waitForJob(await head('gone'), { dir, timeout: '30s' });
  assert.deepEqual([gone.state, gone.attempts.length], ['failed', 1]);
  assert.match(gone.error?.message ?? '', /gone: expected a success, got 404 Not Found; asking again would not change it$/);
  assert.ok(
    requests.every(({ method }) => method === 'HEAD'),
    'only heads were asked for',
  );
});

test('FetchUrl is not even started for an address that is not http or https', async (t) => {
  const { dir } = await service(t);
  const id = await runBackgroundJob(FetchUrl, 'head', ['file:///etc/hostname'], { dir });
  const { state, reason } = await waitForJob(id, { dir, timeout: '30s' });
  assert.equal(state, 'rejected');
  assert.match(reason ?? '', /^FetchUrl\.head does not take these parameters: params\[0\]/);
});

test('a job that waits for a web server that never answers stops when it is cancelled', async (t) => {
  const { dir } = await service(t);
  const { url, requests } = await webServer(t);
  const id = await runBackgroundJob(FetchUrl, 'head', [`${url}/silent`], { dir });
  await waitFor(() => requests.length > 0, 'the request');
  await cancelJob(id, { dir });
  assert.equal((await waitForJob(id, { dir, timeout: '30s' })).state, 'cancelled');
});

test('WordCount, in Python, counts as wc does, waits for a file that is not there, and gives up on a folder', async (t) => {
  if (isMissing('python3')) return t.skip('python3 is not installed: the command handler was NOT tested');
  const { dir, done } = await service(t);
  const folder = tempFolder(t);
  const file = path.join(folder, 'poem.txt');
  const count = (name: string, options = {}) => runBackgroundJob('WordCount', 'count', { path: name }, { dir, ...options });

  const waiting = await count(file, { retries: 0, retryDelay: '50ms' });
  await waitFor(() => logOf(dir, waiting).includes('there is no such file yet'), 'a first look at the missing file');
  fs.writeFileSync(file, 'so much depends\nupon\n\na red wheel  barrow');
  const { result, attempts } = await done(waiting);
  assert.deepEqual(result, { lines: 3, words: 8, bytes: 41 });
  assert.equal(attempts.length, 1, 'waiting spent no attempt');

  const permanent = await waitForJob(await count(folder), { dir, timeout: '30s' });
  assert.deepEqual([permanent.state, permanent.attempts.length], ['failed', 1]);
  assert.match(permanent.error?.stack ?? '', /expected a file, got a folder/);
});

test('WordCount, in Python, shows its progress', async (t) => {
  if (isMissing('python3')) return t.skip('python3 is not installed: the command handler was NOT tested');
  const { dir } = await service(t);
  const file = path.join(tempFolder(t), 'long.txt');
  fs.writeFileSync(file, 'word word word\n'.repeat(2_000_000));
  const id = await runBackgroundJob('WordCount', 'count', { path: file }, { dir });
  await waitFor(async () => (await jobStatus(id, { dir }))?.progress !== undefined, 'progress');
  await cancelJob(id, { dir });
  await waitForJob(id, { dir, timeout: '30s' });
});

const TRICKY = 'it\'s "quoted", \\ and ünïcode\n\t$HOME `id` 😀';

/** Each producer as a program that enqueues ExampleJob.execute(TRICKY) at priority 8, one second from now, and prints its id. */
const PROGRAMS: Record<string, string[]> = {
  sh: [
    path.join(PRODUCERS, 'jobspool-submit.sh'),
    '-s',
    '-p',
    '8',
    '-d',
    '1',
    JSON.stringify({ class: 'ExampleJob', method: 'execute', params: [TRICKY] }),
  ],
  python3: [
    '-B',
    '-c',
    `import sys; sys.path.insert(0, sys.argv[1]); from jobspool import run_background_job as run; print(run('ExampleJob', 'execute', [sys.argv[2]], priority=8, delay=1, retries=1))`,
    PRODUCERS,
    TRICKY,
  ],
  php: [
    '-r',
    `require $argv[1] . '/jobspool.php'; echo runBackgroundJob('ExampleJob', 'execute', [$argv[2]], retries: 1, delay: 1, priority: 8);`,
    '--',
    PRODUCERS,
    TRICKY,
  ],
};

for (const [program, args] of Object.entries(PROGRAMS)) {
  test(`what the ${program} producer enqueues runs with its parameters, priority and delay`, async (t) => {
    if (isMissing(program)) return t.skip(`${program} is not installed: its producer was NOT tested`);
    const { dir, done } = await service(t);
    const began = Date.now();
    const enqueue = () =>
      execFileSync(program, args, { encoding: 'utf8', env: { ...process.env, JOBSPOOL_DIR: dir, TZ: 'Asia/Kolkata' } }).trim();
    const ids = [enqueue(), enqueue()];
    const ended = Date.now();
    assert.notEqual(ids[0], ids[1]);
    for (const id of ids) {
      const { result, priority, runAt, startedAt } = await done(id);
      assert.deepEqual([result, priority], [TRICKY, 8]);
      const due = Date.parse(runAt);
      assert.ok(due >= began + 1_000 && due <= ended + 2_001, `run-at is ${due - began} ms after the call`);
      assert.ok(Date.parse(startedAt ?? '') >= due, 'it did not start before its run-at');
    }
    // A runner that is just starting keeps its output there until it has a slot.
    const drafts = fs.readdirSync(path.join(dir, 'tmp')).filter((name) => !name.startsWith('runner.'));
    assert.deepEqual(drafts, [], 'no draft is left in tmp/');
  });
}

test('ids that the Python and PHP producers make ascend in the order of the calls', async (t) => {
  const { dir } = await service(t);
  const calls: Record<string, string[]> = {
    python3: [
      '-B',
      '-c',
      `import sys; sys.path.insert(0, sys.argv[1]); from jobspool import run_background_job as run; [print(run('ExampleJob', 'execute', ['x'])) for _ in range(20)]`,
      PRODUCERS,
    ],
    php: [
      '-r',
      `require $argv[1] . '/jobspool.php'; for ($n = 0; $n < 20; $n++) echo runBackgroundJob('ExampleJob', 'execute', ['x']), "\\n";`,
      '--',
      PRODUCERS,
    ],
  };
  for (const [program, args] of Object.entries(calls)) {
    if (isMissing(program)) return t.skip(`${program} is not installed: its ids were NOT tested`);
    const ids = execFileSync(program, args, { encoding: 'utf8', env: { ...process.env, JOBSPOOL_DIR: dir } })
      .trim()
      .split('\n');
    assert.equal(new Set(ids).size, 20);
    assert.deepEqual(ids, ids.toSorted());
  }
});

test('the Python producer works as a command', async (t) => {
  if (isMissing('python3')) return t.skip('python3 is not installed: its producer was NOT tested');
  const { dir, done } = await service(t);
  const program = path.join(PRODUCERS, 'jobspool.py');
  const id = execFileSync('python3', ['-B', program, 'ExampleJob', 'execute', '["Hello"]'], {
    encoding: 'utf8',
    env: { ...process.env, JOBSPOOL_DIR: dir },
  });
  assert.equal((await done(id.trim())).result, 'Hello');
});

test('a producer that finds no spool says so, and makes none', (t) => {
  const dir = path.join(tempFolder(t), 'nowhere');
  const { status, stderr } = spawnSync('sh', [path.join(PRODUCERS, 'jobspool-submit.sh'), '{}'], {
    encoding: 'utf8',
    env: { ...process.env, JOBSPOOL_DIR: dir },
  });
  assert.equal(status, 1);
  assert.match(stderr, /expected a spool in .*nowhere, found none/);
  assert.equal(fs.existsSync(dir), false);
});

/** A running service; `done` waits for a job's completion. */
async function service(t: TestContext) {
  const { dir } = await startService(t);
  const done = async (id: string) => {
    const status = await waitForJob(id, { dir, timeout: '30s' });
    assert.equal(status.state, 'completed', status.error?.message ?? status.reason);
    return status;
  };
  return { dir, done };
}

/** `/page` is there, `/busy` is from the third request on, `/silent` never answers, all else is not found. */
async function webServer(t: TestContext) {
  const requests: { method: string | undefined; url: string | undefined }[] = [];
  const server = http.createServer(({ method, url }, answer) => {
    requests.push({ method, url });
    const busy = requests.filter((request) => request.url === '/busy').length;
    if (url === '/silent') return;
    const status = url === '/page' || (url === '/busy' && busy > 2) ? 200 : url === '/busy' ? 503 : 404;
    answer.writeHead(status, { 'content-type': 'text/plain', etag: '"7"', 'x-other': 'left out' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

function logOf(dir: string, id: string): string {
  const file = path.join(dir, 'logs', 'jobs', `${id}.log`);
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : '';
}

const isMissing = (program: string): boolean => spawnSync(program, ['-c', ''], { stdio: 'ignore' }).error !== undefined;
