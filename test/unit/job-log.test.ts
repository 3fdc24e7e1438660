import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { addLastWords, JobLog, logTail } from '../../jobs/job-log.ts';
import type { Spool } from '../../spool/spool.ts';
import { tempSpool } from '../support/spool.ts';

const STARTED = Date.UTC(2026, 10, 22);
const heading = (attempt: number) => ({ attempt, startedAt: STARTED, runner: 'host-1' });
const headingText = (attempt: number) => `--- attempt ${attempt}, 2026-11-22T00:00:00.000Z, runner host-1 ---\n`;
const read = (spool: Spool, id = 'a') => fs.readFileSync(spool.jobLog(id), 'latin1');
const unmarked = (text: string) => text.replace(/\n\[.{3} \d+ bytes left out .{3}\]\n/, '');
const leftOut = (text: string) => Number(/\n\[.{3} (\d+) bytes left out .{3}\]\n/.exec(text)?.[1] ?? 0);

test('what a job prints stands under a line that says which attempt it was', (t) => {
  const spool = tempSpool(t);
  for (const attempt of [1, 2]) {
    const log = new JobLog(spool, 'a', heading(attempt));
    log.write(`said ${attempt}\n`);
    log.close();
  }
  assert.equal(read(spool), `${headingText(1)}said 1\n\n${headingText(2)}said 2\n`);
});

test('a job that prints nothing leaves no file', (t) => {
  const spool = tempSpool(t);
  const silent = new JobLog(spool, 'a', heading(1));
  silent.write('');
  silent.close();
  // As for a command: its descriptor is open before it prints.
  const command = new JobLog(spool, 'b', heading(1));
  command.open();
  command.close();
  assert.deepEqual(fs.readdirSync(spool.jobLogs), []);
});

test('a later attempt that prints nothing leaves the earlier one as it was', (t) => {
  const spool = tempSpool(t);
  const first = new JobLog(spool, 'a', heading(1));
  first.write('said\n');
  first.close();
  const second = new JobLog(spool, 'a', heading(2));
  second.open();
  second.close();
  assert.ok(read(spool).startsWith(`${headingText(1)}said\n`));
});

test('an attempt that was put off and prints nothing when it runs again keeps what it printed before', (t) => {
  const spool = tempSpool(t);
  for (const text of ['not yet\n', '']) {
    const log = new JobLog(spool, 'a', heading(1));
    log.open();
    log.write(text);
    log.close();
  }
  assert.equal(read(spool).startsWith(`${headingText(1)}not yet\n`), true);
});

test('of a log that is too long the beginning and the end are kept, and a line says how much went', (t) => {
  const spool = tempSpool(t);
  const log = new JobLog(spool, 'a', heading(1), 1_000);
  const lines = Array.from({ length: 500 }, (_, index) => `line ${index}\n`);
  for (const line of lines) log.write(line);
  log.close();
  const whole = headingText(1) + lines.join('');
  const kept = read(spool);
  assert.ok(kept.startsWith(whole.slice(0, 500)));
  assert.ok(kept.endsWith(whole.slice(-500)));
  assert.equal(leftOut(kept), whole.length - 1_000);
});

/** Prints chunks of these lengths in each attempt; returns what a log without a limit would hold. */
function print(spool: Spool, id: string, limit: number, attempts: number[][]): string {
  let whole = '';
  for (const [index, lengths] of attempts.entries()) {
    const chunks = lengths.map((length) => String(index).repeat(length));
    const log = new JobLog(spool, id, heading(index + 1), limit);
    for (const chunk of chunks) log.write(chunk);
    log.close();
    const printed = chunks.join('');
    if (printed !== '') whole += `${whole === '' ? '' : '\n'}${headingText(index + 1)}${printed}`;
  }
  return whole;
}

test('however often a log is cut, over all attempts what went and what is kept add up', (t) => {
  const spool = tempSpool(t);
  let job = 0;
  fc.assert(
    fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 8 }), { minLength: 1, maxLength: 5 }), (attempts) => {
      job += 1;
      const whole = print(spool, `job${job}`, 400, attempts);
      if (whole === '') return assert.equal(fs.existsSync(spool.jobLog(`job${job}`)), false);
      const kept = read(spool, `job${job}`);
      if (whole.length <= 400) return assert.equal(kept, whole);
      assert.equal(unmarked(kept), whole.slice(0, 200) + whole.slice(-200));
      assert.equal(leftOut(kept), whole.length - 400);
    }),
    { numRuns: 60 },
  );
});

test('the end of what an attempt printed has nothing of the attempts before it', (t) => {
  const spool = tempSpool(t);
  const first = new JobLog(spool, 'a', heading(1));
  first.write('earlier\n');
  first.close();
  const second = new JobLog(spool, 'a', heading(2));
  assert.equal(second.tail(100), '');
  second.write('now\n');
  assert.equal(second.tail(100), 'now\n');
  assert.equal(second.tail(2), 'w\n');
  second.close();
  assert.equal(logTail(spool, 'a', 4), 'now\n');
  assert.equal(logTail(spool, 'nobody', 4), '');
});

test('the last words of a runner that died are in the log of its job', (t) => {
  const spool = tempSpool(t);
  addLastWords(spool, 'a', 2, new Uint8Array());
  assert.deepEqual(fs.readdirSync(spool.jobLogs), []);
  addLastWords(spool, 'a', 2, Buffer.from('out of memory\n'));
  assert.match(read(spool), /attempt 2 ended with its runner.*\nout of memory\n$/);
});
