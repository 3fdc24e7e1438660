import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkRequest, MAX_DEPTH, type ParsedRequest, parseRequest, requestJsonSchema } from '../../spool/request.ts';

function accepted(parsed: ParsedRequest) {
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.reason);
  return parsed.request;
}

function refused(body: unknown): string {
  const parsed = typeof body === 'string' ? parseRequest(body) : checkRequest(body);
  assert.ok(!parsed.ok, `${JSON.stringify(body)} was accepted`);
  return parsed.reason;
}

test('a request needs a class alone; the method is handle and the params are none', () => {
  assert.deepEqual(accepted(parseRequest('{"class":"A"}')), { class: 'A', method: 'handle', params: [] });
});

test('all fields of a request arrive as they were written', () => {
  const body = { class: 'A', method: 'm', params: { a: [1, null] }, retries: 0, retryDelay: '5s', backoff: 'fixed', timeout: 2.5 };
  assert.deepEqual(accepted(parseRequest(JSON.stringify(body))), body);
});

test('params keep a key named __proto__ and change no prototype', () => {
  const { params } = accepted(parseRequest('{"class":"A","params":{"__proto__":{"x":1},"y":2}}'));
  assert.equal(JSON.stringify(params), '{"__proto__":{"x":1},"y":2}');
  assert.equal((params as { x?: unknown }).x, undefined);
  assert.equal(({} as { x?: unknown }).x, undefined);
});

test('__proto__ is no field of a request', () => {
  assert.match(refused('{"class":"A","__proto__":{"retries":9}}'), /unknown field "__proto__"/);
});

test('each wrong field is named with what was expected and what was there', () => {
  const cases: [object, RegExp][] = [
    [{}, /class: expected string, got nothing/],
    [{ class: '' }, /class: expected text with a length of at least 1/],
    [{ class: 'A'.repeat(201) }, /class: .*at most 200/],
    [{ class: 7 }, /class: expected string, got the number 7/],
    [{ class: 'A', method: null }, /method: expected string, got null/],
    [{ class: 'A', params: 'x' }, /params: expected array or record, got the text "x"/],
    [{ class: 'A', retries: -1 }, /retries: expected at least 0, got the number -1/],
    [{ class: 'A', retries: 1.5 }, /retries: expected int, got the number 1.5/],
    [{ class: 'A', retries: 1_001 }, /retries: expected at most 1000/],
    [{ class: 'A', retries: '3' }, /retries: expected (number|int), got the text "3"/],
    [{ class: 'A', retryDelay: 'soon' }, /retryDelay: .*got the text "soon"/],
    [{ class: 'A', retryDelay: -1 }, /retryDelay: .*got the number -1/],
    [{ class: 'A', backoff: 'linear' }, /backoff: expected "fixed" or "exponential", got the text "linear"/],
    [{ class: 'A', timeout: 0 }, /timeout: expected more than 0, got the number 0/],
    [{ class: 'A', timeout: '0s' }, /timeout: expected more than 0/],
  ];
  for (const [body, sentence] of cases) assert.match(refused(body), sentence);
});

test('all mistakes of a request are named at once', () => {
  const reason = refused({ method: 1, retries: -1, colour: 'red' });
  for (const part of [/class:/, /method:/, /retries:/, /unknown field "colour"/]) assert.match(reason, part);
});

test('a field that belongs elsewhere is refused with a hint where', () => {
  assert.match(refused({ class: 'A', priority: 8 }), /"priority" belongs in the file name: p8-now/);
  assert.match(refused({ class: 'A', delay: 5 }), /as a run-at/);
  assert.match(refused({ class: 'A', args: [] }), /"args" is called "params"/);
  assert.match(refused({ class: 'A', maxAttempts: 3 }), /is called "retries" \(attempts after the first\)/);
  assert.match(refused({ class: 'A', constructor: 1 }), /unknown field "constructor": it is not part of a request/);
});

test('a body that is no object is refused in words', () => {
  for (const [body, got] of [
    ['[]', 'an array'],
    ['null', 'null'],
    ['7', 'the number 7'],
    ['"x"', 'the text "x"'],
    ['true', 'true'],
  ] as const) {
    assert.match(refused(body), new RegExp(`expected a JSON object such as .*, got ${got}`));
  }
});

test('text that does not parse may be unfinished; text that parses and is wrong is not', () => {
  for (const text of ['', ' ', '{', '{"class":"A"', '{"class":"A"} x', '\u0000'])
    assert.equal((parseRequest(text) as { unfinished?: boolean }).unfinished, true, text);
  for (const text of ['{}', '[]', '{"class":"A","x":1}'])
    assert.equal((parseRequest(text) as { unfinished?: boolean }).unfinished, false, text);
});

test('every beginning of a body counts as unfinished, and the whole as a request', () => {
  const whole = JSON.stringify({ class: 'A', params: ['é', { a: [1.5, true] }] });
  for (let length = 0; length < whole.length; length++) {
    const parsed = parseRequest(whole.slice(0, length));
    assert.ok(!parsed.ok && parsed.unfinished, whole.slice(0, length));
  }
  accepted(parseRequest(whole));
});

test('a body nested too deep is refused before anything recurses into it', () => {
  const nested = (levels: number) => `{"class":"A","params":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  accepted(parseRequest(nested(MAX_DEPTH - 1)));
  assert.match(refused(nested(MAX_DEPTH)), /nested more than 200 levels/);
  assert.match(refused(nested(100_000)), /nested more than 200 levels/);
});

test('brackets inside text are no nesting', () => {
  const text = `${'['.repeat(500)}\\" {`;
  assert.deepEqual(accepted(parseRequest(JSON.stringify({ class: 'A', params: [text] }))).params, [text]);
});

test('a long value is shortened in the sentence that refuses it', () => {
  assert.ok(refused({ class: 'A', backoff: 'x'.repeat(10_000) }).length < 300);
});

test('no text makes the reading of a request throw', () => {
  const nearly = fc.record(
    {
      class: fc.oneof(fc.string(), fc.anything()),
      params: fc.anything(),
      retries: fc.anything(),
      retryDelay: fc.anything(),
      attempts: fc.anything(),
      timeout: fc.anything(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        nearly.map((value) => JSON.stringify(value) ?? ''),
      ),
      (text) => {
        const parsed = parseRequest(text);
        assert.ok(parsed.ok || parsed.reason.length > 0);
      },
    ),
    { numRuns: 500 },
  );
});

test('what was accepted once is accepted again and is the same', () => {
  const bodies = fc.record(
    {
      class: fc.string({ minLength: 1, maxLength: 200 }),
      params: fc.oneof(fc.array(fc.jsonValue()), fc.dictionary(fc.string(), fc.jsonValue())),
      retries: fc.integer({ min: 0, max: 1_000 }),
      timeout: fc.integer({ min: 1 }),
    },
    { requiredKeys: ['class'] },
  );
  fc.assert(
    fc.property(bodies, (body) => {
      const request = accepted(parseRequest(JSON.stringify(body)));
      assert.deepEqual(accepted(parseRequest(JSON.stringify(request))), request);
    }),
  );
});

test('the published JSON Schema is the one that requests are checked with', () => {
  const file = path.resolve(import.meta.dirname, '../../spool/request.schema.json');
  const generated = JSON.parse(JSON.stringify(requestJsonSchema()));
  assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')), generated, 'spool/request.schema.json is out of date: npm run schema');
});
