/** Names and bodies of the worst kind, by the thousand: each is a request, is refused in a plain sentence, or is left alone, and soon. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jobFileName, parseJobName, parseRequestName } from '../../spool/filename.ts';
import { parseRequest } from '../../spool/request.ts';
import { visible } from '../../spool/visible.ts';
import { assertSentence, BODIES, NAMES } from '../support/hostile-files.ts';

const NOW = Date.UTC(2026, 10, 22);

test('every hostile body is a request or is refused in one plain line, before it costs minutes', { timeout: 60_000 }, () => {
  for (const [what, { body, ok = false }] of Object.entries(BODIES)) {
    const text = body.toString('utf8').replace(/^\ufeff/, '');
    const parsed = parseRequest(text);
    if (typeof body === 'string') assert.equal(parsed.ok, ok, `${what}: ${parsed.ok ? 'accepted' : parsed.reason}`);
    if (!parsed.ok) assertSentence(parsed.reason, what);
    else assert.equal(parseRequest(JSON.stringify(parsed.request)).ok, true, `${what}: written back it is no request`);
  }
  assert.equal('isAdmin' in {}, false);
});

test('every hostile name is a request with a canonical name, is refused in one plain line, or is left alone', () => {
  for (const name of NAMES) assertName(name);
});

test('names put together from pieces of good and bad ones are, thousands of them, never taken for what they are not', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'p',
      'P',
      '5',
      '10',
      '0',
      '-',
      '--',
      'now',
      'NOW',
      '20261122T101500Z',
      '20261122T101500.123Z',
      '1795000000',
      '.json',
      '.',
      '..',
      'id',
      '=',
      ' ',
    ),
    fc.constantFrom('\n', '\u001b[31m', '\u202e', '\0', '\ufffd', '\ud800', 'é', '💾', '.reason', '/', '\\', 'x'.repeat(101)),
    fc.string({ unit: 'binary', maxLength: 4 }),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), fc.boolean(), (pieces, ends) => assertName(pieces.join('') + (ends ? '.json' : ''))),
    { numRuns: 2_000 },
  );
});

test('bodies with one thing changed, cut, doubled or put in, thousands of them, never make the intake throw, and what is accepted survives being written back', () => {
  const bases = Object.values(BODIES)
    .map(({ body }) => body)
    .filter((body): body is string => typeof body === 'string' && body.length > 0 && body.length < 2_000);
  const noise = fc.oneof(
    fc.constantFrom(
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      'null',
      '1e999',
      '-0',
      '\0',
      '\ufeff',
      '\n',
      '"__proto__":1,',
      '"attempts":[],',
      '\\ud800',
      '//',
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.constantFrom(...bases), fc.nat(), fc.nat(20), noise, (base, where, drop, added) => {
      const start = where % (base.length + 1);
      assertBody(base.slice(0, start) + added + base.slice(start + drop));
    }),
    { numRuns: 2_000 },
  );
});

test('any value in any field, thousands of them, is taken as it is or refused in one plain line', () => {
  const fields = [
    'class',
    'method',
    'params',
    'retries',
    'retryDelay',
    'backoff',
    'timeout',
    'attempts',
    'acceptedAt',
    'runAt',
    'spent',
    'crashes',
    'snoozes',
    'x\ny',
  ];
  const odd = fc.oneof(
    fc.jsonValue({ maxDepth: 4 }),
    fc.double({ noNaN: true }),
    fc.bigInt().map(Number),
    fc.constantFrom('', 'constructor', '__proto__', 'x'.repeat(201), 'a\nb', '5s', '-5s', '1e9s', '2026-11-22T00:00:00Z', [[]], {}),
  );
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...fields), odd, { maxKeys: 6 }), (body) =>
      assertBody(JSON.stringify({ class: 'Trouble', ...body })),
    ),
    { numRuns: 2_000 },
  );
});

test('text from outside is on one line in a sentence, with nothing in it that a terminal obeys, and still tells what was there', () => {
  assert.equal(visible('a\nb\u001b[31m\u202e\u{e0001}é'), 'a\\nb\\u001b[31m\\u202e\\u{e0001}é');
  assert.equal(visible('x'.repeat(9), 3), 'xxx…');
});

function assertName(name: string): void {
  const parsed = parseRequestName(name);
  const what = JSON.stringify(name);
  if (parsed.kind === 'invalid') return assertSentence(parsed.reason, what);
  if (parsed.kind === 'ignored')
    return assert.ok(name.startsWith('.') || !name.endsWith('.json') || name.includes('\ufffd'), `${what} is ignored`);
  const canonical = jobFileName({ priority: parsed.priority, runAt: parsed.runAt === 'now' ? NOW : parsed.runAt, id: parsed.id ?? 'made' });
  assert.deepEqual(parseJobName(canonical)?.id, parsed.id ?? 'made', what);
  assert.doesNotMatch(canonical, /[^\w.-]|^\./, what);
}

function assertBody(text: string): void {
  const parsed = parseRequest(text);
  const what = JSON.stringify(text);
  if (!parsed.ok) return assertSentence(parsed.reason, what);
  const written = JSON.stringify(parsed.request);
  const again = parseRequest(written);
  assert.ok(again.ok, `${what} was accepted and, written back, is not`);
  assert.equal(JSON.stringify(again.request), written, what);
  assert.equal(Object.getPrototypeOf(parsed.request), Object.prototype, what);
}
