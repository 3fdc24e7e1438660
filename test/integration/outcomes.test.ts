import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { type JobStatus, jobStatus } from '../../spool/query.ts';
import { openSpool, type Spool } from '../../spool/spool.ts';
import { waitForJob } from '../../spool/wait.ts';
import { dropFile, startService } from '../support/spool.ts';
import { TROUBLE } from '../support/trouble.ts';
import { waitFor } from '../support/wait-for.ts';

type Case = { name: string; body: object; expect(status: JobStatus, spool: Spool): void | Promise<void> };

const trouble = (method: string, params: unknown[] = [], policy: object = {}) => ({ class: 'Trouble', method, params, ...policy });
const shell = (method: string, params: unknown[] = []) => ({ class: 'Shell', method, params });

const outcomes = (status: JobStatus) => status.attempts.map(({ outcome }) => outcome);
const log = (spool: Spool, status: JobStatus) => fs.readFileSync(spool.jobLog(status.id), 'utf8');

function refusedBecause(pattern: RegExp) {
  return async (status: JobStatus, spool: Spool) => {
    assert.equal(status.state, 'rejected');
    assert.match(status.reason ?? '', pattern);
    const lines = () => fs.readFileSync(path.join(spool.logs, 'background_jobs_errors.log'), 'utf8').split('\n');
    const isRefusal = (line: string) => line.includes(`"id":"${status.id}"`) && line.includes('"event":"rejected"');
    // The line is written after the file has moved.
    await waitFor(() => lines().some(isRefusal), 'the refusal in the error log');
  };
}

const CASES: Case[] = [
  {
    name: 'a job that fails is retried as often as it asked for, and its file tells the whole story',
    body: trouble('fail', ['boom'], { retries: 2, retryDelay: '50ms', backoff: 'fixed' }),
    expect(status) {
      assert.equal(status.state, 'failed');
      assert.deepEqual(outcomes(status), ['failed', 'failed', 'failed']);
      assert.deepEqual(
        status.attempts.map(({ number }) => number),
        [1, 2, 3],
      );
      assert.equal(status.error?.message, 'boom');
      assert.match(status.error?.stack ?? '', /trouble\.ts/);
      const [first, second] = status.attempts;
      const wait = Date.parse(second?.startedAt ?? '') - Date.parse(first?.finishedAt ?? '');
      assert.ok(wait >= 50, `the retry waits its delay, and came after ${wait} ms`);
    },
  },
  {
    name: 'a job that succeeds at the third attempt is completed, with the failures in its record',
    body: trouble('failTimes', [2, 'COUNTER']),
    expect(status) {
      assert.equal(status.state, 'completed');
      assert.deepEqual(outcomes(status), ['failed', 'failed', 'completed']);
      assert.equal(status.result, 3);
    },
  },
  {
    name: 'PermanentError ends a job without a retry',
    body: trouble('permanent', [], { retries: 5 }),
    expect(status) {
      assert.equal(status.state, 'failed');
      assert.deepEqual(outcomes(status), ['failed']);
    },
  },
  {
    name: 'an error named in noRetryOn is not retried',
    body: trouble('rangeError', [], { retries: 5 }),
    expect(status) {
      assert.equal(status.state, 'failed');
      assert.deepEqual(outcomes(status), ['failed']);
    },
  },
  {
    name: 'Snooze puts a job off without spending an attempt',
    body: trouble('snooze', [2, 'COUNTER'], { retries: 0 }),
    expect(status) {
      assert.equal(status.state, 'completed');
      assert.deepEqual(outcomes(status), ['completed']);
      assert.equal(status.result, 3);
    },
  },
  {
    name: 'a job that kills its runner is retried after a second, whatever its retry delay, and after three crashes it fails',
    body: trouble('killSelf', [], { retries: 10, retryDelay: '1h' }),
    expect(status) {
      assert.equal(status.state, 'failed');
      assert.deepEqual(outcomes(status), ['crashed', 'crashed', 'crashed']);
      assert.match(status.error?.message ?? '', /killed by SIGKILL/);
      assert.equal(Date.parse(status.runAt) - Date.parse(status.attempts[1]?.finishedAt ?? ''), 1_000);
    },
  },
  {
    name: 'a job that calls process.exit counts as crashed, not as completed',
    body: trouble('exit', [0], { retries: 0 }),
    expect(status) {
      assert.equal(status.state, 'failed');
      assert.deepEqual(outcomes(status), ['crashed']);
    },
  },
  {
    name: 'an error that no promise holds fails the job that caused it',
    body: trouble('throwLater'),
    expect(status) {
      assert.equal(status.state, 'failed');
      assert.equal(status.error?.name, 'TypeError');
    },
  },
  {
    name: 'what a job prints on stdout and stderr and logs is in its own log, under a line that names the attempt',
    body: trouble('print'),
    expect(status, spool) {
      assert.match(
        log(spool, status),
        /^--- attempt 1, .*, runner .* ---\na line on stdout\na line on stderr\n.* INFO a line of the log {"n":1}\n/,
      );
    },
  },
  {
    name: 'what a child of a job prints is in the log of the job',
    body: trouble('printInChild'),
    expect: (status, spool) => assert.match(log(spool, status), /a line of a child/),
  },
  {
    name: 'a job that prints 12 MB keeps the head and the tail of it and says how much went',
    body: trouble('printMuch', [750_000]),
    expect(status, spool) {
      const text = log(spool, status);
      assert.ok(text.length <= 10 * 1_048_576 + 100, `the log has ${text.length} bytes`);
      assert.match(text, /\n0{15}\n/);
      assert.match(text, /\[… \d+ bytes left out …\]/);
      assert.ok(text.endsWith('000000000749999\n'));
    },
  },
  {
    name: 'a job that prints nothing leaves no log',
    body: trouble('noop'),
    expect: (status, spool) => assert.equal(fs.existsSync(spool.jobLog(status.id)), false),
  },
  {
    name: 'a result that JSON cannot hold does not make a completed job fail',
    body: trouble('unjsonable'),
    expect(status) {
      assert.equal(status.state, 'completed');
      assert.equal(status.result, undefined);
    },
  },
  {
    name: 'a method with isolation "fresh" has a process of its own',
    body: trouble('pid'),
    expect: (status) => assert.equal(typeof status.result, 'number'),
  },
  {
    name: 'a command that exits with 0 is completed, with the result that it wrote',
    body: shell('done'),
    expect(status, spool) {
      assert.equal(status.state, 'completed');
      assert.deepEqual(status.result, { ok: true });
      assert.match(log(spool, status), /attempt 1 of /);
    },
  },
  {
    name: 'a command gets the request on its standard input',
    body: { class: 'Shell', method: 'echo', params: { 'a b': '$(rm -rf /)' } },
    expect: (status) =>
      assert.deepEqual(status.result, { id: status.id, class: 'Shell', method: 'echo', params: { 'a b': '$(rm -rf /)' }, attempt: 1 }),
  },
  {
    name: 'a command that exits with 75 runs again and spends no attempt',
    body: shell('later'),
    expect(status) {
      assert.equal(status.state, 'completed');
      assert.deepEqual(outcomes(status), ['completed']);
    },
  },
  {
    name: 'a command that exits with 100 fails without a retry',
    body: { ...shell('never'), retries: 5 },
    expect: (status) => assert.deepEqual([status.state, outcomes(status)], ['failed', ['failed']]),
  },
  {
    name: 'a command that exits with anything else fails, and its last lines are kept',
    body: shell('broken'),
    expect(status) {
      assert.equal(status.error?.message, 'the command "sh" exited with code 3');
      assert.match(status.error?.stack ?? '', /something is wrong/);
    },
  },
  {
    name: 'a command that fails may write its error, which is the one of the attempt, and is found in noRetryOn by what it extends',
    body: { ...shell('told'), retries: 5 },
    expect(status) {
      assert.deepEqual(status.error, { name: 'Bankrupt', message: 'no money left', stack: 'in the shop' });
      assert.deepEqual([status.state, outcomes(status)], ['failed', ['failed']]);
    },
  },
  {
    name: 'what a command that fails left of its result is not taken for its error',
    body: shell('halfway'),
    expect: (status) => assert.equal(status.error?.message, 'the command "sh" exited with code 3'),
  },
  {
    name: 'a command that puts its job off says for how long',
    body: shell('soon'),
    expect: (status) => assert.deepEqual([status.state, outcomes(status)], ['completed', ['completed']]),
  },
  {
    name: 'a command that puts its job off by what is no time is told so in the log of the job, which runs after its retryDelay',
    body: shell('someday'),
    expect(status, spool) {
      assert.deepEqual([status.state, outcomes(status)], ['completed', ['completed']]);
      assert.match(log(spool, status), /the delay is left out: expected one such as .*, got "someday"/);
    },
  },
  {
    name: 'a class that is not on the allow-list is refused',
    body: { class: 'Stranger' },
    expect: refusedBecause(/class "Stranger" is not on the allow-list; on it: Trouble, /),
  },
  {
    name: 'a method that is not allowed is refused',
    body: trouble('forbidden'),
    expect: refusedBecause(/method "forbidden" of class "Trouble" is not allowed; allowed: noop, /),
  },
  {
    name: 'constructor is refused as a method',
    body: trouble('constructor'),
    expect: refusedBecause(/method "constructor" of class "Trouble" is not allowed/),
  },
  {
    name: '__proto__ is refused as a class',
    body: { class: '__proto__', method: 'toString' },
    expect: refusedBecause(/class "__proto__" is not on the allow-list/),
  },
  {
    name: 'toString, which every object inherits, is refused as a class',
    body: { class: 'toString' },
    expect: refusedBecause(/class "toString" is not on the allow-list/),
  },
  {
    name: 'parameters that do not fit are refused, and the sentence says which, what was expected and what was there',
    body: trouble('fail', [42]),
    expect: refusedBecause(/Trouble\.fail does not take these parameters: params\[0\]: expected string, got the number 42/),
  },
  {
    name: 'an allowed class whose module is missing is refused',
    body: { class: 'Nowhere' },
    expect: refusedBecause(/class "Nowhere" is on the allow-list, but its module .*nowhere\.ts does not exist/),
  },
  {
    name: 'an allowed class that its module does not export is refused',
    body: { class: 'Unexported' },
    expect: refusedBecause(/exports no class "Unexported"/),
  },
  {
    name: 'an allowed method that the class does not have is refused',
    body: trouble('missing'),
    expect: refusedBecause(/method "missing" is on the allow-list, but class "Trouble" .* has no method of that name/),
  },
  {
    name: 'an allowed command that is not installed is refused',
    body: { class: 'NoSuchProgram' },
    expect: refusedBecause(/its command "jobspool-no-such-program" was not found/),
  },
];

test('every kind of job ends as promised', async (t: TestContext) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  for (const [index, { body }] of CASES.entries()) {
    const counter = path.join(spool.tmp, `counter-${index}`);
    dropFile(spool, `p5-now-case-${index}.json`, JSON.stringify(body).replace('COUNTER', counter));
  }
  for (const [index, { name, expect }] of CASES.entries()) {
    await t.test(name, async () => expect(await waitForJob(spool, `case-${index}`, { timeout: '40s' }), spool));
  }
  await t.test('nothing is left in the folders through which jobs move', () => {
    for (const folder of [spool.incoming, spool.pending, spool.retrying, spool.cancel]) assert.deepEqual(fs.readdirSync(folder), []);
  });
  await t.test('an id that nobody knows has no status', () => assert.equal(jobStatus(spool, 'nobody'), undefined));
});

test('a failed job that is moved back into incoming runs again with a whole budget and its history kept', async (t) => {
  const service = await startService(t, { allowlist: TROUBLE });
  const spool = openSpool(service.dir, { durability: 'none' });
  dropFile(spool, 'p5-now-again.json', trouble('fail', ['boom'], { retries: 1, retryDelay: '20ms' }));
  const first = await waitForJob(spool, 'again', { timeout: '30s' });
  assert.equal(first.attempts.length, 2);
  const [name = ''] = fs.readdirSync(spool.failed);
  fs.renameSync(path.join(spool.failed, name), path.join(spool.incoming, name));
  const second = await waitForJob(spool, 'again', { timeout: '30s' });
  assert.equal(second.state, 'failed');
  assert.deepEqual(
    second.attempts.map(({ number }) => number),
    [1, 2, 3, 4],
  );
});
