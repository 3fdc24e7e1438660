import assert from 'node:assert/strict';
import test from 'node:test';
import { Hono } from 'hono';
import { HTTPException } from 'hono/http-exception';
import { z } from 'zod';
import { backOf, readForm, readQuery, several } from '../../ui/forms.ts';

const Form = z.object({
  id: several,
  priority: z.coerce.number().int().min(1).max(10).optional(),
  back: z.string().optional(),
});

const app = new Hono()
  .post('/', async (context) => context.json(await readForm(context, Form)))
  .get('/', (context) => context.json(readQuery(context, Form)))
  .onError((error, context) =>
    error instanceof HTTPException ? context.text(error.message, error.status) : context.text(`unexpected: ${error.message}`, 500),
  );

const posted = (body: string | FormData, headers: Record<string, string> = { 'Content-Type': 'application/x-www-form-urlencoded' }) =>
  app.request('/', { method: 'POST', body, headers });

test('a key that comes once or several times is a list where one is wanted', async () => {
  assert.deepEqual(await (await posted('id=a')).json(), { id: ['a'] });
  assert.deepEqual(await (await posted('id=a&id=b&priority=3')).json(), { id: ['a', 'b'], priority: 3 });
  assert.deepEqual(await (await app.request('/?id=a&id=b&back=%2Fx%3Fy%3D1')).json(), { id: ['a', 'b'], back: '/x?y=1' });
});

test('what nobody filled in is not there', async () => {
  assert.deepEqual(await (await posted('id=&priority=&back=')).json(), { id: [] });
  assert.deepEqual(await (await posted('')).json(), { id: [] });
  assert.deepEqual(await (await app.request('/?priority=')).json(), { id: [] });
});

test('a mistake is a sentence, never a failure of ours', async () => {
  const wrong: [string, RegExp][] = [
    ['priority=high', /^priority: expected number, got the text "high"$/],
    ['priority=11', /^priority: expected at most 10, got the text "11"$/],
    ['priority=1&priority=2', /^priority: expected number, got an array$/],
    ['surprise=1', /^unknown field "surprise"$/],
    ['__proto__=1', /^unknown field "__proto__"$/],
    ['constructor=1&toString=2', /unknown field "constructor"; unknown field "toString"/],
    ['back=1&back=2', /^back: expected string, got an array$/],
  ];
  for (const [text, sentence] of wrong) {
    for (const [answer, status] of [[await posted(text), 422] as const, [await app.request(`/?${text}`), 400] as const]) {
      assert.equal(answer.status, status, text);
      assert.match(await answer.text(), sentence);
    }
  }
});

test('bytes that are no text, and half an escape, are still only a form', async () => {
  for (const body of ['id=%', 'id=%ff%fe', 'id=%zz', '&&&=', 'id=\u0000']) assert.ok((await posted(body)).status < 500, body);
});

test('a file instead of a text is a text that no field wants', async () => {
  const form = new FormData();
  form.set('priority', new Blob(['5']), 'five.txt');
  assert.equal((await posted(form, {})).status, 422);
  const good = new FormData();
  good.append('id', 'a');
  good.append('id', 'b');
  assert.deepEqual(await (await posted(good, {})).json(), { id: ['a', 'b'] });
});

test('what is no form is refused as such', async () => {
  for (const type of ['application/json', 'text/plain', 'multipart/form-data']) {
    const answer = await posted('{"id":"a"}', { 'Content-Type': type });
    assert.equal(answer.status, 415, type);
    assert.match(await answer.text(), /^read the form: expected application\/x-www-form-urlencoded, got /);
  }
  assert.equal((await app.request('/', { method: 'POST' })).status, 415);
});

test('an action leads back to this server only', () => {
  for (const back of ['/', '/dashboard', '/dashboard/jobs?state=failed&q=%22a%20b%22#job-1', '/dashboard/jobs/ä', '/a//b']) {
    assert.equal(backOf({ back }, '/x'), back);
  }
  for (const back of [
    undefined,
    '',
    'dashboard',
    '//evil.example',
    '/\\evil.example',
    '\\/evil.example',
    '/a\\..\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    '/a\r\nSet-Cookie: x=1',
    ' //evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    'http:/evil.example',
    `/${'x'.repeat(5_000)}`,
  ]) {
    assert.equal(backOf({ back }, '/x'), '/x', back);
  }
});
