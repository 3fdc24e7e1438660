import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { z } from 'zod';
import { MASK } from '../../spool/mask.ts';
import type { Dashboard } from '../../ui/dashboard.ts';
import { enqueue, momentOf } from '../../ui/enqueueing.ts';
import { exampleParams } from '../../ui/example-params.ts';
import { enqueuePages } from '../../ui/pages/enqueue.ts';
import { appOf, makeDashboard } from '../support/dashboard.ts';
import { failedAttempt, plant, postForm } from '../support/plant.ts';

async function form(t: TestContext, overrides: Partial<Dashboard> = {}) {
  const { dashboard, spool, journal } = await makeDashboard(t, overrides);
  const app = await appOf(dashboard, enqueuePages);
  const get = async (query = '') => (await app.request(`/dashboard/enqueue${query}`)).text();
  const post = (fields: Record<string, string>) =>
    postForm(app, '/dashboard/enqueue', { handler: 'ExampleJob.execute', params: '["Sample Data"]', ...fields });
  const incoming = () => fs.readdirSync(spool.incoming);
  const body = (name = incoming()[0] as string) => JSON.parse(fs.readFileSync(path.join(spool.incoming, name), 'utf8'));
  return { get, post, incoming, body, spool, dashboard, journal };
}

const plain = async (response: Response): Promise<string> => (await response.text()).replaceAll('&quot;', '"').replaceAll('&#39;', "'");

test('the form puts the file into the spool that a producer would, and leads to the job', async (t) => {
  const { post, incoming, body, journal } = await form(t);
  const response = await post({ id: 'mine', priority: '8', retries: '2', retryDelay: '5s', backoff: 'fixed', timeout: '10m' });
  assert.deepEqual([response.status, response.headers.get('Location')], [303, '/dashboard/jobs/mine']);
  assert.deepEqual(incoming(), ['p8-now-mine.json']);
  assert.deepEqual(body(), {
    class: 'ExampleJob',
    method: 'execute',
    params: ['Sample Data'],
    retries: 2,
    retryDelay: '5s',
    backoff: 'fixed',
    timeout: '10m',
  });
  assert.deepEqual(journal.lines[0]?.fields, { id: 'mine', class: 'ExampleJob', method: 'execute', who: 'anybody' });
});

test('every handler of the allow-list can be chosen, with what it takes', async (t) => {
  const { get } = await form(t);
  const text = await get('?handler=WordCount.count');
  for (const name of ['ExampleJob.execute', 'CompressFile.gzip', 'FetchUrl.head', 'WordCount.count'])
    assert.match(text, new RegExp(`<option value="${name}"`));
  assert.match(text, /<option value="WordCount\.count" selected>/);
  assert.match(text, /<textarea[^>]*>{\n {2}&quot;path&quot;: &quot;text&quot;\n}<\/textarea>/);
  assert.match(text, /<section id="handler-help"[^>]*><h2>WordCount\.count<\/h2>.*&quot;additionalProperties&quot;: false/s);
});

test('a time is meant in the clock that was chosen beside it', async (t) => {
  const { post, incoming } = await form(t);
  await post({ id: 'a', runAt: '2099-11-22T10:15', offset: 'Z' });
  await post({ id: 'b', runAt: '2099-11-22T10:15', offset: '+02:00' });
  await post({ id: 'c', runAt: '2099-11-22T10:15:30Z', offset: '+02:00' });
  assert.deepEqual(incoming().sort(), [
    'p5-20991122T081500.000Z-b.json',
    'p5-20991122T101500.000Z-a.json',
    'p5-20991122T101530.000Z-c.json',
  ]);
});

test('each mistake stands beside its field, and what was typed is kept', async (t) => {
  const { post, incoming } = await form(t);
  const typed: Record<string, [string, string, RegExp]> = {
    'not JSON': ['params', '["open', /params: expected JSON/],
    'params of another form': ['params', '[1]', /does not take these parameters: params\[0\]: expected string, got the number 1/],
    'a bad id': ['id', 'no spaces', /an id is 1 to 100 of the characters/],
    'a bad priority': ['priority', '11', /priority: expected at most 10/],
    'a priority in words': ['priority', 'high', /priority: expected number, got the text "high"/],
    'bad retries': ['retries', '-1', /retries: expected at least 0/],
    'a bad delay': ['delay', 'soon', /delay: expected a number of seconds or a text such as/],
    'a bad timeout': ['timeout', '0s', /timeout: expected more than 0/],
    'a time that is none': ['runAt', '2099-02-31T10:00', /runAt: expected a time such as/],
    'no handler': ['handler', '', /handler: expected one of the list, got nothing/],
    'another handler': ['handler', 'Evil.run', /class "Evil" is not on the allow-list/],
  };
  for (const [what, [field, value, sentence]] of Object.entries(typed)) {
    const response = await post({ [field]: value });
    const text = await plain(response);
    assert.equal(response.status, 422, what);
    const wrong = new RegExp(`id="${field}-wrong">([^<]*)`).exec(text)?.[1] ?? assert.fail(`${what}: nothing stands beside ${field}`);
    assert.match(wrong, sentence, what);
    if (field !== 'handler' && value !== '')
      assert.ok(text.includes(field === 'params' ? `>${value}</textarea>` : `value="${value}"`), `${what} is kept`);
  }
  assert.deepEqual(incoming(), []);
});

test('a delay and a time together are refused', async (t) => {
  const { post } = await form(t);
  assert.match(await plain(await post({ delay: '5m', runAt: '2099-11-22T10:15' })), /expected either a delay or a run-at, got both/);
});

test('an id that a job has which waits or runs is refused with 409, one of a job that is over is not', async (t) => {
  const { post, spool, incoming } = await form(t);
  plant(spool, 'pending', { id: 'live' });
  plant(spool, 'failed', { id: 'over', attempts: [failedAttempt()] });
  const response = await post({ id: 'live' });
  assert.equal(response.status, 409);
  assert.match(await plain(response), /id="id-wrong">a job with the id "live" is already waiting or running/);
  assert.equal((await post({ id: 'over' })).status, 303);
  assert.equal((await post({ id: 'over' })).status, 409, 'it waits to be accepted now');
  assert.deepEqual(incoming(), ['p5-now-over.json']);
});

test('a duplicate has everything filled in; its secrets are masked, and put back when it is sent', async (t) => {
  const { get, post, spool, body } = await form(t, { refusal: () => undefined });
  const params = [{ warehouse: 'WH-3', apiKey: 'k-123456', nested: { password: 'hunter2' } }];
  plant(spool, 'failed', { id: 'a', priority: 7, params, retries: 4, timeout: '5m', attempts: [failedAttempt()] });
  const text = (await get('?from=a')).replaceAll('&quot;', '"');
  assert.doesNotMatch(text, /k-123456|hunter2/);
  assert.match(text, /href="\/dashboard\/jobs\/a"/);
  assert.match(text, /<option value="ExampleJob\.execute" selected>/);
  for (const [name, value] of Object.entries({ priority: '7', retries: '4', timeout: '5m' })) {
    assert.match(text, new RegExp(`name="${name}"[^>]*value="${value}"`));
  }
  const shown = /<textarea[^>]*>([^<]*)/.exec(text)?.[1] ?? '';
  await post({ from: 'a', params: shown.replace('WH-3', 'WH-4') });
  assert.deepEqual(body().params, [{ warehouse: 'WH-4', apiKey: 'k-123456', nested: { password: 'hunter2' } }]);
});

test('a mask is never enqueued as if it were the secret', async (t) => {
  const { post, incoming } = await form(t);
  for (const from of ['', 'gone']) {
    const response = await post({ params: `["${MASK}"]`, ...(from ? { from } : {}) });
    assert.equal(response.status, 422);
    assert.match(await plain(response), /params: expected a value where •••••• stands/);
  }
  assert.deepEqual(incoming(), []);
});

test('what was typed comes back as text, whatever it is', async (t) => {
  const { post, get } = await form(t);
  const evil = '"></textarea><script>alert(1)</script>';
  const response = await post({ params: evil, id: evil, handler: evil, delay: evil });
  assert.doesNotMatch(await response.text(), /<script>alert/);
  assert.doesNotMatch(await get(`?from=${encodeURIComponent(evil)}&handler=${encodeURIComponent(evil)}`), /<script>alert/);
});

test('a program is refused as the form is, with all that is wrong at once', async (t) => {
  const { dashboard, incoming } = await form(t);
  const result = await enqueue(dashboard, { class: 'ExampleJob', method: 'execute', priority: 0, id: '-', args: [] }, 'ada');
  assert.equal(result.kind, 'invalid');
  const fields = result.kind === 'invalid' ? result.mistakes.map(({ field }) => field).sort() : [];
  assert.deepEqual(fields, ['args', 'id', 'priority']);
  for (const given of [null, [], 'x', 7, {}]) assert.equal((await enqueue(dashboard, given, 'ada')).kind, 'invalid');
  assert.deepEqual(incoming(), []);
});

test('parameters nested without end are refused, and harm nobody', async (t) => {
  const { post, incoming } = await form(t);
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const response = await post({ params: deep });
  assert.equal(response.status, 422);
  assert.match(await plain(response), /at most 200 levels of nesting/);
  assert.deepEqual(incoming(), []);
});

test('times are read as ISO 8601 alone, in UTC where they have no offset', () => {
  const cases: [string, string | undefined][] = [
    ['2026-11-22T10:15', '2026-11-22T10:15:00.000Z'],
    ['2026-11-22 10:15:30.5', '2026-11-22T10:15:30.500Z'],
    ['2026-11-22T10:15+0200', '2026-11-22T08:15:00.000Z'],
    ['2026-11-22T10:15:00-03:30', '2026-11-22T13:45:00.000Z'],
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['20261122T101500Z', '2026-11-22T10:15:00.000Z'],
    ['2026-02-31T10:15', undefined],
    ['2026-11-22T25:15', undefined],
    ['2026', undefined],
    ['tomorrow', undefined],
    ['now', undefined],
    ['', undefined],
  ];
  for (const [text, expected] of cases) {
    const ms = momentOf(text);
    assert.equal(ms === undefined ? undefined : new Date(ms).toISOString(), expected, text);
  }
});

test('the example of a schema has its form', () => {
  const schemas = [
    z.tuple([z.string(), z.int()]),
    z.array(z.strictObject({ to: z.email(), at: z.iso.datetime(), size: z.number().min(3) })).min(2),
    z.strictObject({ path: z.string().min(1), kind: z.enum(['a', 'b']), deep: z.object({ on: z.boolean() }) }),
    z.tuple([z.union([z.literal('x'), z.null()]), z.url()]),
    z.record(z.string(), z.int()),
  ];
  for (const schema of schemas) assert.doesNotThrow(() => schema.parse(exampleParams(z.toJSONSchema(schema, { io: 'input' }))));
  assert.deepEqual(exampleParams(undefined), []);
  assert.deepEqual(exampleParams({ $ref: '#' }), []);
});
