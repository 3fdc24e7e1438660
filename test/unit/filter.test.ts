import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Filter, matches, needsContent, parseFilter, type Qualifier, term } from '../../spool/filter.ts';
import type { JobStatus } from '../../spool/query.ts';

const NOW = Date.parse('2026-11-22T12:00:00.000Z');

test('a filter finds what each of its qualifiers says, and nothing else', () => {
  const job = aJob({
    id: 'report-7',
    state: 'failed',
    class: 'Report',
    method: 'build',
    params: [{ name: 'Ada' }],
    submittedBy: 33,
    error: { name: 'IoError', message: 'No such file' },
  });
  for (const text of [
    '',
    'state:failed',
    'state:retrying,failed',
    'STATE:FAILED',
    'class:Report',
    'class:Other,Rep*',
    'method:b*d',
    'id:report-7',
    'id:report-*',
    'id:*',
    'error:"no such file"',
    'error:ioerror error:file',
    'retried:no',
    'since:24h',
    'since:2026-11-22',
    'until:30m',
    'since:2h until:30m',
    'error:"no * file"',
    'params:ada',
    'submittedBy:33',
    'submittedby:0,33',
    String.raw`params:"\"name\":\"ada"`,
    'report build',
    '"Report.build"',
    'state:failed class:Report "such file"',
  ]) {
    assert.ok(passes(text, job), `expected ${JSON.stringify(text)} to find the job`);
  }
  for (const text of [
    'state:completed',
    'class:report',
    'submittedBy:3',
    'submittedBy:0,330',
    'class:Rep',
    'method:b*x',
    'id:report',
    'id:*-8',
    'error:timeout',
    'retried:yes',
    'since:30m',
    'until:1h',
    'until:2026-11-22T11:00:00.000Z',
    'error:"file * such"',
    'params:report',
    'report other',
    'state:failed class:Other',
  ]) {
    assert.ok(!passes(text, job), `expected ${JSON.stringify(text)} not to find the job`);
  }
});

test('what a job was given, what it returned and why it was rejected are found as free text', () => {
  assert.ok(passes('ada', aJob({ params: [{ name: 'Ada' }] })));
  assert.ok(passes('"all is well"', aJob({ result: 'all is well' })));
  assert.ok(passes('error:allow-list', aJob({ state: 'rejected', reason: 'class "X" is not on the allow-list' })));
});

test('a job that waits for its second attempt counts as retried, one that ran once does not', () => {
  const attempt = { number: 1, outcome: 'failed', startedAt: iso(0), finishedAt: iso(0), runner: 'r' } as const;
  assert.ok(passes('retried:yes', aJob({ state: 'retrying', attempts: [attempt] })));
  assert.ok(passes('retried:yes', aJob({ state: 'completed', attempts: [attempt, { ...attempt, number: 2, outcome: 'completed' }] })));
  assert.ok(passes('retried:no', aJob({ state: 'failed', attempts: [attempt] })));
});

test('a mistyped filter is named, not ignored', () => {
  const reasonOf = (text: string) => {
    const parsed = parseFilter(text, NOW);
    assert.ok(!parsed.ok, `expected ${JSON.stringify(text)} to be refused`);
    return parsed.reason;
  };
  assert.match(reasonOf('stat:failed'), /unknown qualifier "stat:".*expected one of state: class:/);
  assert.match(reasonOf('submittedBy:web'), /submittedBy: expected uids such as 33 or 33,1000, got "web"/);
  assert.match(reasonOf('constructor:x'), /unknown qualifier "constructor:"/);
  assert.match(reasonOf('state:done'), /state: expected scheduled, pending, .*, got "done"/);
  assert.match(reasonOf('retried:maybe'), /retried: expected yes or no, got "maybe"/);
  assert.match(reasonOf('since:tomorrow'), /since: expected a duration such as .*, got "tomorrow"/);
  assert.match(reasonOf('since:2026-99-99'), /since: expected/);
  assert.match(reasonOf('class:'), /class: expected a value/);
  assert.match(reasonOf('class:,'), /class: expected a value/);
  assert.match(reasonOf('until:soon'), /until: expected a duration/);
  assert.match(reasonOf('a b state:done'), /^term 3, state: expected/);
  assert.match(reasonOf('x'.repeat(4_001)), /at most 4000 characters, got 4001/);
});

test('quotes keep a phrase and a colon together, and one that is never closed is a character', () => {
  assert.deepEqual(parsedFilter('"a b" error:"c d"').texts, ['a b']);
  assert.deepEqual(parsedFilter('"a b" error:"c d"').errors, ['c d']);
  assert.deepEqual(parsedFilter('"http://x"').texts, ['http://x']);
  assert.deepEqual(parsedFilter('it"s').texts, ['it"s']);
});

test('in quotes a comma separates nothing, and a backslash takes the meaning from a quote', () => {
  assert.deepEqual(parsedFilter('class:"a,b",c').classes, ['a,b', 'c']);
  assert.deepEqual(parsedFilter(String.raw`error:"say \"hi\" to C:\temp\\"`).errors, ['say "hi" to C:\\temp\\']);
  assert.deepEqual(parsedFilter(String.raw`"C:\"`).texts, ['C:\\']);
});

test('a term that was made from a value finds that value, whatever is in it', () => {
  const texts = fc.string({ unit: fc.constantFrom(...'ab" ,\\:*\n\t\'é'), minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(texts, texts, (first, second) => {
      const job = aJob({ id: first, class: first, method: second, error: { name: 'E', message: `${first}|${second}` }, params: [] });
      const keys: [Qualifier | undefined, string][] = [
        ['id', first],
        ['class', first],
        ['method', second],
        ['error', first],
        ['error', second],
        [undefined, second],
      ];
      const text = keys.map(([key, value]) => term(key, value)).join(' ');
      assert.ok(passes(text, job), text);
    }),
  );
});

test('a filter of thousands of quotes and backslashes is read to its end', () => {
  for (const part of ['"', '\\', '"\\', '\\"', '" ']) {
    const parsed = parseFilter(part.repeat(4_000).slice(0, 4_000), NOW);
    assert.ok(parsed.ok || /at most 100 values/.test(parsed.reason), part);
  }
});

test('a list by state and id opens no file', () => {
  assert.equal(needsContent(parsedFilter('state:failed id:a*')), false);
  for (const text of ['class:X', 'method:x', 'error:x', 'x', 'params:x', 'retried:yes', 'since:1h', 'until:1h'])
    assert.equal(needsContent(parsedFilter(text)), true, text);
});

function parsedFilter(text: string): Filter {
  const parsed = parseFilter(text, NOW);
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason);
  return parsed.filter;
}

const passes = (text: string, job: JobStatus): boolean => matches(parsedFilter(text), job);

const iso = (beforeNowMs: number): string => new Date(NOW - beforeNowMs).toISOString();

function aJob(fields: Partial<JobStatus>): JobStatus {
  const base = { id: 'a', state: 'completed', class: 'C', method: 'm', priority: 5, runAt: iso(7_200_000), attempts: [] } as const;
  return { ...base, attempts: [], finishedAt: iso(3_600_000), ...fields };
}
