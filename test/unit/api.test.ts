import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { jobFileName } from '../../spool/filename.ts';
import { isPaused } from '../../spool/marker.ts';
import type { Request } from '../../spool/request.ts';
import type { Spool } from '../../spool/spool.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { type Answer, type Client, makeClient } from '../support/api.ts';
import { credentials } from '../support/dashboard.ts';
import { waitFor } from '../support/wait-for.ts';

test('the list gives jobs of every state, running ones first, with counts and times that the document foresees', async (t) => {
  const { ask } = await filled(t);
  const { status, body } = await ask('GET', '/api/jobs');
  assert.equal(status, 200);
  assert.deepEqual(idsOf(body).slice(0, 4), ['running-1', 'pending-1', 'retrying-1', 'scheduled-1']);
  assert.deepEqual(idsOf(body).slice(4).sort(), ['cancelled-1', 'completed-1', 'failed-1', 'failed-2', 'rejected-1']);
  assert.equal(body.total, 9);
  assert.equal(body.next, null);
  assert.equal(body.stoppedEarly, false);
});

test('the list is filtered by state and by the terms of the search, and goes on from its cursor', async (t) => {
  const { ask } = await filled(t);
  const ids = async (query: string) => idsOf((await ask('GET', `/api/jobs?${query}`)).body).sort();
  assert.deepEqual(await ids('state=failed'), ['failed-1', 'failed-2']);
  assert.deepEqual(await ids(`q=${encodeURIComponent('state:failed,cancelled id:*1')}`), ['cancelled-1', 'failed-1']);
  assert.deepEqual(await ids(`state=failed&q=${encodeURIComponent('error:"it broke"')}`), ['failed-1']);
  const first = (await ask('GET', '/api/jobs?limit=4')).body;
  const second = (await ask('GET', `/api/jobs?limit=4&after=${encodeURIComponent(String(first.next))}`)).body;
  assert.equal(new Set([...idsOf(first), ...idsOf(second)]).size, 8);
});

test('a wrong query is refused whole, each mistake named', async (t) => {
  const { ask } = await filled(t);
  const answer = await ask('GET', '/api/jobs?limit=0&state=broken&page=2&filter=x');
  assert.equal(answer.status, 422);
  assert.deepEqual(mistakesOf(answer), {
    'query.limit': 'limit: expected at least 1, got the text "0"',
    'query.state':
      'state: expected "scheduled" or "pending" or "running" or "retrying" or "completed" or "failed" or "cancelled" or "rejected", got the text "broken"',
    'query.page': 'unknown parameter "page", which may be meant for "after"',
    'query.filter': 'unknown parameter "filter", which may be meant for "q"',
  });
  const wrong = {
    'q=colour:red': /unknown qualifier "colour:"/,
    'limit=many': /limit: expected number, got the text "many"/,
    'after=nonsense': /after: .*expected a cursor/,
    'limit=1&limit=2': /limit: expected .*got an array/,
    'state=failed&q=state:running': /no job has both/,
  };
  for (const [query, sentence] of Object.entries(wrong)) {
    const { status, body } = await ask('GET', `/api/jobs?${query}`);
    assert.equal(status, 422, query);
    assert.match(String(body.detail), sentence, query);
  }
});

test('secrets in parameters and results are masked, and cannot be searched for', async (t) => {
  const { ask, spool } = await makeClient(t);
  put(spool, 'failed', 'leaky', { params: { to: 'a@example.org', apiKey: 'k-123456' } });
  const { body, text } = await ask('GET', '/api/jobs/leaky');
  assert.deepEqual(body.params, { to: 'a@example.org', apiKey: '••••••' });
  assert.doesNotMatch(text + (await ask('GET', '/api/jobs')).text, /k-123456/);
  assert.deepEqual(idsOf((await ask('GET', '/api/jobs?q=k-123456')).body), []);
  assert.deepEqual(idsOf((await ask('GET', '/api/jobs?q=a@example.org')).body), ['leaky']);
});

test('each job is shown whole, in whatever state it is', async (t) => {
  const { ask } = await filled(t);
  for (const state of ['pending', 'scheduled', 'retrying', 'running', 'completed', 'failed', 'cancelled', 'rejected']) {
    const { status, body } = await ask('GET', `/api/jobs/${state}-1`);
    assert.equal(status, 200, state);
    assert.equal(body.state, state);
  }
  const { body } = await ask('GET', '/api/jobs/failed-1');
  assert.deepEqual(body.error, ATTEMPT.error);
  assert.deepEqual(body.attempts, [ATTEMPT]);
});

test('an unknown job is a problem with a sentence, whatever is asked of it', async (t) => {
  const { ask } = await makeClient(t);
  const asked: [string, string, unknown?][] = [
    ['GET', '/api/jobs/nobody'],
    ['DELETE', '/api/jobs/nobody'],
    ['POST', '/api/jobs/nobody/cancel'],
    ['POST', '/api/jobs/nobody/retry'],
    ['POST', '/api/jobs/nobody/run-now'],
    ['POST', '/api/jobs/nobody/priority', { priority: 3 }],
    ['GET', '/api/jobs/nobody/log'],
    ['GET', '/api/jobs/..%2f..%2fversion/log'],
    ['GET', '/api/operations/nobody'],
    ['POST', '/api/operations/nobody/stop'],
  ];
  for (const [method, address, body] of asked) {
    const answer = await ask(method, address, body);
    assert.equal(answer.status, 404, `${method} ${address}`);
    assert.match(answer.headers.get('Content-Type') ?? '', /^application\/problem\+json/);
    assert.match(String(answer.body.detail), /(no|No) (job|operation) .*known/);
  }
});

test('a submitted job stands in incoming, and the answer says where it is to be found', async (t) => {
  const { ask, spool, journal } = await makeClient(t, { basePath: '/deep/jobs' });
  const submission = {
    class: 'ExampleJob',
    method: 'execute',
    params: ['Hello'],
    priority: 8,
    retries: 2,
    retryDelay: '2s',
    backoff: 'fixed',
    timeout: 60,
  };
  const { status, headers, body } = await ask('POST', '/deep/jobs/api/jobs', submission);
  assert.equal(status, 201);
  assert.equal(body.state, 'pending');
  assert.equal(headers.get('Location'), `/deep/jobs/api/jobs/${body.id}`);
  const { priority, ...request } = submission;
  assert.deepEqual(JSON.parse(fs.readFileSync(path.join(spool.incoming, `p${priority}-now-${body.id}.json`), 'utf8')), request);
  assert.equal((await ask('GET', `/deep/jobs/api/jobs/${body.id}`)).body.class, 'ExampleJob');
  assert.equal(journal.lines.filter(({ fields }) => 'id' in fields && fields.id === body.id).length, 1);
});

test('a delay or a time makes a scheduled job', async (t) => {
  const { ask } = await makeClient(t);
  const job = { class: 'ExampleJob', method: 'execute', params: ['x'] };
  assert.equal((await ask('POST', '/api/jobs', { ...job, delay: '1h' })).body.state, 'scheduled');
  assert.equal((await ask('POST', '/api/jobs', { ...job, delay: 0 })).body.state, 'pending');
  const at = await ask('POST', '/api/jobs', { ...job, at: '2099-11-22T10:15:00+01:00' });
  assert.equal((await ask('GET', `/api/jobs/${at.body.id}`)).body.runAt, '2099-11-22T09:15:00.000Z');
});

test('what a file would be rejected for, the API refuses, each mistake named and nothing written', async (t) => {
  const { ask, spool } = await makeClient(t);
  const job = { class: 'ExampleJob', method: 'execute', params: ['x'] };
  const wrong: [object, string, RegExp][] = [
    [{ method: 'execute' }, 'body.class', /class: expected string, got nothing/],
    [{ ...job, class: 'Nobody' }, 'body.class', /Nobody.*not on the allow-list/],
    [{ ...job, class: 'constructor' }, 'body.class', /not on the allow-list/],
    [{ ...job, method: 'toString' }, 'body.class', /toString/],
    [{ ...job, params: [1] }, 'body.params', /params/],
    [{ ...job, params: 'x' }, 'body.params', /params: expected .* got the text "x"/],
    [{ ...job, priority: 11 }, 'body.priority', /priority: expected at most 10, got the number 11/],
    [{ ...job, retries: -1 }, 'body.retries', /retries: expected at least 0/],
    [{ ...job, timeout: 0 }, 'body.timeout', /timeout: expected more than 0/],
    [{ ...job, backoff: 'random' }, 'body.backoff', /backoff: expected "fixed" or "exponential"/],
    [{ ...job, delay: 'soon' }, 'body.delay', /delay: expected/],
    [{ ...job, at: 'tomorrow' }, 'body.at', /at: expected a time/],
    [{ ...job, delay: 5, at: '2099-01-01T00:00:00Z' }, 'body.delay', /both/],
    [{ ...job, id: '../x' }, 'body.id', /an id is 1 to 100/],
    [{ ...job, runAt: 'now' }, 'body.runAt', /unknown field "runAt", which may be meant for "at"/],
    [{ ...job, attempts: [] }, 'body.attempts', /unknown field "attempts"/],
  ];
  for (const [body, where, sentence] of wrong) {
    const answer = await ask('POST', '/api/jobs', body);
    assert.equal(answer.status, 422, JSON.stringify(body));
    assert.match(mistakesOf(answer)[where] ?? `nothing at ${where}: ${answer.text}`, sentence);
  }
  assert.deepEqual(fs.readdirSync(spool.incoming), []);
});

test('a body that is no JSON, not said to be, missing, too large or too deep is refused in words', async (t) => {
  const { ask } = await makeClient(t);
  const json = { 'Content-Type': 'application/json' };
  const deep = `{"class":"ExampleJob","method":"execute","params":${'['.repeat(5_000)}${']'.repeat(5_000)}}`;
  const large = JSON.stringify({ class: 'ExampleJob', method: 'execute', params: ['x'.repeat(1_100_000)] });
  const cases: [string | undefined, Record<string, string>, number, RegExp][] = [
    ['{"class":', json, 400, /expected JSON/],
    ['', json, 400, /expected JSON/],
    ['{"class":"ExampleJob"}', { 'Content-Type': 'text/plain' }, 415, /expected the content type application\/json, got text\/plain/],
    ['class=ExampleJob', { 'Content-Type': 'application/x-www-form-urlencoded' }, 415, /application\/json/],
    [undefined, {}, 422, /class: expected string, got nothing/],
    ['[]', json, 422, /expected object, got an array/],
    ['null', json, 422, /expected object, got null/],
    [deep, json, 422, /nest/],
    [large, json, 422, /at most 1048576 bytes/],
    ['x'.repeat(3 * 1_048_576), json, 413, /2 MiB/],
  ];
  for (const [body, headers, status, sentence] of cases) {
    const answer = await ask('POST', '/api/jobs', body, headers);
    assert.equal(answer.status, status, `${body?.slice(0, 40)}: ${answer.text.slice(0, 300)}`);
    assert.match(String(answer.body.detail), sentence);
  }
});

test('a key "__proto__" in the parameters reaches the job as it came', async (t) => {
  const { ask, spool } = await makeClient(t, { refusal: () => undefined });
  const { body } = await ask('POST', '/api/jobs', '{"class":"ExampleJob","params":{"__proto__":{"x":1}}}', {
    'Content-Type': 'application/json',
  });
  assert.match(fs.readFileSync(path.join(spool.incoming, `p5-now-${body.id}.json`), 'utf8'), /"__proto__":\{"x":1\}/);
});

test('a submission that is repeated with its id does not run twice', async (t) => {
  const { ask, spool } = await makeClient(t);
  const job = { class: 'ExampleJob', method: 'execute', params: ['x'], id: 'once' };
  const [first, ...others] = await Promise.all([job, { ...job, priority: 9 }, job].map((one) => ask('POST', '/api/jobs', one)));
  assert.equal(first?.status, 201);
  assert.deepEqual(
    others.map(({ status, body }) => [status, body.id, body.state]),
    [
      [200, 'once', 'pending'],
      [200, 'once', 'pending'],
    ],
  );
  assert.deepEqual(fs.readdirSync(spool.incoming), ['p5-now-once.json']);
});

test('an id is taken while any job of it is known, also one that is over; a rejected file is no job', async (t) => {
  const { ask, spool } = await filled(t);
  const job = { class: 'ExampleJob', method: 'execute', params: ['x'] };
  for (const state of ['pending', 'scheduled', 'retrying', 'running', 'completed', 'failed', 'cancelled']) {
    const same = await ask('POST', '/api/jobs', { ...job, id: `${state}-1` });
    assert.deepEqual([same.status, same.body.state], [200, state], state);
    const other = await ask('POST', '/api/jobs', { ...job, params: ['y'], id: `${state}-1` });
    assert.deepEqual([other.status, other.body.state, other.body.id], [409, state, `${state}-1`], state);
  }
  assert.deepEqual(fs.readdirSync(spool.incoming), []);
  assert.equal((await ask('POST', '/api/jobs', { ...job, id: 'rejected-1' })).status, 201);
});

test('an Idempotency-Key is the id of the job', async (t) => {
  const { ask } = await makeClient(t);
  const job = { class: 'ExampleJob', method: 'execute', params: ['x'] };
  const submit = (key: string, more: object = {}) => ask('POST', '/api/jobs', { ...job, ...more }, { 'Idempotency-Key': key });
  assert.deepEqual((await submit('order-1')).body, { id: 'order-1', state: 'pending' });
  assert.equal((await submit('"order-1"')).status, 200);
  assert.equal((await submit('order-1', { id: 'order-1' })).status, 200);
  for (const answer of [await submit('no/id'), await submit('order-1', { id: 'order-2' })]) {
    assert.equal(answer.status, 422);
    assert.match(mistakesOf(answer)['header.Idempotency-Key'] ?? '', /Idempotency-Key: .*got/);
  }
});

test('a job is cancelled, retried, brought forward, given another priority and deleted', async (t) => {
  const { ask, spool, journal } = await filled(t);
  const cases: [string, string, unknown, string | null][] = [
    ['POST', '/api/jobs/pending-1/cancel', undefined, 'cancelled'],
    ['POST', '/api/jobs/running-1/cancel', undefined, 'running'],
    ['POST', '/api/jobs/failed-1/retry', undefined, 'pending'],
    ['POST', '/api/jobs/rejected-1/retry', undefined, 'pending'],
    ['POST', '/api/jobs/scheduled-1/run-now', undefined, 'pending'],
    ['POST', '/api/jobs/retrying-1/priority', { priority: 9 }, 'retrying'],
    ['DELETE', '/api/jobs/failed-2', undefined, null],
  ];
  for (const [method, address, body, state] of cases) {
    const answer = await ask(method, address, body);
    assert.equal(answer.status, 200, `${address}: ${answer.text}`);
    assert.equal(answer.body.state, state, address);
    const id = address.split('/')[3];
    assert.equal(answer.body.id, id);
    assert.ok(
      journal.lines.some(({ fields }) => 'id' in fields && fields.id === id && 'who' in fields),
      address,
    );
  }
  assert.ok(fs.existsSync(spool.cancelMarker('running-1')));
  assert.equal((await ask('GET', '/api/jobs/running-1')).body.cancelling, true);
  assert.equal((await ask('GET', '/api/jobs/retrying-1')).body.priority, 9);
  assert.equal((await ask('GET', '/api/jobs/failed-2')).status, 404);
});

test('what the state of a job does not allow is a conflict that says the state, and changes nothing', async (t) => {
  const { ask, spool } = await filled(t);
  const before = fs.readdirSync(spool.root, { recursive: true });
  const cases: [string, string, string, unknown?][] = [
    ['POST', '/api/jobs/completed-1/cancel', 'completed'],
    ['POST', '/api/jobs/pending-1/retry', 'pending'],
    ['POST', '/api/jobs/running-1/run-now', 'running'],
    ['POST', '/api/jobs/failed-1/priority', 'failed', { priority: 9 }],
    ['DELETE', '/api/jobs/running-1', 'running'],
    ['DELETE', '/api/jobs/completed-1', 'completed'],
  ];
  for (const [method, address, state, body] of cases) {
    const answer = await ask(method, address, body);
    assert.deepEqual([answer.status, answer.body.state], [409, state], address);
    assert.match(String(answer.body.detail), /nothing was changed/);
  }
  assert.deepEqual(fs.readdirSync(spool.root, { recursive: true }), before);
});

test('a priority that is none is refused', async (t) => {
  const { ask } = await filled(t);
  for (const body of [{}, { priority: 0 }, { priority: 11 }, { priority: 1.5 }, { priority: '5' }, { priority: 5, delay: 1 }]) {
    assert.equal((await ask('POST', '/api/jobs/pending-1/priority', body)).status, 422, JSON.stringify(body));
  }
});

test('a bulk action is tried dry, done, and leaves alone what it does not fit', async (t) => {
  const { ask, spool } = await filled(t);
  const order = { action: 'retry', filter: 'state:failed,cancelled' };
  const plan = (await ask('POST', '/api/jobs/bulk', { ...order, dryRun: true })).body;
  assert.deepEqual([plan.dryRun, plan.count, plan.byState, plan.skipped], [true, 3, { failed: 2, cancelled: 1 }, {}]);
  assert.deepEqual(fs.readdirSync(spool.incoming), []);
  const { status, body } = await ask('POST', '/api/jobs/bulk', { ...order, asOf: plan.asOf });
  assert.deepEqual([status, body.done, body.skipped], [200, 3, {}]);
  assert.equal(fs.readdirSync(spool.incoming).length, 3);
});

test('a bulk action on ids counts those that it does not fit by the reason', async (t) => {
  const { ask } = await filled(t);
  const { body } = await ask('POST', '/api/jobs/bulk', { action: 'cancel', ids: ['pending-1', 'pending-1', 'failed-1', 'nobody'] });
  assert.equal(body.done, 1);
  assert.deepEqual(Object.values(body.skipped as Record<string, number>), [1, 1]);
});

test('a bulk action leaves alone what failed after its moment', async (t) => {
  const { ask } = await filled(t);
  const { body } = await ask('POST', '/api/jobs/bulk', { action: 'retry', filter: 'state:failed', asOf: '2026-11-20T09:00:00Z' });
  assert.equal(body.done, 0);
});

test('an order that is not clear is refused', async (t) => {
  const { ask, spool } = await filled(t);
  const before = fs.readdirSync(spool.root, { recursive: true });
  const wrong: [object, RegExp][] = [
    [{ action: 'retry' }, /either ids or a filter, got neither/],
    [{ action: 'retry', ids: ['a'], filter: 'state:failed' }, /either ids or a filter, got both/],
    [{ action: 'delete', filter: '' }, /filter: expected text with a length of at least 1/],
    [{ action: 'explode', ids: ['a'] }, /action: expected "cancel"/],
    [{ action: 'priority', ids: ['a'] }, /priority: expected a whole number from 1 to 10, got nothing/],
    [{ action: 'retry', ids: ['a'], priority: 4 }, /only with the action "priority"/],
    [{ action: 'retry', filter: 'colour:red' }, /unknown qualifier/],
    [{ action: 'retry', ids: [] }, /ids: expected/],
    [{ action: 'retry', ids: ['a'], asOf: 'yesterday' }, /asOf: expected/],
    [{ action: 'retry', ids: ['a'], force: true }, /unknown field "force"/],
  ];
  for (const [order, sentence] of wrong) {
    const answer = await ask('POST', '/api/jobs/bulk', order);
    assert.equal(answer.status, 422, JSON.stringify(order));
    assert.match(String(answer.body.detail), sentence);
  }
  assert.deepEqual(fs.readdirSync(spool.root, { recursive: true }), before);
});

test('a large bulk action goes on in the background, and says how far it is', async (t) => {
  const { ask, spool } = await makeClient(t, { basePath: '/deep' });
  for (let number = 0; number < 300; number++) put(spool, 'failed', `f-${number}`);
  const { status, headers, body } = await ask('POST', '/deep/api/jobs/bulk', { action: 'retry', filter: 'state:failed' });
  assert.equal(status, 202);
  assert.equal(body.expected, 300);
  const place = headers.get('Location') ?? '';
  assert.equal(place, `/deep/api/operations/${body.id}`);
  const over = await waitFor(async () => {
    const operation = (await ask('GET', place)).body;
    return operation.state === 'running' ? undefined : operation;
  }, 'the operation to end');
  assert.deepEqual([over.state, over.done, over.skipped, over.error], ['finished', 300, {}, null]);
  assert.equal((await ask('POST', `${place}/stop`)).status, 409);
});

test('a log is given whole, in part, by its last lines, and empty for a job that printed nothing', async (t) => {
  const { ask, spool } = await filled(t);
  fs.writeFileSync(spool.jobLog('failed-1'), 'one\ntwo\n\u001b[31mthree\u001b[0m\n');
  const log = '/api/jobs/failed-1/log';
  const whole = await ask('GET', log);
  assert.equal(whole.text, 'one\ntwo\n\u001b[31mthree\u001b[0m\n');
  assert.match(whole.headers.get('Content-Type') ?? '', /^text\/plain; ?charset=utf-8$/i);
  assert.equal(whole.headers.get('X-Content-Type-Options'), 'nosniff');
  const part = await ask('GET', log, undefined, { Range: 'bytes=4-6' });
  assert.deepEqual([part.status, part.text, part.headers.get('Content-Range')], [206, 'two', 'bytes 4-6/23']);
  const past = await ask('GET', log, undefined, { Range: 'bytes=23-' });
  assert.deepEqual([past.status, past.headers.get('Content-Range')], [416, 'bytes */23']);
  assert.equal((await ask('GET', `${log}?tail=2`)).text, 'two\n\u001b[31mthree\u001b[0m\n');
  assert.equal((await ask('GET', `${log}?tail=0`)).status, 422);
  const none = await ask('GET', '/api/jobs/pending-1/log');
  assert.deepEqual([none.status, none.text], [200, '']);
});

test('a log that is a link out of the spool is not followed', async (t) => {
  const { ask, spool } = await filled(t);
  fs.symlinkSync('/etc/passwd', spool.jobLog('failed-1'));
  for (const query of ['', '?tail=5']) assert.equal((await ask('GET', `/api/jobs/failed-1/log${query}`)).text, '');
});

test('the stats count, and say who works and whether it is paused', async (t) => {
  const { ask, spool } = await filled(t);
  fs.writeFileSync(
    spool.holder('host-1'),
    JSON.stringify({
      kind: 'runner',
      slot: 'host-1',
      host: 'elsewhere',
      pid: 1,
      processStart: '1',
      bootId: 'b',
      pidNamespace: 'n',
      since: '2026-11-20T10:00:00.000Z',
    }),
  );
  const { body } = await ask('GET', '/api/stats');
  assert.deepEqual(body.counts, { scheduled: 1, pending: 1, running: 1, retrying: 1, completed: 1, failed: 2, cancelled: 1, rejected: 1 });
  assert.equal(body.paused, false);
  assert.equal((body.throughput as { buckets: unknown[] }).buckets.length, 60);
  const [runner] = body.runners as { slot: string; running: { id: string }[] }[];
  assert.deepEqual([runner?.slot, runner?.running.map(({ id }) => id)], ['host-1', ['running-1']]);
  const day = (await ask('GET', '/api/stats?window=24h')).body.throughput as { stepMs: number; buckets: unknown[] };
  assert.deepEqual([day.stepMs, day.buckets.length], [3_600_000, 24]);
  assert.equal((await ask('GET', '/api/stats?window=1y')).status, 422);
});

test('pause and resume can be asked for again and again', async (t) => {
  const { ask, spool, journal } = await makeClient(t);
  const answers = [];
  for (const word of ['pause', 'pause', 'resume', 'resume']) answers.push((await ask('POST', `/api/${word}`)).body);
  assert.deepEqual(answers, [
    { paused: true, changed: true },
    { paused: true, changed: false },
    { paused: false, changed: true },
    { paused: false, changed: false },
  ]);
  assert.equal(isPaused(spool), false);
  assert.equal(journal.lines.length, 2);
});

test('a wrong method is told the right ones, a wrong path where to read on', async (t) => {
  const { ask } = await filled(t);
  const allowed: [string, string, string][] = [
    ['PUT', '/api/jobs', 'GET, HEAD, POST'],
    ['POST', '/api/jobs/failed-1', 'DELETE, GET, HEAD'],
    ['PATCH', '/api/jobs/bulk', 'DELETE, GET, HEAD, POST'],
    ['GET', '/api/jobs/failed-1/retry', 'POST'],
    ['GET', '/api/pause', 'POST'],
    ['DELETE', '/api/stats', 'GET, HEAD'],
  ];
  for (const [method, address, list] of allowed) {
    const { status, headers, body } = await ask(method, address);
    assert.deepEqual([status, headers.get('Allow')], [405, list], `${method} ${address}`);
    assert.match(String(body.detail), new RegExp(`answers to ${list}, not to ${method}`));
  }
  for (const address of ['/api/nothing', '/api/jobs/a/b/c', '/api/']) {
    const { status, body } = await ask('GET', address);
    assert.equal(status, 404, address);
    assert.match(String(body.detail), /openapi\.json/);
  }
});

test('HEAD answers as GET does, without a body', async (t) => {
  const { ask } = await filled(t);
  for (const address of ['/api/jobs', '/api/jobs/failed-1', '/api/stats', '/api/openapi.json', '/api/events']) {
    const { status, text } = await ask('HEAD', address);
    assert.deepEqual([status, text], [200, ''], address);
  }
});

const EVERY: [string, string, unknown?][] = [
  ['GET', '/api/jobs'],
  ['GET', '/api/jobs/failed-1'],
  ['GET', '/api/jobs/failed-1/log'],
  ['GET', '/api/stats'],
  ['GET', '/api/events'],
  ['GET', '/api/operations/x'],
  ['GET', '/api/openapi.json'],
  ['POST', '/api/jobs', { class: 'ExampleJob', method: 'execute', params: ['x'] }],
  ['POST', '/api/jobs/bulk', { action: 'delete', filter: 'state:failed' }],
  ['POST', '/api/jobs/pending-1/cancel'],
  ['POST', '/api/jobs/failed-1/retry'],
  ['POST', '/api/jobs/scheduled-1/run-now'],
  ['POST', '/api/jobs/pending-1/priority', { priority: 1 }],
  ['POST', '/api/operations/x/stop'],
  ['POST', '/api/pause'],
  ['POST', '/api/resume'],
  ['DELETE', '/api/jobs/failed-1'],
];

const SECRETS = credentials({ password: 'right', token: 'secret', viewerToken: 'looking' });

test('nobody without a password or token gets anything', async (t) => {
  const { ask } = await filled(t, { credentials: SECRETS });
  for (const authorization of [undefined, 'Bearer wrong', `Basic ${btoa('admin:wrong')}`]) {
    const headers: Record<string, string> = authorization === undefined ? {} : { Authorization: authorization };
    // The wrong ones are counted: a few are enough.
    for (const [method, address, body] of authorization === undefined ? EVERY : EVERY.slice(0, 2)) {
      const answer = await ask(method, address, body, headers);
      assert.equal(answer.status, 401, `${method} ${address} ${authorization}`);
      assert.match(answer.headers.get('Content-Type') ?? '', /problem\+json/);
    }
  }
});

test('viewers, read-only services and other sites change nothing, and the answer says why', async (t) => {
  const { spool, dashboard, ask } = await filled(t, { credentials: SECRETS });
  const readOnly = await makeClient(t, { ...dashboard, readOnly: true });
  const before = fs.readdirSync(spool.root, { recursive: true });
  const operator = { Authorization: 'Bearer secret' };
  for (const [method, address, body] of EVERY.filter(([word]) => word !== 'GET')) {
    const answers: [Answer, RegExp][] = [
      [await ask(method, address, body, { Authorization: 'Bearer looking' }), /viewer/],
      [await readOnly.ask(method, address, body, operator), /read-only/],
      [await ask(method, address, body, { ...operator, 'Sec-Fetch-Site': 'cross-site' }), /another site/],
    ];
    for (const [answer, sentence] of answers) {
      assert.equal(answer.status, 403, `${method} ${address} ${sentence}`);
      assert.match(String(answer.body.detail), sentence);
    }
  }
  assert.deepEqual(fs.readdirSync(spool.root, { recursive: true }), before);
  assert.equal((await ask('GET', '/api/jobs', undefined, { Authorization: 'Bearer looking' })).status, 200);
});

const ATTEMPT = {
  number: 1,
  outcome: 'failed',
  startedAt: '2026-11-20T10:00:01.000Z',
  finishedAt: '2026-11-20T10:00:02.000Z',
  runner: 'host-1',
  error: { name: 'Error', message: 'it broke', stack: 'Error: it broke\n    at here' },
} as const;

const ACCEPTED = '2026-11-20T10:00:00.000Z';

function put(
  spool: Spool,
  folder: 'pending' | 'retrying' | 'failed' | 'cancelled',
  id: string,
  over: Partial<Request> = {},
  runAt = Date.parse(ACCEPTED),
): void {
  const request = { class: 'ExampleJob', method: 'execute', params: ['x'], acceptedAt: ACCEPTED, ...over };
  fs.writeFileSync(path.join(spool[folder], jobFileName({ priority: 5, runAt, id })), JSON.stringify(request));
}

/** The API on a spool with a job in every state, and another failed one. */
async function filled(t: TestContext, overrides: Partial<Dashboard> = {}): Promise<Client> {
  const client = await makeClient(t, overrides);
  const { spool } = client;
  const later = Date.UTC(2099, 0);
  put(spool, 'pending', 'pending-1');
  put(spool, 'pending', 'scheduled-1', {}, later);
  put(spool, 'retrying', 'retrying-1', { attempts: [ATTEMPT] }, later);
  put(spool, 'failed', 'failed-1', { attempts: [ATTEMPT] });
  put(spool, 'failed', 'failed-2', { attempts: [{ ...ATTEMPT, error: { name: 'Error', message: 'something else' } }] });
  put(spool, 'cancelled', 'cancelled-1');
  fs.mkdirSync(spool.slot('host-1'), { recursive: true });
  const request = { class: 'ExampleJob', method: 'execute', params: ['x'], acceptedAt: ACCEPTED };
  fs.writeFileSync(
    spool.claimed('host-1', jobFileName({ priority: 5, runAt: Date.parse(ACCEPTED), id: 'running-1' })),
    JSON.stringify(request),
  );
  fs.writeFileSync(path.join(spool.rejected, 'p5-now-rejected-1.json'), JSON.stringify({ class: 'Nobody' }));
  fs.writeFileSync(
    spool.reason('p5-now-rejected-1.json'),
    JSON.stringify({ reason: 'class "Nobody" is not on the allow-list', rejectedAt: ACCEPTED }),
  );
  fs.mkdirSync(spool.ledgerDay('2026-11-20'), { recursive: true });
  const { error: _error, ...attempt } = ATTEMPT;
  const line = {
    id: 'completed-1',
    ...request,
    priority: 5,
    runAt: ACCEPTED,
    startedAt: attempt.startedAt,
    finishedAt: attempt.finishedAt,
    durationMs: 1_000,
    attempts: [{ ...attempt, outcome: 'completed' }],
    result: 'x',
  };
  fs.writeFileSync(spool.ledger('2026-11-20', 'host-1'), `${JSON.stringify(line)}\n`);
  return client;
}

const idsOf = (body: Record<string, unknown>): string[] => (body.jobs as { id: string }[]).map(({ id }) => id);

const mistakesOf = ({ body }: Answer): Record<string, string> =>
  Object.fromEntries(((body.mistakes ?? []) as { path: string; message: string }[]).map((one) => [one.path, one.message]));
