import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSecretKey, MASK, maskJob, maskSecrets, unmask } from '../../spool/mask.ts';

test('what stands under a secret key is hidden at any depth, and everything else is as it was', () => {
  assert.deepEqual(maskSecrets([{ user: 'ada', password: 'x', nested: { deep: [{ apiKey: 'k', n: 1 }] } }, 'plain', null, 5]), [
    { user: 'ada', password: MASK, nested: { deep: [{ apiKey: MASK, n: 1 }] } },
    'plain',
    null,
    5,
  ]);
  assert.deepEqual(maskSecrets({ credentials: { user: 'ada', key: 'k' }, cookies: ['a', 'b'] }), { credentials: MASK, cookies: MASK });
});

test('a key is secret by its words, however they are written', () => {
  for (const key of [
    ...['password', 'PASSWORD', 'dbPassword', 'db_password', 'Passwd', 'pwd', 'user-pwd', 'passphrase'],
    ...['secret', 'clientSecret', 'client_secret_2', 'token', 'accessToken', 'ACCESS_TOKEN', 'csrf-token', 'accesstoken'],
    ...['apiKey', 'api_key', 'x-api-key', 'APIKEY', 'Authorization', 'proxy-authorization', 'credential', 'credentials'],
    ...['privateKey', 'private key', 'cookie', 'Set-Cookie', 'session', 'sessionId', 'PHPSESSID', 'jwt', 'bearer'],
  ]) {
    assert.ok(isSecretKey(key), `expected "${key}" to be secret`);
  }
  for (const key of [
    ...[
      'tokens_used',
      'maxTokens',
      'tokenCount',
      'tokens',
      'passenger',
      'passed',
      'key',
      'keyboard',
      'author',
      'authors',
      'sessions_per_day',
      'to',
      '',
    ],
    ...['compass', 'bypass', 'shipping', 'pinned', 'spin'],
  ]) {
    assert.ok(!isSecretKey(key), `expected "${key}" to be shown`);
  }
});

test('that a secret is missing or empty gives nothing away and stays to be seen', () => {
  assert.deepEqual(maskSecrets({ password: null, token: '', secret: false }), { password: null, token: '', secret: false });
});

test('how many tokens there are is shown, and which they are is not', () => {
  assert.deepEqual(maskSecrets([{ maxTokens: 100 }, { tokens: ['a'] }, { refresh_tokens: 'a b' }]), [
    { maxTokens: 100 },
    { tokens: MASK },
    { refresh_tokens: MASK },
  ]);
});

test('keys that objects have of their own come through whole', () => {
  const value: unknown = JSON.parse('{"__proto__": {"password": "x"}, "constructor": 1}');
  assert.equal(JSON.stringify(maskSecrets(value)), `{"__proto__":{"password":"${MASK}"},"constructor":1}`);
});

test('a value that is nested very deep is hidden where it cannot be looked through', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(5_000)}"x"${']'.repeat(5_000)}`);
  assert.match(JSON.stringify(maskSecrets(deep)), new RegExp(`^\\[+"${MASK}"\\]+$`));
});

test("a job's parameters and result are masked, and nothing else of it", () => {
  const job = { id: 'a', state: 'failed', priority: 5, runAt: '', attempts: [], params: [{ token: 't' }], result: { token: 't' } } as const;
  assert.deepEqual(maskJob({ ...job, params: [...job.params], attempts: [] }), {
    ...job,
    params: [{ token: MASK }],
    result: { token: MASK },
  });
});

test('a duplicate with edits keeps the secrets that were not touched, and takes those that were', () => {
  const original = [{ user: 'ada', password: 'p', token: 't', list: [{ secret: 's' }] }];
  const edited = maskSecrets(original) as [Record<string, unknown>];
  edited[0].user = 'eve';
  edited[0].token = 'new';
  assert.deepEqual(unmask(edited, original), [{ user: 'eve', password: 'p', token: 'new', list: [{ secret: 's' }] }]);
  assert.deepEqual(unmask({ other: MASK }, original), { other: MASK });
});
