/** The trace of whoever asks for a job: what is one, what is not, and how it comes by HTTP. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { parseRequest } from '../../spool/request.ts';
import { traceFields } from '../../spool/trace-context.ts';
import { makeClient } from '../support/api.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const PARENT = `00-${TRACE}-${SPAN}-01`;
const parse = (fields: object) => parseRequest(JSON.stringify({ class: 'ExampleJob', ...fields }));

test('a traceparent by the standard is taken, also of versions to come', () => {
  for (const traceparent of [PARENT, `00-${TRACE}-${SPAN}-00`, `01-${TRACE}-${SPAN}-09-more`, `cc-${TRACE}-${SPAN}-00`]) {
    const parsed = parse({ traceparent, tracestate: 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE' });
    assert.ok(parsed.ok && parsed.request.traceparent === traceparent, traceparent);
  }
  assert.deepEqual(traceFields({ traceparent: PARENT }), { trace_id: TRACE, span_id: SPAN, trace_flags: '01' });
});

test('a traceparent that is none is refused in words, so that its author finds out', () => {
  const wrong = [
    '',
    'abc',
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `${PARENT}\n`,
    7,
  ];
  for (const traceparent of wrong) {
    const parsed = parse({ traceparent });
    assert.ok(
      !parsed.ok && /^traceparent: expected (a traceparent of W3C Trace Context|string)/.test(parsed.reason),
      JSON.stringify(parsed),
    );
  }
  const state = parse({ traceparent: PARENT, tracestate: 'a=\n' });
  assert.ok(!state.ok && state.reason.startsWith('tracestate: expected printable ASCII'));
});

test('a client that traces hands its trace on by its header; what the job says comes before, and a wrong header is as if it were not there', async (t) => {
  const { ask, spool } = await makeClient(t);
  const post = (id: string, headers: Record<string, string>, body: object = {}) =>
    ask('POST', '/api/jobs', { class: 'ExampleJob', method: 'execute', params: ['a'], id, ...body }, headers);
  const told = (id: string) => JSON.parse(spool.disk.read(`${spool.incoming}/p5-now-${id}.json`) ?? '{}') as Record<string, string>;
  assert.equal((await post('by-header', { traceparent: PARENT, tracestate: 'a=b' })).status, 201);
  assert.deepEqual([told('by-header').traceparent, told('by-header').tracestate], [PARENT, 'a=b']);
  const own = `00-${SPAN}${SPAN}-${SPAN}-00`;
  assert.equal((await post('by-body', { traceparent: PARENT }, { traceparent: own })).status, 201);
  assert.equal(told('by-body').traceparent, own);
  assert.equal((await post('by-nobody', { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01`, tracestate: 'a=b' })).status, 201);
  assert.deepEqual([told('by-nobody').traceparent, told('by-nobody').tracestate], [undefined, undefined]);
  const refused = await post('wrong', {}, { traceparent: 'abc' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /traceparent: expected a traceparent of W3C Trace Context/);
});
