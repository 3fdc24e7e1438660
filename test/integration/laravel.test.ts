/** Classes of a Laravel application, run by the real framework through the real service, called as home-made runners are. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { cancelJob, jobStatus, runBackgroundJob, waitForJob } from '../../jobs/run-background-job.ts';
import { openSpool } from '../../spool/spool.ts';
import { type LaravelApp, laravelApp } from '../support/laravel.ts';
import { missingInPhp, runPhp } from '../support/php.ts';
import { linesUntil } from '../support/service-log.ts';
import { startService, tempFolder } from '../support/spool.ts';
import { waitFor } from '../support/wait-for.ts';

const MISSING = missingInPhp(
  'require "Illuminate/autoload.php"; exit(extension_loaded("pcntl") && extension_loaded("pdo_sqlite") ? 0 : 1);',
  'php-cli, php-mbstring, php-xml, php-sqlite3 and php-laravel-framework',
);

test('a Laravel application runs its job classes unchanged', async (t) => {
  if (MISSING) return t.skip(MISSING);
  const { dir, app, ended } = await served(t);

  await t.test(
    'what is called with a priority and a delay waits, and then runs with its named arguments and what the container gives',
    async () => {
      const id = await app.say(`echo runBackgroundJob(ProcessOrder::class, 'handle', ['orderId' => 123], priority: 5, delay: 60);`);
      const name = await waitFor(() => waitingName(dir, id), 'the job to be accepted');
      const waiting = (await jobStatus(id, { dir })) ?? assert.fail('nobody knows it');
      assert.deepEqual([waiting.state, waiting.priority, waiting.class], ['scheduled', 5, 'App\\Jobs\\ProcessOrder']);
      assert.ok(Date.parse(waiting.runAt) - Date.parse(waiting.acceptedAt ?? '') > 50_000, `it runs at ${waiting.runAt}`);
      // As spool/README.md has it for people.
      fs.renameSync(path.join(dir, 'pending', name), path.join(dir, 'pending', `p5-20261122T101500.000Z-${id}.json`));
      const { state, result } = await ended(id);
      assert.equal(state, 'completed');
      assert.deepEqual(result, { orderId: 123, how: 'standard', mail: 'sent: order 123' });
      assert.match(jobLog(dir, id), new RegExp(`INFO: Processing order 123 \\{"jobId":"${id}","attempt":1\\}`));
      assert.match(fs.readFileSync(path.join(app.folder, 'storage/logs/background_jobs.log'), 'utf8'), /Order 123 goes by standard/);
    },
  );

  await t.test('php artisan run:job TheJob example param1 param2 enqueues, waits, and shows what came back', async () => {
    const { code, out } = await app.artisan('run:job', 'TheJob', 'example', 'param1', 'param2', '--wait=30', '--priority=8', '--retries=0');
    const [id = '', end] = out.trim().split('\n');
    assert.deepEqual([code, end], [0, 'completed: "sent: param1 and param2"']);
    const { class: className, params, priority } = await ended(id);
    assert.deepEqual([className, params, priority], ['App\\Jobs\\TheJob', ['param1', 'param2'], 8]);
  });

  await t.test('an exception is a failed attempt with its class, message and trace, and those of its cause', async () => {
    const { state, attempts, error } = await ended(
      await runBackgroundJob('App\\Jobs\\ProcessOrder', 'refund', { orderId: 9 }, { dir, retries: 1 }),
    );
    assert.deepEqual([state, attempts.length], ['failed', 2]);
    assert.deepEqual([error?.name, error?.message], ['DomainException', 'order 9 was never paid']);
    assert.match(error?.stack ?? '', /ProcessOrder\.php\(\d+\)\n#0 .*\n(.*\n)*Caused by: RuntimeException: the bank says no/);
  });

  await t.test('noRetryOn knows an exception by a class that it extends', async () => {
    const { state, attempts } = await ended(await runBackgroundJob('App\\Jobs\\Trouble', 'decline', [], { dir, retries: 5 }));
    assert.deepEqual([state, attempts.length], ['failed', 1]);
  });

  await t.test('a class that is not allowed is rejected, and the caller is told', async () => {
    const { code, out } = await app.artisan('run:job', 'App\\Console\\Kernel', 'handle', '--wait=30');
    assert.equal(code, 1);
    assert.match(
      out,
      /rejected: class "App\\Console\\Kernel" is not on the allow-list; on it: App\\Jobs\\ProcessOrder, App\\Jobs\\TheJob, /,
    );
  });

  await t.test('a method that is not allowed is rejected', async () => {
    const { state, reason } = await ended(await runBackgroundJob('App\\Jobs\\ProcessOrder', 'secret', [], { dir }));
    assert.equal(state, 'rejected');
    assert.match(reason ?? '', /method "secret" of class "App\\Jobs\\ProcessOrder" is not allowed; allowed: handle, refund/);
  });

  for (const [what, className, method, sentence] of [
    [
      'a class that does not exist',
      'App\\Jobs\\Nowhere',
      'handle',
      /^class App\\Jobs\\Nowhere is on the allow-list, but PHP finds no such class/,
    ],
    ['a method that does not exist', 'App\\Jobs\\TheJob', 'vanished', /^method vanished of class App\\Jobs\\TheJob .* has no such method$/],
    ['a method that is not public', 'App\\Jobs\\Hidden', 'secret', /^method secret of class App\\Jobs\\Hidden .* cannot be called/],
    [
      'a method that PHP calls itself',
      'App\\Jobs\\Hidden',
      '__destruct',
      /^method __destruct of class App\\Jobs\\Hidden .* cannot be called/,
    ],
  ] as const)
    await t.test(`${what} fails at once, and says so`, async () => {
      const { state, attempts, error } = await ended(await runBackgroundJob(className, method, [], { dir, retries: 5 }));
      assert.deepEqual([state, attempts.length, error?.name], ['failed', 1, 'Jobspool\\HandlerNotFound']);
      assert.match(error?.message ?? '', sentence);
    });

  await t.test('a parameter that the method does not know is named, and not left out', async () => {
    const { error } = await ended(await runBackgroundJob('App\\Jobs\\ProcessOrder', 'handle', { orderID: 1 }, { dir, retries: 0 }));
    assert.equal(error?.message, 'App\\Jobs\\ProcessOrder::handle() takes no parameter orderID; it takes orderId, how');
  });

  await t.test('what one job leaves in the application does not reach the next, which runs in the same process', async () => {
    const { result: pid } = await ended(await runBackgroundJob('App\\Jobs\\Trouble', 'leak', [], { dir }));
    const { result } = await ended(await runBackgroundJob('App\\Jobs\\Trouble', 'look', [], { dir }));
    assert.deepEqual(result, { pid, things: [], locale: 'en', transactions: 0, tables: 0 });
  });

  await t.test('nothing that a job prints hides its answer, and nothing that it starts takes the next job away', async () => {
    const id = await runBackgroundJob('App\\Jobs\\Trouble', 'print', [], { dir, retries: 0 });
    assert.equal((await ended(id)).result, 'printed');
    assert.match(jobLog(dir, id), /half a line \{"id":"no and moreof a child/);
  });

  await t.test('Snooze puts a job off and PermanentError ends it', async () => {
    const flag = path.join(tempFolder(t), 'flag');
    const late = await runBackgroundJob('App\\Jobs\\Trouble', 'later', [flag], { dir, retries: 0 });
    await linesUntil(openSpool(dir), late, 'snoozed');
    fs.writeFileSync(flag, '');
    const { result, attempts } = await ended(late);
    assert.deepEqual([result, attempts.length], ['it is there', 1]);
    const final = await ended(await runBackgroundJob('App\\Jobs\\Trouble', 'final', [], { dir, retries: 5 }));
    assert.deepEqual([final.state, final.attempts.length, final.error?.name], ['failed', 1, 'Jobspool\\PermanentError']);
  });

  await t.test('a job that calls exit, or uses up the memory, has failed, and the next one runs', async () => {
    const quit = await ended(await runBackgroundJob('App\\Jobs\\Trouble', 'quit', [], { dir, retries: 0 }));
    assert.deepEqual([quit.state, quit.error?.name], ['failed', 'ProcessExit']);
    const exhausted = await ended(await runBackgroundJob('App\\Jobs\\Trouble', 'exhaust', [], { dir, retries: 0 }));
    assert.equal(exhausted.error?.name, 'FatalError');
    assert.match(exhausted.error?.message ?? '', /^Allowed memory size of \d+ bytes exhausted/);
    assert.equal((await ended(await runBackgroundJob('App\\Jobs\\Trouble', 'look', [], { dir, retries: 0 }))).state, 'completed');
  });

  await t.test('a job that is cancelled stops where it is, and cleans up', async () => {
    const folder = tempFolder(t);
    const id = await runBackgroundJob('App\\Jobs\\Trouble', 'slowly', { folder }, { dir });
    await waitFor(async () => (await jobStatus(id, { dir }))?.progress === 40, 'its progress');
    await cancelJob(id, { dir });
    assert.equal((await ended(id)).state, 'cancelled');
    assert.deepEqual(fs.readdirSync(folder).sort(), ['begun', 'cleaned']);
  });

  await t.test('after php artisan queue:restart the next job runs in a new process, and has spent no attempt', async () => {
    const look = async () =>
      (await ended(await runBackgroundJob('App\\Jobs\\Trouble', 'look', [], { dir, retries: 0 }))).result as { pid: number };
    const { pid } = await look();
    assert.equal((await look()).pid, pid, 'nobody asked for a new one yet');
    assert.equal((await app.artisan('queue:restart')).code, 0);
    assert.notEqual((await look()).pid, pid);
  });
});

test('an application that boots for each job says the same of it, by its exit code and $JOBSPOOL_RESULT', async (t) => {
  if (MISSING) return t.skip(MISSING);
  const folder = tempFolder(t);
  const app = laravelApp(t, folder);
  const result = path.join(folder, 'result');
  const request = { id: 'once', class: 'App\\Jobs\\TheJob', method: 'example', params: ['a', 'b'], attempt: 1 };
  fs.writeFileSync(path.join(folder, 'request'), JSON.stringify(request));
  const code = await app.say(
    `passthru('JOBSPOOL_RESULT=${result} php node_modules/jobspool/jobs/commands/laravel/worker.php bootstrap/app.php < ${folder}/request', $code); echo $code;`,
  );
  assert.deepEqual([code, fs.readFileSync(result, 'utf8')], ['0', '"sent: a and b"']);
});

test('a cache that is down, an error that cannot be reported and a worker that cannot clear away change the end of no job', async (t) => {
  if (MISSING) return t.skip(MISSING);
  const dir = tempFolder(t);
  const app = laravelApp(t, dir);
  // A database without its table.
  const stores = `['database' => ['driver' => 'database', 'table' => 'cache', 'connection' => null]]`;
  fs.writeFileSync(path.join(app.folder, 'config/cache.php'), `<?php return ['default' => 'database', 'stores' => ${stores}];`);
  const { status, said, stderr } = work(app, ['unreported', 'look', 'litter', 'look']);
  const answers = said.map(({ id, outcome, error }) => [id, outcome, error?.message]);
  assert.deepEqual(
    answers,
    [
      ['0-unreported', 'failed', 'its own error'],
      ['1-look', 'completed', undefined],
      // The next one is left to a new process.
      ['2-litter', 'completed', undefined],
    ],
    stderr,
  );
  assert.equal(status, 0);
  for (const sentence of [
    /queue:restart would not be noticed, for the cache cannot be read: .*no such table/,
    /the error is not reported to the application: RuntimeException: nobody to report to/,
    /cleaning up after the job failed, and the next one gets a new process: RuntimeException: the broom is broken/,
  ])
    assert.match(stderr, sentence);
});

test('a child that a job forks clears nothing away, for the connections are also those of its parent', (t) => {
  if (MISSING) return t.skip(MISSING);
  const folder = tempFolder(t);
  const { said, stderr } = work(laravelApp(t, folder), ['fork'], [path.join(folder, 'trace')]);
  assert.deepEqual(said, [{ id: '0-fork', outcome: 'completed', result: false }], stderr);
});

test('the allow-list is made of the configuration, also of that of an old runner, and not of a class that is not there', async (t) => {
  if (MISSING) return t.skip(MISSING);
  const folder = tempFolder(t);
  const app = laravelApp(t, folder);
  const old = (name: string, settings: string) =>
    fs.writeFileSync(path.join(app.folder, 'config', `${name}.php`), `<?php return ${settings};`);
  old(
    'background_jobs',
    `['allowed_jobs' => ['App\\Jobs\\TheJob' => ['allowed_methods' => ['example']], \\App\\Jobs\\ProcessOrder::class],
      'allowed_methods' => ['handle', 'refund'], 'retry' => ['max_attempts' => 3, 'delay_seconds' => 7]]`,
  );
  old('background-jobs', `['approved_classes' => ['App\\Jobs\\TheJob' => 'nothing'], 'retry_attempts' => 1]`);

  const { code, out } = await app.artisan('jobspool:allowlist', '--config=background_jobs', '--once');
  assert.equal(code, 0, out);
  const policy = { retries: 2, retryDelay: 7, backoff: 'fixed' };
  const list = JSON.parse(out);
  assert.deepEqual(
    Object.entries(list).map(([name, entry]) => [name, (entry as { methods: object }).methods]),
    [
      ['App\\Jobs\\TheJob', { example: policy }],
      ['App\\Jobs\\ProcessOrder', { handle: policy, refund: policy }],
    ],
  );
  assert.equal(list['App\\Jobs\\TheJob'].protocol, 'once');

  const refused = await app.artisan('jobspool:allowlist', '--config=background-jobs', 'list.json');
  assert.equal(refused.code, 2);
  assert.match(refused.out, /method nothing of class App\\Jobs\\TheJob .* no such method/);
  assert.equal(fs.existsSync(path.join(app.folder, 'list.json')), false);
});

test("the helper of an old runner that is still there is not taken for Jobspool's", async (t) => {
  if (MISSING) return t.skip(MISSING);
  const app = laravelApp(t, tempFolder(t));
  const { code, err, out } = await runPhp(app.folder, app.folder, '-r', `function runBackgroundJob() {} require 'bootstrap/app.php';`);
  assert.notEqual(code, 0);
  assert.match(out + err, /another function runBackgroundJob\(\) is there already, in Command line code; remove that one/);
});

/** What a worker that is kept says of jobs, without a service. */
function work(app: LaravelApp, methods: string[], params: unknown[] = []) {
  const jobs = methods.map((method, at) => ({ id: `${at}-${method}`, class: 'App\\Jobs\\Trouble', method, params, attempt: 1 }));
  const worker = ['node_modules/jobspool/jobs/commands/laravel/worker.php', 'bootstrap/app.php'];
  const { status, stdout, stderr } = spawnSync('php', worker, {
    cwd: app.folder,
    env: { ...process.env, JOBSPOOL_PROTOCOL: 'lines' },
    input: jobs.map((job) => `${JSON.stringify(job)}\n`).join(''),
    encoding: 'utf8',
  });
  const said = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return { status, said, stderr };
}

/** An application whose allow-list artisan has made, and the service with it. `ended` waits for a job's end. */
async function served(t: TestContext) {
  const dir = path.join(tempFolder(t), 'spool');
  const app = laravelApp(t, dir);
  const allowlist = path.join(app.folder, 'jobspool.json');
  const { code, out } = await app.artisan('jobspool:allowlist', allowlist);
  assert.equal(code, 0, out);
  fs.writeFileSync(allowlist, JSON.stringify(withMissing(JSON.parse(fs.readFileSync(allowlist, 'utf8')))));
  // One runner: so the jobs share one process of PHP.
  await startService(t, { dir, allowlist, env: { JOBSPOOL_RUNNERS: '1', JOBSPOOL_KILL_GRACE: '5s' } });
  return { dir, app, ended: (id: string) => waitForJob(id, { dir, timeout: '30s' }) };
}

type Entry = { command: string[]; protocol: string; methods: Record<string, object> };

// What artisan refuses to write, a person may.
function withMissing(list: Record<string, Entry>): Record<string, Entry> {
  const entry = list['App\\Jobs\\TheJob'] as Entry;
  return {
    ...list,
    'App\\Jobs\\TheJob': { ...entry, methods: { ...entry.methods, vanished: {} } },
    'App\\Jobs\\Nowhere': { ...entry, methods: { handle: {} } },
    'App\\Jobs\\Hidden': { ...entry, methods: { secret: {}, __destruct: {} } },
  };
}

const waitingName = (dir: string, id: string) => fs.readdirSync(path.join(dir, 'pending')).find((name) => name.endsWith(`-${id}.json`));

const jobLog = (dir: string, id: string): string => fs.readFileSync(path.join(dir, 'logs', 'jobs', `${id}.log`), 'utf8');
